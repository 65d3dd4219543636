"""What people are told of the data: symbols in quarantine or without a bar, references, sources that fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.feeds.breaker import OPEN_FOR, SourceHealth
from nightdesk.feeds.hourly_quality import OF_HOURS
from nightdesk.session.context import Context
from nightdesk.session.member_list import leaving_symbols
from nightdesk.session.notices import Condition, Look, notice, speaks
from nightdesk.store.alert_spells import AlertSpell, Kind, is_retried
from nightdesk.store.db import Connection
from nightdesk.store.health_rows import quarantines_at
from nightdesk.store.ledger_rows import latest_marked, positions_of, read_mark
from nightdesk.store.message_rows import Level
from nightdesk.store.rows import read_rows

DATA_KINDS: tuple[Kind, ...] = ("quarantine", "no_bar", "reference")

_FEEDS: tuple[Kind, ...] = ("feed",)

#: Checks that fail because bars are lacking: the missing bar tells it already.
_OF_ABSENCE = frozenset({"absent", "missing_share"})

#: The check of hours that tells of a decision without a bar.
_NO_HOUR = f"{OF_HOURS}no_bar"


@dataclass(frozen=True)
class Held:
    """What the book holds of a symbol at its newest mark: units and share of NAV, over all strategies."""

    session: date
    quantity: float
    weight: float

    @property
    def words(self) -> str:
        """As an alert says it."""
        return f"It is held: {self.quantity:g} units, {self.weight:.1%} of NAV at the mark of {self.session}."


def tell_data(context: Context, since: Mapping[str, str] | None = None) -> int:
    """Tell what is wrong with the data of the newest decision, and what is right again.

    It follows from the stored findings of the checks. To be called after they were stored, and again once the
    session is settled: what is held then is graver.

    Parameters
    ----------
    context : Context
    since : mapping of symbol to str, optional
        The name of the first decision of each quarantine that goes on; by default that of the stored spells,
        which know only the decisions that were checked.

    Returns
    -------
    int
        How many alerts were raised.
    """
    if not speaks(context):
        return 0
    book = context.book
    findings = _by_symbol(read_rows(context.conn, "failing_checks", **context.key))
    if not findings:
        return 0
    begun = dict(since or _stored_beginnings(context))
    held = held_positions(context.conn, book.name)
    # What left the list and is not held concerns nobody: of a delisted symbol no bar comes ever again.
    gone = leaving_symbols(context) - held.keys()
    findings = {symbol: rows for symbol, rows in findings.items() if symbol not in gone}
    conditions = list(_conditions(context, findings, begun, held))
    symbols = set(book.panel_symbols)

    def over(spell: AlertSpell) -> str:
        if spell.subject not in symbols:
            return f"{spell.subject} is no symbol of the book any more, so its bars are not checked."
        if spell.subject in gone:
            return f"{spell.subject} is no member of the universe any more, and nothing of it is held."
        end = {
            "quarantine": "passes its checks again",
            "no_bar": "has a bar again",
            "reference": "is there again",
        }[spell.kind]
        if (spell.kind, spell.subject) == ("quarantine", spell.subject) and any(
            one.subject == spell.subject for one in conditions
        ):
            end = "is no longer in quarantine for its prices, but without a bar"
        when = f"{context.schedule.noun} {context.name}"
        return f"{spell.subject} {end} in {when}; it was told on {spell.created_at:%Y-%m-%d}."

    return notice(context.conn, Look(book.name, DATA_KINDS, context.name, context.session), conditions, over)


def held_positions(conn: Connection, book: str) -> dict[str, Held]:
    """What a book holds at its newest mark, by symbol; nothing where it was never settled."""
    marked = latest_marked(conn, book)
    mark = None if marked is None else read_mark(conn, book, marked)
    if marked is None or mark is None:
        return {}
    found: dict[str, Held] = {}
    for row in positions_of(conn, book, marked):
        if row["quantity"]:
            before = found.get(row["symbol"], Held(mark.session, 0.0, 0.0))
            found[row["symbol"]] = Held(
                mark.session,
                before.quantity + float(row["quantity"]),
                before.weight + (float(row["market_value"] / mark.nav) if mark.nav else 0.0),
            )
    return found


def _by_symbol(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["symbol"], []).append(row)
    return found


def _stored_beginnings(context: Context) -> dict[str, str]:
    spells = quarantines_at(context.conn, context.book.name, context.session, context.as_of)
    return {symbol: context.schedule.name_of(one["first_as_of"]) for symbol, one in spells.items()}


def _checked_session(context: Context) -> date:
    """The session whose daily bars are looked at: the newest that was over at the decision."""
    if context.as_of == context.schedule.last_of(context.session):
        return context.session
    return context.calendar.shift(context.session, -1)


def _conditions(
    context: Context,
    findings: Mapping[str, Sequence[Mapping[str, Any]]],
    since: Mapping[str, str],
    held: Mapping[str, Held],
) -> Iterator[Condition]:
    book = context.book
    for symbol in book.panel_symbols:
        rows = findings.get(symbol, ())
        numbers = {row["check_name"]: row["value"] for row in rows}
        bad = {row["check_name"]: row["detail"] for row in rows if row["outcome"] == "quarantined"}
        own: Held | None = held.get(symbol)
        level: Level = "WARNING" if own is None else "CRITICAL"
        age = numbers.get("no_bar")
        if numbers.get("reference_age"):
            yield _of_reference(context, symbol, int(numbers["reference_age"]), own, level)
        elif age is None or age > 0:
            yield _without_bar(context, symbol, None if age is None else int(age), own, level)
        elif _NO_HOUR in numbers:
            yield _without_hour(context, symbol, rows, own)
        else:
            age = 0
        reasons = [name for name in bad if name not in (_OF_ABSENCE if age else frozenset())]
        if reasons:
            words = "; ".join(bad[name].removeprefix(f"{symbol}: ") for name in reasons)
            of_hours = any(name.startswith(OF_HOURS) for name in reasons)
            session = context.session if of_hours else _checked_session(context)
            yield Condition(
                "quarantine",
                symbol,
                level,
                f"{symbol} is in quarantine since {since.get(symbol, context.name)}: {words}."
                f"{_and_held(own)}",
                _OF_QUARANTINE.format(book=book.name, session=session),
            )


_OF_QUARANTINE = (
    "Nothing is opened in it, and its position stays, until it passes. If the price is right, accept it: "
    '`nightdesk accept {book} SYMBOL --session {session} --reason "..."`. If a corporate action explains it, '
    "record that with `nightdesk action`. If it is wrong, the vendor's correction ends the quarantine at the "
    "next ingest."
)


def _without_bar(
    context: Context, symbol: str, age: int | None, held: Held | None, level: Level
) -> Condition:
    session = _checked_session(context)
    if age is None:
        words = f"{symbol} has never had a bar up to session {session}."
    else:
        newest = context.calendar.shift(session, -age)
        words = f"{symbol} has no bar of {session}: its newest one is of {newest}, {_sessions(age)} old."
    at = "" if held is None or age is None else " It is valued at that bar's close."
    return Condition(
        "no_bar",
        symbol,
        level,
        f"{words}{_and_held(held)}{at}",
        "Nothing is opened in it until it has a bar. `nightdesk feeds` shows how the sources fare; bars of "
        f"your own are brought in with `nightdesk ingest {context.book.name} --from {session} "
        f"--to {session} --feed files:FOLDER`. If it has ended (renamed, merged, delisted), record "
        "that with `nightdesk action`.",
    )


def _without_hour(
    context: Context, symbol: str, findings: Sequence[Mapping[str, Any]], held: Held | None
) -> Condition:
    """A symbol without a bar of the decision's hour, in which perhaps nobody traded: never critical."""
    words = next(row["detail"] for row in findings if row["check_name"] == _NO_HOUR)
    at = "" if held is None else " It is valued at its newest close."
    nothing = "The book opens nothing" if symbol == context.book.benchmark else "Nothing is opened in it"
    return Condition(
        "no_bar",
        symbol,
        "WARNING",
        f"{words} ({context.name}).{_and_held(held)}{at}",
        f"{nothing} in a decision without a bar of its hour; the next hour that has one ends "
        "that. `nightdesk feeds` shows how the sources fare; a bar that comes later changes no decision.",
    )


