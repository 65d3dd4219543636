"""`override` and `overrides`: what a person limits in a book for some time, and what is limited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json, Reason, day_option
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.store.db import Connection
    from nightdesk.store.override_rows import StatedOverride

What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SYMBOL] [KIND] [SIZE]",
        help="A symbol of the book (none with --all); close-only, no-new-entries or max-size; the size of "
        "max-size, a share of NAV such as 0.05. With --end the kind may be left out.",
    ),
]
Until = Annotated[
    date | None,
    day_option("--until", "The last session that it counts in, as 2026-12-31; two years at most."),
]
Whole = Annotated[bool, typer.Option("--all", help="The whole book.", show_default=False)]
Reduce = Annotated[
    bool,
    typer.Option("--reduce", help="Of max-size: bring a larger position back to it.", show_default=False),
]
End = Annotated[bool, typer.Option("--end", help="End what was said.", show_default=False)]


@app.command(
    epilog=example(
        'nightdesk override multi_asset GLD close-only --until 2026-12-31 --reason "the fund closes"',
        'nightdesk override multi_asset QQQ max-size 0.05 --reduce --until 2027-01-29 --reason "earnings"',
        'nightdesk override multi_asset --all no-new-entries --until 2026-12-31 --reason "year end"',
        'nightdesk override multi_asset GLD --end --reason "it does not close"',
    )
)
def override(
    book: BookName,
    reason: Reason,
    what: What = None,
    until: Until = None,
    whole: Whole = False,
    reduce: Reduce = False,
    end: End = False,
    json: Json = False,
) -> None:
    """Limit a symbol of a book, or all of it, until a day; exits always pass.

    It counts from the next decision on, and is kept with your name: close-only lets nothing add to a
    position, no-new-entries lets nothing be opened, max-size lets no position grow beyond a share of NAV.
    """
    import getpass

    from nightdesk.cli.book_commands import open_book
    from nightdesk.operations.override import end_override, state_override

    symbol, kind, size = _parts(list(what or ()), whole=whole)
    if end and (until is not None or reduce or size is not None):
        raise typer.BadParameter("--end takes a symbol or --all, and a kind, alone", param_hint="'--end'")
    if not end and kind is None:
        raise typer.BadParameter("name close-only, no-new-entries or max-size", param_hint="'KIND'")
    loaded, who = open_book(book), getpass.getuser()
    with database() as conn:
        if end:
            told = end_override(conn, loaded, symbol=symbol, kind=kind, by=who, reason=reason)
        elif until is None:
            raise typer.BadParameter("name the last session that it counts in", param_hint="'--until'")
        else:
            told = state_override(
                conn, loaded, kind or "", symbol=symbol, until=until, size=size, reduce=reduce, by=who,
                reason=reason,
            )  # fmt: skip
    document = {"book": loaded.name, "symbol": symbol, "kind": kind, "ended": end, "in_words": told}
    show({**document, "reason": reason, "who": who}, as_json=json, text=lambda: [told])


@app.command(epilog=example("nightdesk overrides", "nightdesk overrides multi_asset --json"))
def overrides(
    book: Annotated[str | None, typer.Argument(metavar="BOOK", help="This book alone.")] = None,
    newest: Annotated[int, typer.Option("--newest", min=1, max=10_000, help="So many at most.")] = 100,
    json: Json = False,
) -> None:
    """List what people limit, or have limited, in the books; the newest first."""
    from nightdesk.store.override_rows import stated_overrides

    with database() as conn:
        found = [_Listed.of(conn, one) for one in stated_overrides(conn, book, newest=newest)]
    show({"overrides": [_document(one) for one in found]}, as_json=json, text=lambda: _lines(found))


@dataclass(frozen=True)
class _Listed:
    """An override, the decision that it began with in words, and whether one to come may read it."""

    stated: StatedOverride
    begins: str
    state: str

    @classmethod
    def of(cls, conn: Connection, stated: StatedOverride) -> Self:
        """What is to be said of it; it is over when all decisions of its last session are closed."""
        from nightdesk.core.calendar import USUAL_CALENDAR
        from nightdesk.session.auto_stop import next_counts, schedule_known

        schedule, fact = schedule_known(conn, stated.book), stated.override
        calendar = USUAL_CALENDAR if schedule is None else schedule.calendar.name
        over = fact.until < next_counts(conn, stated.book, calendar).session
        begins = f"{fact.since}" if schedule is None else schedule.name_of(fact.begins)
        return cls(stated, begins, "ended" if stated.ended_at is not None else "over" if over else "stands")


def _parts(words: list[str], *, whole: bool) -> tuple[str | None, str | None, float | None]:
    """Symbol, kind and size of what was typed."""
    hint = "'[SYMBOL] [KIND] [SIZE]'"
    if not whole and not words:
        raise typer.BadParameter("name a symbol of the book, or --all", param_hint=hint)
    symbol = None if whole else words.pop(0)
    if len(words) > 2:
        raise typer.BadParameter(f"{' '.join(words[2:])!r} is too much", param_hint=hint)
    kind = words[0] if words else None
    try:
        size = float(words[1]) if len(words) > 1 else None
    except ValueError:
        raise typer.BadParameter(f"{words[1]!r} is no share of NAV, such as 0.05", param_hint=hint) from None
    return symbol, kind, size


def _document(listed: _Listed) -> dict[str, Any]:
    one = listed.stated
    return {
        "book": one.book,
        **asdict(one.override),
        "stated_at": one.stated_at,
        "ended_at": one.ended_at,
        "ended_by": one.ended_by,
        "ended_reason": one.ended_reason,
        "state": listed.state,
    }


def _lines(found: Sequence[_Listed]) -> Iterator[str]:
    if not found:
        yield "nothing is limited by hand, and nothing ever was"
        return
    heads = ("book", "symbol", "limit", "from", "until", "by", "state", "why")
    yield from table(
        heads,
        [
            (
                one.book,
                one.override.subject,
                one.override.name,
                listed.begins,
                f"{one.override.until}",
                one.override.who,
                f"ended by {one.ended_by}: {one.ended_reason}" if one.ended_at else listed.state,
                one.override.reason,
            )
            for listed in found
            for one in (listed.stated,)
        ],
    )
