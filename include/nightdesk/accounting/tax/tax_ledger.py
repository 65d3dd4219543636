"""The tax ledger of one taxpayer: lots and sales over all books, trade by trade."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from nightdesk.accounting.events import boot_gain
from nightdesk.accounting.tax.day_trades import DayTrades
from nightdesk.accounting.tax.lots import Lot, part_of, restated, returned, share, take
from nightdesk.accounting.tax.tax_trades import NO_BOOK, TaxTrade
from nightdesk.accounting.tax.terms import TaxTerms
from nightdesk.accounting.tax.wash_sales import Disposal, match, replacements
from nightdesk.core.money import CENT, QUANTITY_STEP, ZERO, apportion

Key = tuple[str, str]


@dataclass(frozen=True)
class TaxLedger:
    """Lots, sales and the losses that still look for a replacement.

    Attributes
    ----------
    terms : mapping of book to TaxTerms
        The books of one taxpayer.
    lots : mapping of (book, symbol) to tuple of Lot
        Open ones in the order of acquisition.
    disposals : tuple of Disposal
        In the order of sale; of one sale, in the order of acquisition.
    asking : mapping of symbol to tuple of int
        Places of the disposals whose loss is open, until their window is over.
    day_trades : DayTrades
    lots_made : int
        Lots so far, which numbers the next.
    split_on : mapping of symbol to date
        The newest split that open losses were restated for.
    transferred : Decimal
        Basis of units that went without a price, dollars and cents.
    """

    terms: Mapping[str, TaxTerms]
    lots: Mapping[Key, tuple[Lot, ...]] = field(default_factory=dict)
    disposals: tuple[Disposal, ...] = ()
    asking: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    day_trades: DayTrades = field(default_factory=DayTrades)
    lots_made: int = 0
    split_on: Mapping[str, date] = field(default_factory=dict)
    transferred: Decimal = ZERO

    def apply(self, trades: Iterable[TaxTrade]) -> TaxLedger:
        """The ledger after some trades, in their order: by session, not before the last.

        A purchase takes up the open losses of its symbol first, the earliest sale first. A sale at a loss
        looks for what was bought before and is still held, whatever book holds it. What stays open waits for
        purchases until its window is over. So replacements are used in the order of their acquisition, each
        once, and a chain needs no care: a replacement that is sold is a lot like any other, whose basis and
        holding period hold what was carried into it.

        Raises
        ------
        Refused
            When lots were named for a sale that are not there.
        """
        trades = tuple(trades)
        if not trades:
            return self
        work = _Work(
            self.terms,
            dict(self.lots),
            list(self.disposals),
            dict(self.asking),
            self.day_trades,
            self.lots_made,
            dict(self.split_on),
            self.transferred,
        )
        for trade in trades:
            work.book(trade)
        return TaxLedger(
            work.terms,
            work.lots,
            tuple(work.disposals),
            work.asking,
            work.day_trades,
            work.lots_made,
            work.split_on,
            work.transferred,
        )

    @property
    def open_lots(self) -> tuple[Lot, ...]:
        """All open lots."""
        return tuple(lot for lots in self.lots.values() for lot in lots)

    def open_losses(self, day: date) -> dict[str, Decimal]:
        """Losses that a purchase on this day would disallow, at most, in dollars by symbol."""
        found: dict[str, Decimal] = {}
        for symbol, places in self.asking.items():
            for one in map(self.disposals.__getitem__, places):
                if one.asks_at(day) and one.open_loss:
                    found[symbol] = found.get(symbol, ZERO) + one.open_loss
        return found


@dataclass
class _Work:
    """The parts of a tax ledger while trades are booked."""

    terms: Mapping[str, TaxTerms]
    lots: dict[Key, tuple[Lot, ...]]
    disposals: list[Disposal]
    asking: dict[str, tuple[int, ...]]
    day_trades: DayTrades
    lots_made: int
    split_on: dict[str, date]
    transferred: Decimal

    def book(self, trade: TaxTrade) -> None:
        match trade.kind:
            case "split":
                self._split(trade)
            case "return_of_capital":
                self._return(trade)
            case "exchange":
                self._exchange_for(trade)
            case _:
                self._trade(trade)

    def _trade(self, trade: TaxTrade) -> None:
        if not trade.quantity:
            self._correct(trade)
            return
        held = sum((lot.quantity for lot in self.lots.get((trade.book, trade.symbol), ())), ZERO)
        closing = ZERO if held * trade.quantity >= 0 else min(trade.quantity, -held, key=abs)
        cash = share(trade.cash, closing, trade.quantity)
        if closing == trade.quantity:
            self._close(trade)
        elif not closing:
            self._open(trade)
        else:
            self._close(replace(trade, quantity=closing, cash=cash))
            self._open(replace(trade, quantity=trade.quantity - closing, cash=trade.cash - cash))
        if trade.kind == "trade" and trade.symbol not in self.terms[trade.book].crypto:
            self.day_trades = self.day_trades.after(
                trade, closed=bool(closing), opened=closing != trade.quantity
            )

    def _correct(self, trade: TaxTrade) -> None:
        """Cash that came for a fraction beyond what was booked: proceeds of their own, at no cost."""
        lot = Lot(
            lot_id=f"{trade.reference}@{trade.session}",
            number=self.lots_made,
            book=trade.book,
            symbol=trade.symbol,
            acquired=trade.session,
            held_since=trade.session,
            quantity=ZERO,
            cost=ZERO,
        )
        self.disposals.append(_disposal(trade, lot, trade.cash, washes=False))

    def _split(self, trade: TaxTrade) -> None:
        if self.split_on.get(trade.symbol) != trade.session:
            self.split_on[trade.symbol] = trade.session
            for at in self.asking.get(trade.symbol, ()):
                one = self.disposals[at]
                units = (one.open_quantity * trade.ratio).quantize(QUANTITY_STEP)
                self.disposals[at] = replace(one, open_quantity=units)
        lots = self.lots.get((trade.book, trade.symbol), ())
        if trade.book != NO_BOOK and lots:
            self.lots[trade.book, trade.symbol] = restated(lots, trade.quantity)

    def _return(self, trade: TaxTrade) -> None:
        """Cash out of the cost, shared by units; beyond the cost of a lot it is a gain (section 301(c))."""
        key = (trade.book, trade.symbol)
        lots = self.lots.get(key, ())
        if not lots:
            return
        cash = apportion(trade.cash, [lot.quantity for lot in lots], CENT)
        left = []
        for lot, received in zip(lots, cash, strict=True):
            after, beyond = returned(lot, received)
            left.append(after)
            if beyond:
                # A short sale whose holder paid more than it brought: what it cost to pay, at no proceeds.
                part = replace(after, cost=ZERO, carried=ZERO)
                self.disposals.append(_disposal(trade, part, beyond, washes=False))
        self.lots[key] = tuple(left)

    def _exchange_for(self, trade: TaxTrade) -> None:
        """Lots go over to another symbol with their dates; of cash beside it counts what `boot_gain` says.

        Open losses stay with the symbol that was sold.
        """
        key, into = (trade.book, trade.symbol), (trade.book, trade.other)
        lots = self.lots.get(key, ())
        if not lots:
            return
        quantities = [lot.quantity for lot in lots]
        units = apportion(trade.received, quantities, QUANTITY_STEP)
        cash = apportion(trade.cash, quantities, CENT)
        kept: list[Lot] = []
        for lot, received, boot in zip(lots, units, cash, strict=True):
            part, rest = part_of(lot, trade.share)
            if rest is not None:
                kept.append(rest)
            counted = ZERO
            if boot:
                worth = received * trade.worth if trade.worth else None
                counted = boot_gain(part.basis, boot, worth)
            if counted:
                sold = replace(part, cost=boot - counted, carried=ZERO)
                self.disposals.append(_disposal(trade, sold, boot, washes=False))
            moved = replace(part, symbol=trade.other, quantity=received, cost=part.cost - boot + counted)
            if received:
                self._take_in(into, moved, trade)
        if kept:
            self.lots[key] = tuple(kept)
        else:
            self.lots.pop(key, None)

    def _take_in(self, key: Key, lot: Lot, trade: TaxTrade) -> None:
        """A lot that an exchange brings: among the others by its date, or closing those of the other side."""
        held = self.lots.get(key, ())
        if held and held[0].quantity * lot.quantity < 0:
            closing = TaxTrade(
                lot.book, lot.symbol, trade.session, "trade", lot.quantity, -lot.basis, trade.reference
            )
            self._trade(closing)
            return
        lots = sorted((*held, lot), key=lambda one: (one.acquired, one.number))
        self.lots[key] = tuple(lots)

    def _open(self, trade: TaxTrade) -> None:
        """A new lot, divided by the open losses that it takes up."""
        lot: Lot | None = Lot(
            lot_id=f"{trade.reference}@{trade.session}",
            number=self.lots_made,
            book=trade.book,
            symbol=trade.symbol,
            acquired=trade.session,
            held_since=trade.session,
            quantity=trade.quantity,
            cost=-trade.cash,
            bought=trade.kind == "trade",
        )
        self.lots_made += 1
        made: list[Lot] = []
        if lot is not None and lot.bought and lot.quantity > 0:
            for at in self._asking(trade.symbol, trade.session):
                if lot is None:
                    break
                self.disposals[at], used, lot = match(self.disposals[at], lot)
                made.append(used)
        made += [] if lot is None else [lot]
        key = (trade.book, trade.symbol)
        self.lots[key] = (*self.lots.get(key, ()), *made)

    def _asking(self, symbol: str, day: date) -> tuple[int, ...]:
        """Places of the losses that a purchase of this day serves, the earliest sale first."""
        left = tuple(at for at in self.asking.get(symbol, ()) if self.disposals[at].asks_at(day))
        if left:
            self.asking[symbol] = left
        else:
            self.asking.pop(symbol, None)
        return left

    def _close(self, trade: TaxTrade) -> None:
        """A sale, or the end of a short sale: its lots, then the replacements that are held already."""
        key, terms = (trade.book, trade.symbol), self.terms[trade.book]
        lots = self.lots[key]
        named = terms.sales.get(trade.reference) if terms.method == "specific" else None
        taken, left = take(lots, -trade.quantity, terms.method, named)
        self.lots[key] = left
        if not left:
            del self.lots[key]
        if trade.kind == "transfer":
            self.transferred += sum((lot.basis for lot in taken), ZERO)
            return
        cash = apportion(trade.cash, [lot.quantity for lot in taken], CENT)
        for lot, received in zip(taken, cash, strict=True):
            made = _disposal(trade, lot, received, washes=terms.washes(trade.symbol))
            self.disposals.append(self._replaced(made) if made.open_quantity else made)
            if self.disposals[-1].open_quantity:
                at = len(self.disposals) - 1
                self.asking[trade.symbol] = (*self._asking(trade.symbol, trade.session), at)

    def _replaced(self, disposal: Disposal) -> Disposal:
        """A sale at a loss after what was bought before it, by any book, has taken up its part."""
        keys = [(book, disposal.symbol) for book in self.terms]
        for old in replacements(disposal, [lot for key in keys for lot in self.lots.get(key, ())]):
            if not disposal.open_quantity:
                break
            disposal, used, rest = match(disposal, old)
            parts = (used,) if rest is None else (used, rest)
            self._exchange(old, parts)
        return disposal

    def _exchange(self, old: Lot, parts: Sequence[Lot]) -> None:
        key = (old.book, old.symbol)
        lots = self.lots[key]
        at = next(n for n, lot in enumerate(lots) if lot is old)
        self.lots[key] = (*lots[:at], *parts, *lots[at + 1 :])


def _disposal(trade: TaxTrade, lot: Lot, received: Decimal, *, washes: bool) -> Disposal:
    """What a sale says of one of its lots; of a short sale, what it brought and what closing it cost."""
    short = lot.quantity < 0
    proceeds, basis = (-lot.basis, -received) if short else (received, lot.basis)
    loss = basis - proceeds if washes and not short and basis > proceeds else ZERO
    return Disposal(
        reference=trade.reference,
        book=trade.book,
        symbol=trade.symbol,
        lot_id=lot.lot_id,
        acquired=trade.session if short else lot.acquired,
        held_since=trade.session if short else lot.held_since,
        sold=trade.session,
        quantity=abs(lot.quantity),
        proceeds=proceeds,
        basis=basis,
        short=short,
        open_quantity=lot.quantity if loss else ZERO,
        open_loss=loss,
        adopted=not lot.bought,
    )
