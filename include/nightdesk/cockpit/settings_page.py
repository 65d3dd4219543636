"""The books and what each is set to, how that changed over time, and the files that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

from nightdesk.cockpit.screen import AScreen, Screen
from nightdesk.cockpit.setting_lines import SettingLine, setting_lines
from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.leaves import changed_leaves
from nightdesk.core.masking import mask_line
from nightdesk.session.book_dags import deciding_dag
from nightdesk.session.steps import said_by
from nightdesk.store.book_rows import started_books, stored_book
from nightdesk.store.book_version_rows import ConfigurationSpan, configuration_spans, configurations

router = APIRouter()

#: Versions that are shown, and changed keys of each; the rest of a version's keys is counted.
VERSIONS_SHOWN, KEYS_SHOWN = 20, 40


@dataclass(frozen=True)
class ListedBook:
    """A book in the list: what it trades by which strategies, where its orders go, whether it is started."""

    name: str
    title: str
    started: bool
    inception: date | None
    rhythm: str
    symbols: str
    strategies: tuple[str, ...]
    accounts: tuple[str, ...]
    file: str


@dataclass(frozen=True)
class DecidedVersion:
    """A version that decided, and the keys in which it differs from the one before; `more` counts others.

    `known` is False where one of the two was decided before the desk kept what books say.
    """

    span: ConfigurationSpan
    changes: tuple[str, ...]
    more: int
    known: bool
    is_first: bool


@dataclass(frozen=True)
class BookSettings:
    """One book.

    Attributes
    ----------
    lines : tuple of SettingLine
        Its settings as validated; empty where neither file nor store has them.
    refusal : str
        Why its file is refused; empty where it is not.
    from_store : bool
        Whether they are those that the newest decision used, as its file cannot be read.
    pending : tuple of str
        Keys in which the file differs from what decided last; the next decision goes by the file.
    versions : tuple of DecidedVersion
        The newest first.
    dag : str
        Address of the DAG that decides; empty where the file cannot be read.
    """

    name: str
    title: str
    description: str
    lines: tuple[SettingLine, ...]
    refusal: str
    from_store: bool
    pending: tuple[str, ...]
    versions: tuple[DecidedVersion, ...]
    dag: str


@dataclass(frozen=True)
class SettingsView:
    """The list of the books, and one of them where it is asked for."""

    listed: tuple[ListedBook, ...]
    broken: Mapping[str, str]
    chosen: BookSettings | None


def settings_view(screen: Screen, book: str = "") -> SettingsView:
    """What the books are set to.

    Raises
    ------
    HTTPException
        404 where there is no such book.
    """
    broken = screen.book_list.broken
    if book and book not in {*screen.started, *screen.books, *broken}:
        raise HTTPException(404, f"There is no book {book[:80]!r}.")
    return SettingsView(
        listed=_listed(screen), broken=broken, chosen=_settings(screen, book) if book else None
    )


@router.get("/settings")
def settings(screen: AScreen, book: str = "") -> HTMLResponse:
    """The books, or one."""
    title = f"Settings of {book}" if book else "Books"
    return screen.render(
        "settings.html.j2", settings_view(screen, book), title=title, book=book, tab="settings"
    )


def _listed(screen: Screen) -> tuple[ListedBook, ...]:
    records = {one.book: one for one in started_books(screen.conn) if one.book in screen.started}
    names = sorted({*records, *screen.books})
    return tuple(
        _line(name, screen.books.get(name), records[name].inception if name in records else None)
        for name in names
    )


def _line(name: str, book: Book | None, started: date | None) -> ListedBook:
    if book is None:
        return ListedBook(name, name, True, started, "", "", (), (), "cannot be read")
    listed = f"{len(book.symbols)}"
    if book.members is not None:
        listed = "a list of members" if book.members.screen is None else "found by a screen"
    return ListedBook(
        name=name,
        title=book.title,
        started=started is not None,
        inception=started or book.inception,
        rhythm=book.schedule.rhythm,
        symbols=listed,
        strategies=tuple(book.strategies),
        accounts=tuple(f"{one} ({book.entry_of(one).kind})" for one in book.account_names),
        file="is read",
    )


def _settings(screen: Screen, name: str) -> BookSettings:
    book = screen.books.get(name)
    stored = None
    if book is None and name in screen.started:
        stored = _stored(screen, name)
    shown = book or stored
    spans = configuration_spans(screen.conn, name, VERSIONS_SHOWN + 1) if name in screen.started else ()
    said = configurations(screen.conn, name, {one.config_hash for one in spans})
    pending: tuple[str, ...] = ()
    if book is not None and spans and book.config_hash != spans[0].config_hash:
        before = said.get(spans[0].config_hash)
        pending = ("which keys is not known",) if before is None else _keys(before, said_by(book))
    return BookSettings(
        name=name,
        title=name if shown is None else shown.title,
        description="" if shown is None else shown.description,
        lines=() if shown is None else setting_lines(shown),
        refusal=screen.book_list.broken.get(name, "") if book is None else "",
        from_store=stored is not None,
        pending=pending,
        versions=_versions(spans, said),
        dag="" if book is None else screen.leave(deciding_dag(book), ""),
    )


def _stored(screen: Screen, name: str) -> Book | None:
    """The book as its newest step used it; None where this version of the desk cannot read that."""
    try:
        return stored_book(screen.conn, name)
    except Refused:
        return None


def _versions(
    spans: tuple[ConfigurationSpan, ...], said: Mapping[str, Mapping[str, object]]
) -> tuple[DecidedVersion, ...]:
    lines = []
    for n, one in enumerate(spans[:VERSIONS_SHOWN]):
        older = spans[n + 1] if n + 1 < len(spans) else None
        now, before = said.get(one.config_hash), None if older is None else said.get(older.config_hash)
        known = older is None or (now is not None and before is not None)
        keys = _keys(before, now) if older is not None and known else ()
        lines.append(
            DecidedVersion(one, keys[:KEYS_SHOWN], max(0, len(keys) - KEYS_SHOWN), known, older is None)
        )
    return tuple(lines)


def _keys(before: object, now: object) -> tuple[str, ...]:
    return tuple(map(mask_line, changed_leaves(before, now)))
