"""Signal injection: synthetic signals that enter after the strategies, to exercise all that comes after.

They are marked wherever they are told, and a book at a real broker refuses them. Both drivers lay them over
what the strategies said by the same function.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.csv_table import CsvTable
from nightdesk.core.documents import read_bytes
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import Schedule, schedule_of
from nightdesk.engine.market import Market
from nightdesk.strategies import Direction, InTurn, Signals, SignalSide
from nightdesk.strategies.strategy_registry import STRATEGIES

#: The columns of a file of injections, all of them needed.
COLUMNS = ("session", "strategy", "symbol", "direction", "confidence")

#: Columns that may be left out: long is meant then, and the last decision of the session.
SIDE, AS_OF = "side", "as_of"

#: The only kind of broker that may be sent what no strategy wanted.
PAPER = "paper"

#: In place of a strategy's reason.
WORDS = "injected for this run: no strategy said so"


@dataclass(frozen=True, slots=True)
class Injection:
    """One synthetic signal: it takes the place of what `strategy` says of `symbol` at `as_of`.

    `confidence` is in [0, 1]. Its strength is half the direction, in [-1, 1].
    """

    as_of: datetime
    strategy: str
    symbol: str
    direction: Direction
    confidence: float
    side: SignalSide = SignalSide.LONG


def parse_injections(text: str, source: str, book: Book) -> tuple[Injection, ...]:
    """Read and validate a CSV of injections for a book.

    Parameters
    ----------
    text : str
        With a header of `COLUMNS` in any order, of `SIDE` where signals are about shorts, and of `AS_OF`
        where they are of hours within their session; a row a signal.
    source : str
        Names the text in errors.
    book : Book

    Raises
    ------
    Refused
        When the book's broker is a real one; with the line, what was found and what is allowed.
    """
    if not book.simulated:
        kinds = sorted({book.entry_of(name).kind for name in book.account_names} - {PAPER})
        raise Refused(
            f"{source}: book {book.name} trades at a broker of kind {', '.join(map(repr, kinds))}, and "
            "synthetic signals are never sent to one: inject them into a copy of the book on a paper account"
        )
    table = CsvTable(text, source)
    header = table.header
    needed = [name for name in header if name not in (SIDE, AS_OF)]
    if sorted(needed) != sorted(COLUMNS) or len(set(header)) != len(header):
        raise Refused(
            f"{source}:1: found the columns {', '.join(header) or 'none'}; they are {', '.join(COLUMNS)}, "
            f"and {SIDE} and {AS_OF} if you like"
        )
    schedule = schedule_of(book)
    out: dict[tuple[datetime, str, str], Injection] = {}
    for number, cells in table.lines():
        place = table.place(number)
        one = _read(dict(zip(header, cells, strict=True)), place, book, schedule)
        if (one.as_of, one.strategy, one.symbol) in out:
            raise Refused(
                f"{place}: {one.strategy} has a signal of {one.symbol} in {schedule.name_of(one.as_of)} "
                "already; give one"
            )
        out[one.as_of, one.strategy, one.symbol] = one
    if not out:
        raise Refused(f"{source}: there is no signal in it; leave it out to inject none")
    return tuple(out.values())


def within(
    injections: Sequence[Injection], schedule: Schedule, first: datetime, last: datetime
) -> tuple[Injection, ...]:
    """The injections, all of decisions from `first` to `last`; `Refused` where one would be ignored."""
    for one in injections:
        if not first <= one.as_of <= last:
            name, noun = schedule.name_of, schedule.noun
            raise Refused(
                f"the signal of {one.symbol} that is injected in {name(one.as_of)} is of no {noun} that is "
                f"decided ({name(first)} to {name(last)}): widen the span, or leave it out"
                + ("" if schedule.kind == "daily" else f"; the column {AS_OF} says of which hour one is")
            )
    return tuple(injections)


def overlay(
    signals: Signals,
    strategy: str,
    decisions: Sequence[datetime],
    symbols: Sequence[str],
    of: Sequence[Injection],
) -> Signals:
    """What a strategy says, with the injections in its name in place of its own words.

    Parameters
    ----------
    signals : Signals
        Of shape (n_decisions, n_symbols).
    strategy : str
    decisions, symbols : sequences
        Of its rows and columns.
    of : sequence of Injection
        Those of other strategies and decisions change nothing.
    """
    row = {as_of: t for t, as_of in enumerate(decisions)}
    mine = [one for one in of if one.strategy == strategy and one.as_of in row]
    if not mine:
        return signals
    at = ([row[one.as_of] for one in mine], [symbols.index(one.symbol) for one in mine])
    direction = np.array([int(one.direction) for one in mine], dtype=np.int8)
    out = replace(
        signals,
        direction=signals.direction.copy(),
        strength=signals.strength.copy(),
        confidence=signals.confidence.copy(),
        reason=signals.reason.copy(),
        side=signals.side.copy(),
    )
    out.direction[at] = direction
    out.strength[at] = direction / 2.0
    out.confidence[at] = [one.confidence for one in mine]
    out.reason[at] = 0
    out.side[at] = [int(one.side) for one in mine]
    return out


def inject(market: Market, injections: Sequence[Injection]) -> Market:
    """The market with injections laid over its signals, and noted in `Market.injected`."""
    if not injections:
        return market
    desk = market.desk
    signals: Mapping[str, Signals] = {
        name: overlay(market.signals[name], name, market.closes, desk.symbols, injections)
        for name in desk.strategies
    }
    return replace(
        market,
        signals=signals,
        direction=np.stack([signals[name].direction for name in desk.strategies], axis=1),
        side=np.stack([signals[name].side for name in desk.strategies], axis=1),
        confidence=np.stack([signals[name].confidence for name in desk.strategies], axis=1),
        strength=np.stack([signals[name].strength for name in desk.strategies], axis=1),
        injected=frozenset((one.as_of, one.strategy, one.symbol) for one in injections),
    )


def _read(cells: Mapping[str, str], place: str, book: Book, schedule: Schedule) -> Injection:
    session = _session(cells["session"], place, schedule)
    return Injection(
        as_of=_decision(cells.get(AS_OF, ""), session, place, schedule),
        strategy=_speaking_at_once(cells["strategy"], place, book),
        symbol=_known(cells["symbol"], "symbol", book.symbols, place, book),
        direction=_direction(cells["direction"], place),
        confidence=_confidence(cells["confidence"], place),
        side=_side(cells.get(SIDE, SignalSide.LONG.name), place),
    )


def _session(text: str, place: str, schedule: Schedule) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{place}: session: found {text!r}; write a date as 2022-12-30") from None
    try:
        schedule.calendar.index(day)
    except Refused as error:
        raise Refused(f"{place}: session: {error}") from error
    return day


def _decision(text: str, session: date, place: str, schedule: Schedule) -> datetime:
    """The decision of a session that a line names; the last one where it names none."""
    if not text:
        return schedule.last_of(session)
    try:
        as_of = datetime.fromisoformat(text)
    except ValueError:
        as_of = datetime.min  # noqa: DTZ901 (without a zone, as what is refused next)
    if as_of.tzinfo is None:
        raise Refused(
            f"{place}: {AS_OF}: found {text!r}; write an instant with its zone, as 2022-12-30T16:00Z"
        )
    try:
        schedule.index(as_of)
    except Refused as error:
        raise Refused(f"{place}: {AS_OF}: {error}") from error
    if schedule.session_of(as_of) != session:
        raise Refused(
            f"{place}: {AS_OF}: {text} is of session {schedule.session_of(as_of)}, and the line of {session}"
        )
    return as_of.astimezone(UTC)


def _known(text: str, what: str, known: Sequence[str], place: str, book: Book) -> str:
    if text not in known:
        raise Refused(f"{place}: {what}: found {text!r}; book {book.name} has {', '.join(known)}")
    return text


def _speaking_at_once(text: str, place: str, book: Book) -> str:
    """A strategy whose signals others may take the place of: those made in turn leave states behind."""
    name = _known(text, "strategy", tuple(book.strategies), place, book)
    if issubclass(STRATEGIES.find(book.strategies[name].kind or name, f"{place}: strategy"), InTurn):
        raise Refused(
            f"{place}: strategy: {name} makes its signals in turn, from what it holds and where it stood "
            "before, so none is injected in its name: name another strategy"
        )
    return name


def _direction(text: str, place: str) -> Direction:
    if text not in Direction.__members__:
        raise Refused(f"{place}: direction: found {text!r}; it is one of {', '.join(Direction.__members__)}")
    return Direction[text]


def _side(text: str, place: str) -> SignalSide:
    if text.upper() not in SignalSide.__members__:
        known = ", ".join(one.name.lower() for one in SignalSide)
        raise Refused(f"{place}: side: found {text!r}; it is one of {known}")
    return SignalSide[text.upper()]


def _confidence(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise Refused(f"{place}: confidence: found {text!r}; it is a number from 0 to 1")
    return value


#: More than a million signals.
MOST_BYTES = 64_000_000


def read_injections(path: Path, book: Book) -> tuple[Injection, ...]:
    """The synthetic signals of a CSV file.

    Raises
    ------
    Refused
        When the file cannot be read, the book's broker is a real one, or a line is wrong.
    """
    try:
        text = read_bytes(path, MOST_BYTES, "a CSV of signals to inject").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not a text in UTF-8: {error.reason}: write the CSV anew") from error
    return parse_injections(text, str(path), book)
