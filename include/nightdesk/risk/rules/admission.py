"""Rules that admit entries one after the other, the most confident first, until a limit is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.core.panel import Floats
from nightdesk.risk.distances import Distance, RiskMeasures, at_least, at_most
from nightdesk.risk.rule import Rule, Ruling, register
from nightdesk.risk.situation import AccountFunds, Asked, Situation, anywhere, without_entries


def _by_confidence(added: Floats, situation: Situation) -> NDArray[np.intp]:
    """Columns with an addition, the most confident first, equals by symbol."""
    order: NDArray[np.intp] = np.lexsort((situation.rank, -situation.entering.confidence))
    columns: NDArray[np.intp] = order[added[order] != 0]
    return columns


def admit(
    wanted: Floats, held: Floats, situation: Situation, price: Floats, room: float
) -> tuple[Floats, Floats]:
    """Additions admitted while their sum at `price` stays within `room`; the one that crosses is cut.

    Returns what is left, and the sum up to and with each addition (NaN beside none).
    """
    kept = without_entries(wanted, held)
    added = wanted - kept
    spent = np.abs(added) * price
    total = np.full_like(wanted, np.nan)
    columns = _by_confidence(added, situation)
    running = np.cumsum(spent[columns])
    total[columns] = running
    slack = 1e-9 * max(situation.nav, 1.0)
    asked = spent[columns]
    left = room - (running - asked)
    over = (asked > left + slack) & (asked != 0.0)
    if not anywhere(over):
        return wanted, total
    cut, part = columns[over], np.maximum(left[over], 0.0) / asked[over]
    added[cut] *= part
    after = wanted.copy()
    after[cut] = situation.units.toward_zero(kept + added)[cut]
    return after, total


@register
class PositionCount(Rule):
    """So many positions at once, and so many in one symbol; a position belongs to a strategy and a symbol.

    What is left in this decision frees its place for an entry of the same decision, unless a rule on trades
    holds the exit back.
    """

    name = "position_count"
    order = 52
    subject = "entries"
    sentence = (
        "with it {value:.0f} positions would be open, of those that stay and the entries that were let "
        "through before it, which later rules may still cut; at most {limit:.0f} are allowed"
    )
    sentences: ClassVar[Mapping[str, str]] = {
        "per_symbol": "with it {value:.0f} positions in this symbol would be open, one a strategy; at most "
        "{limit:.0f} are allowed"
    }
    told_as: ClassVar = {"position_count": "Positions of all strategies"}

    class Params(Frozen):
        """Its numbers."""

        limit: int = Field(ge=0, description="positions at once")
        per_symbol: int = Field(2, ge=1, description="positions in one symbol")

    def passes(self, asked: Asked) -> bool:
        """All that would be opened fits beside what stays."""
        entering = asked.situation.entering
        stay = entering.stay(asked.wanted, asked.held)
        positions = stay + entering.opens
        count = entering.open_positions + int((positions - entering.open_here).sum())
        return count <= self.params.limit and not anywhere(positions > self.params.per_symbol)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Entries beyond the limits undone."""
        entering = situation.entering
        kept = without_entries(wanted, held)
        added = wanted - kept
        columns = _by_confidence(np.where(entering.opens > 0, added, 0.0), situation)
        number = np.full_like(wanted, np.nan)
        limit = np.full_like(wanted, float(self.params.limit))
        crowded = np.zeros(wanted.shape, dtype=np.bool_)
        # What one strategy takes over from another is no purchase, but it is a position.
        taken_over = entering.opens[(added == 0) & (np.abs(wanted) > 0)]
        stay = entering.stay(wanted, held)
        held_back = int((stay - entering.open_here).sum())
        count, after = entering.open_positions + held_back + int(taken_over.sum()), wanted.copy()
        for n in columns.tolist():
            opens, here = int(entering.opens[n]), int(stay[n])
            number[n] = count + opens
            if here + opens > self.params.per_symbol:
                number[n], limit[n], crowded[n] = here + opens, self.params.per_symbol, True
                after[n] = kept[n]
            elif count + opens > self.params.limit:
                after[n] = kept[n]
            else:
                count += opens
        left = wanted if np.array_equal(after, wanted) else after
        return Ruling(left, number, limit, by=crowded, by_key="per_symbol")

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Positions that are held."""
        yield at_most(self.name, "", float(measured.positions), float(self.params.limit), "count")


@register
class GroupCount(Rule):
    """So many positions at once in one group of the universe; a position belongs to a strategy and a symbol.

    Symbols without a group of their own are counted with their asset class, as one group.
    """

    name = "group_count"
    order = 53
    subject = "entries"
    sentence = "with it {value:.0f} positions in this group would be open, at most {limit:.0f} are allowed"
    told_as: ClassVar = {"group_count": "Positions in the fullest group, {subject}"}

    class Params(Frozen):
        """Its number."""

        limit: int = Field(ge=0, description="positions in one group of the universe")

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Entries beyond the limit of their group undone, the least confident first."""
        entering, limit = situation.entering, self.params.limit
        group = np.broadcast_to(np.asarray(situation.groups, dtype=np.int64), wanted.shape)
        kept = without_entries(wanted, held)
        added = wanted - kept
        stay = entering.stay(wanted, held)
        taken_over = np.where((added == 0) & (np.abs(wanted) > 0), entering.opens, 0)
        count = np.bincount(group, weights=stay + taken_over, minlength=len(situation.group_names))
        number, after = np.full_like(wanted, np.nan), wanted.copy()
        for n in _by_confidence(np.where(entering.opens > 0, added, 0.0), situation).tolist():
            number[n] = count[group[n]] + entering.opens[n]
            if number[n] > limit:
                after[n] = kept[n]
            else:
                count[group[n]] = number[n]
        return Ruling(wanted if np.array_equal(after, wanted) else after, number, float(limit))

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """The group with the most positions; of equals, the first in the book."""
        if measured.positions_in is None or not measured.positions_in.any():
            return
        count: dict[str, int] = {}
        for group, positions in zip(measured.groups, measured.positions_in.tolist(), strict=True):
            count[group] = count.get(group, 0) + positions
        fullest = max(count, key=lambda group: count[group])
        yield at_most(self.name, fullest, float(count[fullest]), float(self.params.limit), "count")


