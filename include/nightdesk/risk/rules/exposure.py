"""Rules on how much may be held: of one symbol, and of everything together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from nightdesk.core.book import Book
from nightdesk.core.fields import Frozen, Share
from nightdesk.core.margin import Margin
from nightdesk.core.panel import Floats
from nightdesk.risk.distances import Distance, RiskMeasures, at_least, at_most
from nightdesk.risk.rule import Rule, Ruling, register
from nightdesk.risk.situation import Asked, Situation, anywhere, without_entries


@register
class MaxWeight(Rule):
    """No symbol is bought above the weight that the book allows; what drifted too far is cut back to it.

    With `drift` a position that rose above its cap by no more than this is left as it is: nothing is added to
    it, and nothing is sold of it. Beyond, it is cut to the cap itself, so that the sale is worth its cost.
    What is promised of a position after the gate is therefore: at most cap + drift, and at most the cap where
    anything was bought. A symbol whose cap is 0 has no such band.

    A drift that is smaller than the rebalance threshold is left alone by that rule, which comes later: so a
    position may stand above its cap by less than the threshold too, and is never bought there.
    """

    name = "max_weight"
    order = 51
    subject = "positions"
    sentence = "weight of {value:.2%}, at most {limit:.2%}"
    told_as: ClassVar = {"max_weight": "{subject}: weight, the nearest to its cap"}

    class Params(Frozen):
        """Its number; the caps are those of the universe."""

        drift: Share = Field(
            0.0,
            description="share of NAV by which a held position may stand above its cap before it is cut back",
        )

    def passes(self, asked: Asked) -> bool:
        """No weight above its cap, but for what is held within the band and not traded."""
        weight, limit = asked.weight, asked.situation.max_weight
        over = weight > limit
        if not anywhere(over):
            return True
        if not self.params.drift:
            return False
        return not anywhere((over & asked.traded) | (weight > self.most_held(limit)))

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Positions clipped to their caps, rounded toward zero; held ones within the band to what is held."""
        weight, limit = np.abs(situation.weights(wanted)), situation.max_weight
        over = weight > limit
        if not anywhere(over):
            return Ruling(wanted, weight, limit)
        cap = np.divide(
            limit * situation.nav, situation.unit_value, out=np.abs(wanted), where=situation.unit_value > 0
        )
        most = situation.units.toward_zero(cap)
        if self.params.drift:
            stands = np.abs(situation.weights(held))
            tolerated = (stands > limit) & (stands <= self.most_held(limit)) & (held * wanted > 0.0)
            most, limit = np.where(tolerated, np.abs(held), most), np.where(tolerated, stands, limit)
        cut = over & (np.abs(wanted) > most)
        after = np.where(cut, np.copysign(most, wanted), wanted) if anywhere(cut) else wanted
        return Ruling(after, weight, limit)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """The position that is the nearest to its cap."""
        weight, cap = np.abs(measured.weights), self.most_held(measured.max_weight)
        if weight.any():
            used = np.divide(weight, cap, out=np.where(weight > 0.0, np.inf, 0.0), where=cap > 0.0)
            n = int(np.argmax(used))
            yield at_most(self.name, measured.symbols[n], float(weight[n]), float(cap[n]))

    def most_held(self, max_weight: Floats) -> Floats:
        """Weights, absolute, above which a held position is cut back to its cap."""
        drift: float = self.params.drift
        return np.where(max_weight > 0.0, max_weight + drift, 0.0)


def borrows(said: bool | None, margin: Margin) -> bool:
    """Whether a rule counts on borrowed money: as the book says, unless the rule says that it does not."""
    return margin.borrows and said is not False


def unsaid_margin(rule: str, said: bool | None, margin: Margin) -> Iterator[str]:
    """The fault of a rule that counts on a margin that the book does not have."""
    if said and not margin.borrows:
        yield (
            f"limits.{rule}.margin: true, and the book's margin is cash; set margin: {{kind: reg_t}} (or "
            "portfolio) with its financing, or leave it out"
        )


def out_of_reach(rule: str, what: str, limit: float, margin: Margin) -> Iterator[str]:
    """The fault of a limit beyond what the book's margin allows."""
    if limit > margin.most_gross * (1.0 + 1e-9):
        yield (
            f"limits.{rule}.limit: {what} {limit:.2f} cannot be reached: the book's margin is {margin.words} "
            f"at most; lower it, or choose another margin"
        )


