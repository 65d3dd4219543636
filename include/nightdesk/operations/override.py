"""A person limits a symbol of a book, or the whole book, for some time; and ends it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import cast, get_args

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.masking import mask_line, one_line
from nightdesk.core.schedule import Schedule, schedule_of
from nightdesk.risk import Override
from nightdesk.risk.by_hand import EFFECTS, OverrideKind
from nightdesk.session.context import with_all_listed
from nightdesk.session.gaps import first_missing
from nightdesk.store.book_rows import book_record
from nightdesk.store.db import Connection
from nightdesk.store.override_rows import add_override, end_overrides, standing_overrides, stating
from nightdesk.store.run_rows import find_run, sealed_because

#: What a person limits ends within two years: who still means it then says it anew.
LONGEST = timedelta(days=731)

#: Characters of a reason, and of a person's name: both stand in every verdict.
LONGEST_REASON, LONGEST_NAME = 500, 100


def state_override(
    conn: Connection,
    book: Book,
    kind: str,
    *,
    symbol: str | None = None,
    until: date,
    size: float | None = None,
    reduce: bool = False,
    by: str,
    reason: str,
) -> str:
    """Limit a symbol of a book, or all of them, from its next decision on.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    book : Book
        A started book.
    kind : str
        "close_only", "no_new_entries" or "max_size"; a hyphen serves as an underscore.
    symbol : str, optional
        A symbol of the book; None: the whole book.
    until : date
        The last session that it counts in.
    size : float, optional
        Of "max_size": the largest net position, share of NAV from 0 to 1.
    reduce : bool
        Whether a position beyond the size is brought back to it.
    by, reason : str
        The person who says so, and why.

    Returns
    -------
    str
        What was stored, and from which decision on it counts. Said twice alike, it is stored once.

    Raises
    ------
    Refused
        When the book was never started or has no such symbol; when the kind, the size or the last session is
        impossible; when no reason or person is given, or too long a one; or when one of the kind stands
        already that says something else. Nothing is stored.
    Transient
        When another process holds what it waits for: nothing is stored.
    """
    chosen, who, why = _kind(kind), *_who_and_why(by, reason)
    _check_size(chosen, size, reduce=reduce)
    _check_symbol(conn, book, symbol)
    with stating(conn, book.name):
        counts = _next_decision(conn, book)
        _check_until(until, counts.session)
        fact = Override(
            symbol, chosen, counts.as_of, counts.session, until, who, why,
            size=None if size is None else float(size), reduces=reduce,
        )  # fmt: skip
        same = [
            one
            for one in standing_overrides(conn, book.name, counts.session)
            if (one.symbol, one.kind) == (symbol, chosen)
        ]
        if same and not _alike(same[0], fact):
            raise Refused(
                f"{book.name}: {same[0].words} stands already. End it first: `{_ending(book.name, same[0])}`"
            )
        if not same:
            add_override(conn, book.name, fact)
    said = fact if not same else same[0]
    done = "was said already" if same else f"counts from the decision of {counts.name} on"
    return f"{book.name}: {said.words} {done}: {EFFECTS[chosen]}, exits pass{counts.remark}"


def end_override(
    conn: Connection,
    book: Book,
    *,
    symbol: str | None = None,
    kind: str | None = None,
    by: str,
    reason: str,
) -> str:
    """End what people limit in a symbol, or in the whole book, from its next decision on.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    book : Book
        A started book.
    symbol : str, optional
        None: what was said of the whole book; what was said of its symbols stays.
    kind : str, optional
        This kind alone; by default all of them.
    by, reason : str
        The person who says so, and why.

    Returns
    -------
    str
        What was ended, and from which decision on.

    Raises
    ------
    Refused
        When nothing of it stands, as after somebody else has ended it; or when no reason or person is given,
        or too long a one. Nothing is stored.
    Transient
        When another process holds what it waits for: nothing is stored.
    """
    chosen, (who, why) = None if kind is None else _kind(kind), _who_and_why(by, reason)
    with stating(conn, book.name):
        counts = _next_decision(conn, book)
        standing = standing_overrides(conn, book.name, counts.session)
        meant = [one for one in standing if one.symbol == symbol and chosen in (None, one.kind)]
        if not meant:
            raise Refused(_nothing_to_end(book, standing, symbol, chosen))
        end_overrides(conn, [one.number for one in meant], from_as_of=counts.as_of, who=who, reason=why)
    told = "; ".join(one.words for one in meant)
    return f"{book.name}: ended from the decision of {counts.name} on: {told}{counts.remark}"


@dataclass(frozen=True, slots=True)
class _Next:
    """The decision from which on a word counts; `remark` says what of the one under way, or nothing."""

    as_of: datetime
    session: date
    name: str
    remark: str = ""


def _next_decision(conn: Connection, book: Book) -> _Next:
    """The first decision that may still read what is said now."""
    record = book_record(conn, book.name)
    if record is None:
        raise Refused(
            f"book {book.name} was never started, so it trades nothing: "
            "`nightdesk up` or `nightdesk run` starts it"
        )
    schedule = schedule_of(book)
    as_of = first_missing(conn, book.name, record.inception, schedule)
    while sealed_because(conn, book.name, as_of) is not None:  # sent, and not closed yet
        as_of = schedule.after(as_of)
    return _Next(
        as_of, schedule.session_of(as_of), schedule.name_of(as_of), _under_way(conn, book, schedule, as_of)
    )


def _under_way(conn: Connection, book: Book, schedule: Schedule, as_of: datetime) -> str:
    """What a person must know where that decision has taken its facts already."""
    run = find_run(conn, book.name, as_of)
    if run is None or run.known_by is None:
        return ""
    known, option = f"{run.known_by:%Y-%m-%d %H:%M} UTC", schedule.option_of(as_of)
    return (
        f". That decision is under way with what was known by {known}: it reads this only if it begins anew "
        f"before its orders are sent (clear its ingest task, or `nightdesk run {book.name} {option}`); "
        f"`nightdesk kill {book.name}` stops what it opens at once"
    )


def _kind(text: str) -> OverrideKind:
    kind, known = text.strip().replace("-", "_"), get_args(OverrideKind)
    if kind not in known:
        written = ", ".join(one.replace("_", "-") for one in known)
        raise Refused(f"{_short(text)!r} is no override: expected one of {written}")
    return cast(OverrideKind, kind)


def _who_and_why(by: str, reason: str) -> tuple[str, str]:
    """Both on one line, as they are kept."""
    who, why = one_line(by).strip(), mask_line(reason).strip()
    if not who or not why:
        raise Refused("an override wants a reason and a person: who says so, and why?")
    for what, text, most in (("reason", why, LONGEST_REASON), ("person's name", who, LONGEST_NAME)):
        if len(text) > most:
            raise Refused(f"a {what} of {len(text):,} characters stands in every verdict: at most {most}")
    return who, why


def _check_size(kind: OverrideKind, size: float | None, *, reduce: bool) -> None:
    if kind != "max_size":
        if size is not None or reduce:
            raise Refused(f"{kind.replace('_', '-')} takes no size: leave it out, or say max-size")
        return
    if size is None:
        raise Refused("max-size wants a share of NAV, such as 0.05 for 5 %")
    if not math.isfinite(size) or not 0.0 <= size <= 1.0:
        meant = f"; {size:g} % is {size / 100:g}" if math.isfinite(size) and 1.0 < size <= 100.0 else ""
        raise Refused(f"a size of {size:g} is no share of NAV: expected 0 to 1, such as 0.05 for 5 %{meant}")


def _check_symbol(conn: Connection, book: Book, symbol: str | None) -> None:
    known = with_all_listed(conn, book).symbols
    if symbol is None or symbol in known:
        return
    some = (
        f"they are {', '.join(known)}" if len(known) <= 30 else f"`nightdesk members {book.name}` lists them"
    )
    raise Refused(f"{_short(symbol)!r} is not a symbol that book {book.name} trades: {some}")


def _check_until(until: date, first: date) -> None:
    if until < first:
        raise Refused(
            f"an override until {until} would end before it counts, in the decision of {first}: name that "
            "session or a later one"
        )
    if until > first + LONGEST:
        raise Refused(
            f"an override until {until} is longer than two years: name a day up to "
            f"{first + LONGEST}, and say it anew when it is over"
        )


def _alike(one: Override, other: Override) -> bool:
    """Whether the same person says the same for the same reason, as a form does that is sent twice."""
    same = replace(other, begins=one.begins, since=one.since, number=one.number)
    return one == same


def _nothing_to_end(
    book: Book, standing: tuple[Override, ...], symbol: str | None, kind: OverrideKind | None
) -> str:
    what = "the whole book" if symbol is None else _short(symbol)
    if kind is not None:
        what = f"{kind.replace('_', '-')} of {what}"
    stands = "; ".join(one.words for one in standing) or "nothing"
    return f"{book.name}: nobody limits {what} now, so there is nothing to end; limited by hand: {stands}"


def _ending(book: str, one: Override) -> str:
    of = "--all" if one.symbol is None else one.symbol
    return f'nightdesk override {book} {of} {one.kind.replace("_", "-")} --end --reason "..."'


def _short(text: str) -> str:
    """What somebody typed, on one line and not longer than a line."""
    line = one_line(text)
    return line if len(line) <= 40 else f"{line[:40]}..."
