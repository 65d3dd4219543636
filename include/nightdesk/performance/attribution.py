"""The profit of a session by strategy: what each realised, what its open positions gained, what it received.

Together they are the book's profit of the session to the cent: what no strategy moved has a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal

from nightdesk.accounting import Entry, Position
from nightdesk.accounting.ledger import WHOLE_BOOK
from nightdesk.core.money import to_cents

Key = tuple[str, str]

#: No dollars and no cents.
ZERO = to_cents(Decimal(0))


@dataclass(frozen=True, slots=True)
class Valued:
    """A book at the mark of a session.

    Attributes
    ----------
    nav : Decimal
        Dollars and cents.
    positions : mapping of (strategy, symbol) to Position
        Closed ones included.
    worth : mapping of (strategy, symbol) to Decimal
        Dollars and cents of those that are held.
    """

    nav: Decimal = ZERO
    positions: Mapping[Key, Position] = field(default_factory=dict)
    worth: Mapping[Key, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StrategyDay:
    """What one strategy made of a session, in dollars and cents.

    Attributes
    ----------
    strategy : str
        Empty for the line of the whole book: what no strategy moved.
    realised : Decimal
        Of what was closed, against its average cost and without commission.
    unrealised : Decimal
        Change of what open positions are worth above their cost.
    dividends, commission, borrow : Decimal
        Received, and paid (positive): `borrow` is what borrowed units of short positions cost. Of the whole
        book, `borrow` is what a broker took for no symbol.
    interest, fees : Decimal
        Of the whole book alone: what its cash earned (negative where it was owed), and what was taken from it
        (negative).
    other : Decimal
        Of the whole book alone: what is left of the book's profit, so that nothing is hidden. 0 unless
        something moved its cash or value that is none of the above.
    """

    strategy: str
    realised: Decimal = ZERO
    unrealised: Decimal = ZERO
    dividends: Decimal = ZERO
    commission: Decimal = ZERO
    borrow: Decimal = ZERO
    interest: Decimal = ZERO
    fees: Decimal = ZERO
    other: Decimal = ZERO

    @property
    def profit(self) -> Decimal:
        """What all of it comes to."""
        own = self.realised + self.unrealised + self.dividends - self.commission - self.borrow
        return own + self.interest + self.fees + self.other


def by_strategy(
    strategies: Sequence[str], before: Valued, after: Valued, entries: Iterable[Entry]
) -> tuple[StrategyDay, ...]:
    """The profit of a session by strategy, and a last line of what no strategy moved.

    Parameters
    ----------
    strategies : sequence of str
        The book's, each of which has a line; so does any other that holds something or was booked for.
    before, after : Valued
        At the mark of the session before (empty at the book's inception), and at this one.
    entries : iterable of Entry
        What the ledger booked in between.

    Returns
    -------
    tuple of StrategyDay
        Their profits add up to NAV after less NAV before and less the capital that was paid in, exactly.
    """
    entries = tuple(entries)
    moved = dict.fromkeys((one.strategy, one.symbol) for one in entries if one.symbol)
    sums = {name: [ZERO] * 5 for name in strategies}
    for key in {**before.worth, **moved, **after.worth}:
        own = sums.setdefault(key[0], [ZERO] * 5)
        gained = after.worth.get(key, ZERO) - before.worth.get(key, ZERO)
        old, new = before.positions.get(key), after.positions.get(key)
        if old is new:  # as it was: nothing but its price has changed
            own[1] += gained
            continue
        old, new = old or Position(*key), new or Position(*key)
        gained -= new.cost - old.cost
        changes = (new.realised - old.realised, gained, new.dividends - old.dividends)
        paid = (new.commission - old.commission, new.borrow - old.borrow)
        for place, change in enumerate((*changes, *paid)):
            own[place] += change
    days = tuple(StrategyDay(name, *amounts) for name, amounts in sums.items())
    return (*days, _whole_book(days, after.nav - before.nav, entries))


def added_up(days: Iterable[StrategyDay]) -> tuple[StrategyDay, ...]:
    """The profits of several periods together, by strategy in the order of their first lines.

    That of no strategy comes last.
    """
    sums: dict[str, StrategyDay] = {}
    for one in days:
        before = sums.get(one.strategy)
        sums[one.strategy] = one if before is None else _sum(before, one)
    return tuple(sorted(sums.values(), key=lambda one: one.strategy == WHOLE_BOOK))


def _sum(one: StrategyDay, other: StrategyDay) -> StrategyDay:
    amounts = {
        amount.name: getattr(one, amount.name) + getattr(other, amount.name)
        for amount in fields(StrategyDay)
        if amount.name != "strategy"
    }
    return StrategyDay(one.strategy, **amounts)


def _whole_book(days: Iterable[StrategyDay], change: Decimal, entries: Iterable[Entry]) -> StrategyDay:
    """The line of what no strategy moved, given the change of NAV."""
    cash = {"capital": ZERO, "interest": ZERO, "fee": ZERO, "borrow": ZERO}
    for entry in entries:
        if not entry.symbol and entry.kind in cash:
            cash[entry.kind] += entry.cash
    whole = StrategyDay(WHOLE_BOOK, borrow=-cash["borrow"], interest=cash["interest"], fees=cash["fee"])
    known = sum((one.profit for one in days), ZERO) + whole.profit
    return replace(whole, other=change - cash["capital"] - known)