def within_gross(wanted: Floats, held: Floats, situation: Situation, limit: float) -> Ruling:
    """Additions shrunk alike until gross is within `limit` × NAV; what is held is not forced out."""
    kept = without_entries(wanted, held)
    room = limit * situation.nav - float((np.abs(kept) * situation.unit_value).sum())
    added = float((np.abs(wanted - kept) * situation.unit_value).sum())
    value = (added - room) / situation.nav + limit
    if added <= room + 1e-9 * situation.nav:
        return Ruling(wanted, value, limit)
    if room <= 0.0:
        return Ruling(kept, value, limit)
    units = situation.units
    grown = kept + units.toward_zero((wanted - kept) * (room / added))
    return Ruling(units.toward_zero(grown), value, limit)


def fits_accounts(asked: Asked, limit: float) -> bool:
    """Whether the gross of every account, of several, is within `limit` × what that account is worth."""
    funds = asked.situation.accounts
    if funds is None:
        return True
    values = np.abs(asked.wanted) * asked.situation.unit_value
    gross = np.bincount(funds.code, weights=values, minlength=len(funds.names))
    return not anywhere(gross > limit * funds.nav)


def within_accounts(ruling: Ruling, held: Floats, situation: Situation, limit: float) -> Ruling:
    """What a ruling left, shrunk until the gross of each account is within `limit` × what it is worth.

    Money in one account pays no purchase in another: an account is bound by its own. The symbols of an
    account that is over are judged by it, and told with its numbers.
    """
    funds = situation.accounts
    if funds is None:
        return ruling
    after, units, price = ruling.after, situation.units, situation.unit_value
    value, most = (np.broadcast_to(one, after.shape).copy() for one in (ruling.value, ruling.limit))
    by = np.zeros(after.shape, dtype=np.bool_)
    for at, nav in enumerate(funds.nav.tolist()):
        mine, kept = funds.code == at, without_entries(after, held)
        room = limit * nav - float((np.abs(kept) * price)[mine].sum())
        added = float((np.abs(after - kept) * price)[mine].sum())
        if added <= room + 1e-9 * situation.nav or added == 0.0:
            continue
        by |= mine
        value[mine], most[mine] = ((added - room) / nav + limit if nav > 0.0 else np.nan), limit
        part = max(room, 0.0) / added
        grown = units.toward_zero(kept + units.toward_zero((after - kept) * part))
        after = np.where(mine, grown, after)
    if not anywhere(by):
        return ruling
    return Ruling(after, value, most, by=by, accounts=funds.of_symbols())


@register
class GrossLeverage(Rule):
    """Positions over NAV, absolute: at most the book's limit on margin, at most 1 without.

    Whether the account may borrow is said by the book's `margin`.

    It cuts what is bought, all purchases alike. Gross that drifted above the limit is not sold down by this
    rule: it means only that nothing is bought. In a book of several accounts each is bound too by what its
    own money allows.
    """

    name = "gross_leverage"
    order = 81
    per_account = True
    subject = "entries"
    sentence = "gross exposure of {value:.2%} of NAV, at most {limit:.2%}"
    told_as: ClassVar = {"gross_leverage": "Gross exposure"}

    class Params(Frozen):
        """Its numbers."""

        limit: float = Field(gt=0, description="gross positions over NAV on margin")
        margin: bool | None = Field(
            None,
            description="false: at most 1 even on margin; null: as the book's margin says",
        )

    def passes(self, asked: Asked) -> bool:
        """Gross within the limit."""
        margin = asked.situation.margin
        fits = asked.gross <= self.most_gross(margin) * asked.situation.nav
        if asked.situation.accounts is None:
            return fits
        return fits and fits_accounts(asked, self._most_of_account(margin))

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions shrunk to the limit, and to what each account allows."""
        ruling = within_gross(wanted, held, situation, self.most_gross(situation.margin))
        return within_accounts(ruling, held, situation, self._most_of_account(situation.margin))

    def _most_of_account(self, margin: Margin) -> float:
        """Gross of an account over its own worth: what the margin allows, 1 where nothing is borrowed."""
        return margin.most_gross if borrows(self.params.margin, margin) else 1.0

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Gross exposure."""
        yield at_most(self.name, "", measured.gross, self.most_gross(measured.margin))

    def most_gross(self, margin: Margin) -> float:
        """The limit, at most 1 where nothing is borrowed."""
        limit: float = self.params.limit
        return limit if borrows(self.params.margin, margin) else min(1.0, limit)

    def faults(self, book: Book) -> Iterator[str]:
        """A limit that the margin does not reach, and borrowing that the book does not say."""
        yield from unsaid_margin(self.name, self.params.margin, book.margin)
        if borrows(self.params.margin, book.margin) or self.params.margin is None:
            yield from out_of_reach(self.name, "gross", self.params.limit, book.margin)


