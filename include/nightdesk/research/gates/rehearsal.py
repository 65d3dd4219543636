"""A rehearsal: a shadow copy of a book is sent to each drawdown level, and must do there what its file says.

The copy lives in memory, over the newest sessions, by the functions of the daily run. A decision in which it
holds positions is told the level by a simulated person, as `nightdesk level` does; the kill switch likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.core.panel import Panel
from nightdesk.orders.order import adds_risk
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.simulation import Decided
from nightdesk.risk import RiskEvent
from nightdesk.risk.levels import LOWEST_LASTING, REVIEWED

#: Sessions that are decided, and how many of them must follow the one in which it is sent to a level.
SESSIONS, FOLLOWING = 120, 5
#: Levels from which nothing but havens is opened.
HALTED = LOWEST_LASTING
WHO = "rehearsal"


@dataclass(frozen=True)
class Rehearsed:
    """What a shadow copy did at one level, or under the kill switch.

    Attributes
    ----------
    name : str
        ``level 2``, or ``kill switch``.
    level : int
        0 for the kill switch.
    session : date
        The decision that entered it.
    held : int
        Positions then.
    reduced : int
        Orders of that decision that reduce one.
    faults : tuple of str
        What it did otherwise than its file says; empty where it passed.
    """

    name: str
    level: int
    session: date
    held: int
    reduced: int
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it did what its file says."""
        return not self.faults


@dataclass(frozen=True)
class Rehearsal:
    """All that was rehearsed, over which sessions."""

    first: date
    last: date
    parts: tuple[Rehearsed, ...]

    @property
    def figures(self) -> dict[str, Any]:
        """The same as evidence."""
        return {
            "first": f"{self.first}",
            "last": f"{self.last}",
            "levels": {str(one.level): one.passed for one in self.parts if one.level},
            "kill_switch": all(one.passed for one in self.parts if not one.level),
            "faults": [f"{one.name}: {fault}" for one in self.parts for fault in one.faults],
            "parts": {
                one.name: {"session": f"{one.session}", "held": one.held, "reduced": one.reduced}
                for one in self.parts
            },
        }


def rehearse(
    book: Book, panel: Panel, first: date, last: date, done: Callable[[], None] = lambda: None
) -> Rehearsal:
    """Send a shadow copy of a book to each of its levels, and stop it, each in a run of its own.

    Parameters
    ----------
    book : Book
        With the inception and origin that the span gives it.
    panel : Panel
        See `backtest`.
    first, last : date
        The sessions that are decided.
    done : callable
        Called after each run; there is one more than there are parts.

    Raises
    ------
    Refused
        When the book holds nothing in any decision of the span that others follow.
    """
    plain = backtest(book, panel, first, last)
    done()
    at = _holding(plain)
    session = plain.decided[at].state.mark.session
    levels = () if book.levels is None else tuple(n for n, _ in book.levels.beyond(0))
    parts = []
    for level in (*levels, 0):
        kind = "level" if level else "kill"
        fact = RiskEvent(session, kind, WHO, WHO, level)  # type: ignore[arg-type] # one of the two kinds
        result = backtest(book, panel, first, last, (fact,))
        name = f"level {level}" if level else "kill switch"
        decided = next(one for one in result.decided if one.state.mark.session == session)
        faults = tuple(_faults(book, result, decided, level))
        before = _held(decided)
        reduced = sum(
            not adds_risk(before.get(one.symbol, ZERO), one.signed_quantity) for one in decided.orders
        )
        parts.append(Rehearsed(name, level, session, len(before), reduced, faults))
        done()
    return Rehearsal(first, last, tuple(parts))


def _holding(plain: Result) -> int:
    """The last first decision of a session in which positions are held, no level holds and others follow."""
    for at in reversed(range(1, len(plain.decided) - FOLLOWING)):
        one = plain.decided[at]
        opens = plain.decided[at - 1].state.mark.session != one.state.mark.session
        if opens and one.gated.judged.risk.level == 0 and _held(one):
            return at
    raise Refused(
        f"{plain.desk.book.name} holds nothing at level 0 in any of {len(plain.decided)} decisions that "
        f"{FOLLOWING} others follow: there is nothing to rehearse with; name a span in which it does"
    )


def _held(one: Decided) -> dict[str, Decimal]:
    """Net units by symbol at a decision."""
    return {symbol: units for symbol, units in one.state.ledger.net().items() if units}


def _faults(book: Book, result: Result, entered: Decided, level: int) -> Iterator[str]:
    later = [one for one in result.decided if one.t >= entered.t]
    if not level:
        if not entered.state.facts.kill_switch:
            yield "it was not stopped by the decision of the session"
        yield from _added(later, lambda one: one.state.facts.kill_switch, ())
        return
    risk = entered.gated.judged.risk
    if risk.level != level:
        yield f"it came to level {risk.level}"
        return
    if level >= REVIEWED and not risk.waits():
        yield "it does not wait for a person"
    if level >= LOWEST_LASTING and book.levels is not None:
        yield from _too_much(result, entered, book.levels.keep[level - 1])
        havens = book.levels.havens if level == REVIEWED else ()
        yield from _added(later, lambda one: one.gated.judged.risk.level >= HALTED, havens)


def _too_much(result: Result, entered: Decided, keep: float) -> Iterator[str]:
    """Positions of which the decision's orders leave more than the level does."""
    ordered: dict[str, Decimal] = {}
    for one in entered.orders:
        ordered[one.symbol] = ordered.get(one.symbol, ZERO) + one.signed_quantity
    for symbol, units in _held(entered).items():
        left, unit = abs(units + ordered.get(symbol, ZERO)), result.desk.unit_of.get(symbol, Decimal(1))
        most = abs(units) * Decimal(repr(keep)) + unit
        if left > most and not _is_stale(entered, symbol):
            yield f"{left} of {abs(units)} {symbol} are left, the level leaves {keep:g}"


def _is_stale(one: Decided, symbol: str) -> bool:
    """Whether a held symbol has no bar, so that no order in it can be made."""
    return any(held.symbol == symbol for held in one.stale)


def _added(decided: list[Decided], holds: Callable[[Decided], bool], but: tuple[str, ...]) -> Iterator[str]:
    """Orders that add to a position while something holds that lets none do so."""
    for one in decided:
        if not holds(one):
            return
        before: Mapping[str, Decimal] = _held(one)
        for order in one.orders:
            if order.symbol in but or order.rests:
                continue
            if adds_risk(before.get(order.symbol, ZERO), order.signed_quantity):
                yield f"{order.side} {order.quantity} {order.symbol} in {one.state.mark.session} adds to it"