def _of_reference(context: Context, symbol: str, age: int, held: Held | None, level: Level) -> Condition:
    book, session = context.book, _checked_session(context)
    what = "benchmark" if symbol == book.benchmark else "volatility index"
    return Condition(
        "reference",
        symbol,
        level,
        f"{symbol}, the {what}, has no bar of {session}, for {_sessions(age)} now; beyond "
        f"{_sessions(book.quality.reference_age)} nothing is decided at all.{_and_held(held)}",
        "The book opens nothing until it is there. `nightdesk feeds` shows how the sources fare; bars of "
        f"your own are brought in with `nightdesk ingest {book.name} --from {session} "
        f"--to {session} --feed files:FOLDER`.",
    )


def _and_held(held: Held | None) -> str:
    return "" if held is None else f" {held.words}"


def _sessions(number: int) -> str:
    return f"{number} session{'' if number == 1 else 's'}"


def tell_feeds(conn: Connection) -> int:
    """Tell which sources fail, whose circuit has opened, and which answer again; how many alerts were raised.

    A source's spell lasts from its first failure to its next answer, as `feed_health` holds them. That its
    circuit has opened is told once more, but not while people know of an ingest that fails.
    """
    health = {row["source"]: SourceHealth.from_row(row) for row in read_rows(conn, "feeds_health")}
    failing = any(one.failures for one in health.values())
    circuits = failing and not is_retried(conn, "ingest")
    conditions = [one for source in sorted(health) for one in _of_source(source, health[source], circuits)]
    moments = [at for one in health.values() for at in (one.last_success, one.last_failure) if at is not None]
    stamp = max(moments).isoformat() if moments else ""

    def over(spell: AlertSpell) -> str | None:
        if spell.session is not None:
            return None  # the ingest of that session has told of it, and tells that it is through
        if spell.subject not in health:
            return None  # its circuit, of which the source's own end tells; or a source that was forgotten
        return f"{spell.subject} answers again, since {_instant(health[spell.subject].last_success)}."

    return notice(conn, Look("", _FEEDS, stamp), conditions, over)


def _of_source(source: str, health: SourceHealth, circuits: bool) -> Iterator[Condition]:
    if not health.failures:
        return
    todo = (
        "What the next source of a book has is taken in its place; what none has is not made up. "
        "`nightdesk feeds` shows how the sources fare; correct its key, its address or the book's `feeds`."
    )
    times = "once" if health.failures == 1 else f"{health.failures} times running"
    yield Condition(
        "feed",
        source,
        "WARNING",
        f"{source} is degraded: it has failed {times}, at last at {_instant(health.last_failure)} "
        f"({health.last_error}); its last answer: {_instant(health.last_success)}.",
        todo,
    )
    if circuits and health.opened_at is not None:
        yield Condition(
            "feed",
            f"{source} (circuit)",
            "WARNING",
            f"The circuit of {source} is open since {_instant(health.opened_at)}: after each further failure "
            f"it is not asked for {OPEN_FOR.seconds} seconds.",
            todo,
        )


def _instant(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