@register
class NetLeverage(Rule):
    """Longs less shorts over NAV: at most so much on either side.

    It cuts what is opened on the side that leads, all of it alike. What is held is not forced out.
    """

    name = "net_leverage"
    order = 83
    subject = "entries"
    sentence = "net exposure of {value:.2%} of NAV, at most {limit:.2%} on either side"
    told_as: ClassVar = {"net_leverage": "Net exposure, on either side"}

    class Params(Frozen):
        """Its number."""

        limit: float = Field(gt=0, description="longs less shorts over NAV, absolute")

    def passes(self, asked: Asked) -> bool:
        """Net within the limit."""
        net, nav = float((asked.wanted * asked.situation.unit_value).sum()), asked.situation.nav
        return bool(abs(net) <= self.params.limit * nav)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions on the side that leads shrunk until the other side balances the rest."""
        kept, price, limit = without_entries(wanted, held), situation.unit_value, self.params.limit
        added = (wanted - kept) * price
        net = float((kept * price).sum() + added.sum())
        leading = added * net > 0.0
        over, room = abs(net) - limit * situation.nav, float(np.abs(added[leading]).sum())
        value = net / situation.nav
        if over <= 1e-9 * situation.nav or room <= 0.0:
            return Ruling(wanted, value, limit)
        units, part = situation.units, max(0.0, 1.0 - over / room)
        grown = units.toward_zero(kept + units.toward_zero((wanted - kept) * part))
        return Ruling(np.where(leading, grown, wanted), value, limit)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Net exposure, absolute."""
        yield at_most(self.name, "", abs(measured.net), self.params.limit)

    def most_net(self, margin: Margin) -> float:
        """The limit."""
        limit: float = self.params.limit
        return limit

    def faults(self, book: Book) -> Iterator[str]:
        """A limit that the margin does not reach."""
        return out_of_reach(self.name, "net", self.params.limit, book.margin)


@register
class CashBuffer(Rule):
    """A share of NAV that purchases leave in cash; on margin, the share that excess equity must keep.

    The buffer also pays for costs and for the gap between the price of the decision and that of the fill. In
    a book of several accounts each keeps that share of its own worth.
    """

    name = "cash_buffer"
    order = 84
    per_account = True
    subject = "entries"
    sentence = "gross exposure of {value:.2%} of NAV, at most {limit:.2%} leaves the cash buffer"
    told_as: ClassVar = {"cash_buffer": "Cash, no less than"}

    class Params(Frozen):
        """Its numbers."""

        limit: Share = Field(description="share of NAV that stays in cash (on margin: excess equity)")
        margin: bool | None = Field(
            None, description="false: in cash even on margin; null: as the book's margin says"
        )

    def passes(self, asked: Asked) -> bool:
        """Gross within the limit."""
        most = self._most(asked.situation.margin)
        return asked.gross <= most * asked.situation.nav and fits_accounts(asked, most)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions shrunk until the buffer is left, in each account."""
        most = self._most(situation.margin)
        return within_accounts(within_gross(wanted, held, situation, most), held, situation, most)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """What positions leave of NAV; on margin, excess equity."""
        used = measured.gross * self._initial(measured.margin)
        yield at_least(self.name, "", 1.0 - used, self.params.limit)

    def faults(self, book: Book) -> Iterator[str]:
        """Borrowing that the book does not say."""
        return unsaid_margin(self.name, self.params.margin, book.margin)

    def _most(self, margin: Margin) -> float:
        """Gross over NAV that leaves the buffer."""
        limit: float = self.params.limit
        return (1.0 - limit) / self._initial(margin)

    def _initial(self, margin: Margin) -> float:
        """What a position's holder must put up of its value."""
        return margin.initial if borrows(self.params.margin, margin) else 1.0