@register
class Heat(Rule):
    """So much of the equity in positions, by the regime; a band without `heat` sets no limit.

    The most confident entries come first; the one that crosses is cut to what is left.
    """

    name = "heat"
    order = 71
    subject = "entries"
    sentence = "positions of {value:.2%} of NAV with it, at most {limit:.2%} in this regime"
    told_as: ClassVar = {"heat": "Heat: positions in this regime"}

    def passes(self, asked: Asked) -> bool:
        """Gross within the heat, or no limit in this band."""
        band = asked.situation.band
        heat = None if band is None else band.heat
        return heat is None or asked.gross <= heat * asked.situation.nav

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Entries beyond the heat undone."""
        heat = None if situation.band is None else situation.band.heat
        if heat is None:
            return Ruling(wanted, np.nan, np.nan)
        standing = float((np.abs(without_entries(wanted, held)) * situation.unit_value).sum())
        room = heat * situation.nav - standing
        after, total = admit(wanted, held, situation, situation.unit_value, room)
        return Ruling(after, (standing + total) / situation.nav, heat)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Gross exposure, where the regime limits it."""
        if measured.heat is not None:
            yield at_most(self.name, "", measured.gross, measured.heat)


@register
class Cash(Rule):
    """Cash covers every purchase with its costs; what is sold in the same decision pays for it, less costs.

    It is an account without margin: short sales bring nothing that may be spent. The reserve pays for the
    gap between the price of the decision and that of the fill. In a book of several accounts each pays for
    its own purchases, from its own cash and sales.
    """

    name = "cash"
    order = 85
    per_account = True
    subject = "entries"
    sentence = "purchases of {value:,.2f} dollars with their costs, {limit:,.2f} are there"
    told_as: ClassVar = {"cash": "Cash of the account, no less than"}

    class Params(Frozen):
        """Its number."""

        reserve: Share = Field(0.0, description="share of NAV that purchases leave")

    def passes(self, asked: Asked) -> bool:
        """All purchases together covered."""
        situation = asked.situation
        price = situation.unit_value * (situation.outlay + situation.entering.costs)
        spent = np.abs(asked.wanted - asked.kept) * price
        funds = situation.accounts
        if funds is None:
            return float(spent.sum()) <= self._room(asked.held, asked.kept, situation)
        by_account = np.bincount(funds.code, weights=spent, minlength=len(funds.names))
        rooms = self._rooms(asked.held, asked.kept, situation, funds)
        return not anywhere(by_account > rooms)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Entries beyond the cash undone, the least confident first."""
        price = situation.unit_value * (situation.outlay + situation.entering.costs)
        kept, funds = without_entries(wanted, held), situation.accounts
        if funds is None:
            room = self._room(held, kept, situation)
            after, total = admit(wanted, held, situation, price, room)
            return Ruling(after, total, room)
        after, spent = wanted, np.full_like(wanted, np.nan)
        rooms = self._rooms(held, kept, situation, funds)
        for at, room in enumerate(rooms.tolist()):
            mine = funds.code == at
            left, total = admit(np.where(mine, wanted, kept), held, situation, price, room)
            after, spent = np.where(mine, left, after), np.where(mine, total, spent)
        everywhere = np.ones(wanted.shape, dtype=np.bool_)
        after = wanted if np.array_equal(after, wanted) else after
        return Ruling(after, spent, rooms[funds.code], by=everywhere, accounts=funds.of_symbols())

    def _rooms(self, held: Floats, kept: Floats, situation: Situation, funds: AccountFunds) -> Floats:
        """The same of each account, of shape (n_accounts,): what is sold in one pays nothing in another."""
        sold = np.maximum(held, 0.0) - np.maximum(kept, 0.0)
        brought = sold * situation.unit_value * (situation.outlay - situation.entering.costs)
        by_account = np.bincount(funds.code, weights=brought, minlength=len(funds.names))
        rooms: Floats = funds.cash - self.params.reserve * funds.nav + by_account
        return rooms

    def _room(self, held: Floats, kept: Floats, situation: Situation) -> float:
        """Dollars for purchases, once what is held was brought down to what is kept of it."""
        entering = situation.entering
        sold = np.maximum(held, 0.0) - np.maximum(kept, 0.0)
        reserve: float = self.params.reserve * situation.nav
        return (
            entering.cash
            - reserve
            + float((sold * situation.unit_value * (situation.outlay - entering.costs)).sum())
        )

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Cash that is there."""
        yield at_least(self.name, "", measured.cash, self.params.reserve)
