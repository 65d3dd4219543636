"""The ledger: an append-only list of entries, and the cash and positions that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from nightdesk.core.account_terms import MAIN
from nightdesk.core.contracts import PLAIN, Contract
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO, exact, to_cents, to_price

EntryKind = Literal[
    "capital", "fill", "cross", "dividend", "capital_gain", "return_of_capital", "split", "exchange",
    "redemption", "adjustment", "fee", "interest", "borrow", "expiry", "exercise", "assignment", "funding",
    "transfer",
]  # fmt: skip

#: The cash of a book that has it all in `main`.
NOWHERE_ELSE: Mapping[str, Decimal] = MappingProxyType({})

#: Strategy and symbol of an entry that belongs to the whole book.
WHOLE_BOOK = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact of the ledger.

    Attributes
    ----------
    session : date
        When it counts.
    kind : str
        "capital", "fee" and "interest" move cash; "borrow" is the fee for units that a short position has
        borrowed; "fill", "cross" (between strategies of the book),
        "adjustment" and "redemption" (units that end for cash, or for nothing) move quantity and cash at a
        price; "dividend", "capital_gain" and "funding" (of a perpetual) pay cash on a position;
        "return_of_capital" pays it out of the cost, and what is beyond that is profit; "split" restates a
        quantity and leaves its cost; "exchange" moves quantity and cost from one symbol to another, a leg
        each. An adjustment of cash alone is profit. A "fill" without units is what a broker corrected of
        an execution, or told late of its commission: it changes the cost of what is held, else the profit.
        "expiry" ends contracts for nothing; "exercise" and "assignment" end them for units of the underlying,
        a leg each, and the option's leg gives its cost to the other.
        "transfer" moves cash between two accounts of the book, an entry each.
    strategy, symbol : str
        Whose position; empty where only the book's cash moves.
    quantity : Decimal
        Signed change of the position, in units.
    price : Decimal
        Dollars a unit (a dividend's cash per share); 0 where none. Of a split its ratio. Of the leg of an
        exchange that gives, the share of the cost that goes; of the one that receives, what a unit is worth,
        0 where that is not known.
    cash : Decimal
        Signed effect on cash in dollars and cents, commission included.
    commission : Decimal
        The part of `cash` that was commission, positive.
    reference : str
        What it came from, unique with session and strategy: the client order id behind fills (of what came
        later of an execution, also which one it is), a cross, an action.
    cost : Decimal
        Signed change of the cost basis, dollars and cents, of an exchange, of what an option is
        exercised or assigned for, and of a trade on margin, which moves commission and realised profit alone;
        else 0: then it follows from the cash.
    since : date or None
        From when it counts, where that is before `session`: the purchase of units that an exchange brings,
        the ex-date of an action that is booked late.
    account : str
        The account of the book whose cash, or position, it moves.
    """

    session: date
    kind: EntryKind
    strategy: str
    symbol: str
    quantity: Decimal
    price: Decimal
    cash: Decimal
    commission: Decimal
    reference: str
    cost: Decimal = ZERO
    since: date | None = None
    account: str = MAIN

    @property
    def in_full(self) -> Decimal:
        """Cash that a trade would have moved had it been paid in full: what it did, but of one on margin."""
        return self.cash - self.cost

    @property
    def key(self) -> tuple[date, EntryKind, str, str, str, str]:
        """Which fact it is: a second entry with the same key says the same again."""
        return self.session, self.kind, self.account, self.strategy, self.symbol, self.reference


@dataclass(frozen=True, slots=True)
class Position:
    """What one strategy holds of one symbol, and what it has earned on it.

    `cost` is the total cost basis in dollars by the average-cost method, without commission; it has the sign
    of `quantity`. `realised`, `commission`, `dividends` and `borrow` (fees on what was short, paid: positive)
    accumulate over the book's life. `entry_session`
    is that of the purchase that opened the position, None while there is none; an exchange keeps it.
    `dividends` holds all payments in cash on the position, but returns of capital: funding too.
    """

    strategy: str
    symbol: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    entry_session: date | None = None
    commission: Decimal = ZERO
    dividends: Decimal = ZERO
    borrow: Decimal = ZERO

    @property
    def average_cost(self) -> Decimal | None:
        """Dollars a unit, six places; None without a position."""
        return to_price(self.cost / self.quantity) if self.quantity else None

    def after(self, entry: Entry) -> Position:
        """The position after one more entry."""
        match entry.kind:
            case "dividend" | "capital_gain" | "funding":
                return replace(self, dividends=self.dividends + entry.cash)
            case "borrow":
                return replace(self, borrow=self.borrow - entry.cash)
            case "return_of_capital":
                left = self.cost - entry.cash
                if left * self.quantity < 0:  # more came back than was paid
                    return replace(self, cost=to_cents(ZERO), realised=self.realised - left)
                return replace(self, cost=left)
            case "split":
                return replace(self, quantity=self.quantity + entry.quantity)
            case "adjustment" if not entry.quantity:
                return replace(self, realised=self.realised + entry.cash)
            case "fill" if not entry.quantity and not self.quantity:
                profit = entry.cash + entry.commission
                return replace(
                    self, realised=self.realised + profit, commission=self.commission + entry.commission
                )
        return self._traded(entry)

    def _traded(self, entry: Entry) -> Position:
        """After one that moves units at a price."""
        change, quantity = entry.quantity, self.quantity + entry.quantity
        spent = entry.cost - (entry.cash + entry.commission)
        begun = entry.session if entry.kind != "exchange" or entry.since is None else entry.since
        commission = self.commission + entry.commission
        if self.quantity * change >= 0:
            opened = self.entry_session if self.quantity else begun
            return replace(
                self, quantity=quantity, cost=self.cost + spent, entry_session=opened, commission=commission
            )
        if abs(change) > abs(self.quantity):  # through zero: the part that closes, then the part that opens
            closing = to_cents(spent * -self.quantity / change)
            return replace(
                self,
                quantity=quantity,
                cost=spent - closing,
                realised=self.realised - closing - self.cost,
                entry_session=begun,
                commission=commission,
            )
        released = self.cost if quantity == 0 else to_cents(self.cost * -change / self.quantity)
        return replace(
            self,
            quantity=quantity,
            cost=self.cost - released,
            realised=self.realised - spent - released,
            entry_session=self.entry_session if quantity else None,
            commission=commission,
        )


@dataclass(frozen=True, slots=True)
class NetPosition:
    """What a book holds of one symbol over all strategies.

    `quantity` is the net units, not 0; `average` the dollars a unit that those on its side have paid. Both
    are the floats next to their decimals.
    """

    quantity: float
    average: float


@dataclass(frozen=True)
class Ledger:
    """Cash in dollars over all accounts, and the positions by (strategy, symbol), closed ones included.

    `other_cash` is the cash that lies in other accounts than `main`, by account; the rest of the cash is
    there. A position is in the account that its symbol goes to.
    """

    cash: Decimal = ZERO
    positions: Mapping[tuple[str, str], Position] = field(default_factory=dict)
    other_cash: Mapping[str, Decimal] = NOWHERE_ELSE

    def cash_in(self, account: str) -> Decimal:
        """Dollars in one account."""
        if account == MAIN:
            return self.cash - sum(self.other_cash.values(), ZERO) if self.other_cash else self.cash
        return self.other_cash.get(account, ZERO)

    def in_account(self, account: str, account_of: Mapping[str, str]) -> Ledger:
        """One account's part of it, which counts as `main` there.

        Parameters
        ----------
        account : str
        account_of : mapping of symbol to str
            Where each symbol goes; empty where all of them go to one account, which is given whole.
        """
        if not account_of:
            return self
        mine = {key: one for key, one in self.positions.items() if account_of.get(key[1]) == account}
        return Ledger(self.cash_in(account), mine)

    def apply(self, entries: Iterable[Entry]) -> Ledger:
        """The ledger after some entries, in their order."""
        entries = tuple(entries)
        if not entries:
            return self
        cash, positions, other = self.cash, dict(self.positions), self.other_cash
        for entry in entries:
            cash += entry.cash
            if entry.account != MAIN:
                other = {**other, entry.account: other.get(entry.account, ZERO) + entry.cash}
            if entry.symbol:
                key = (entry.strategy, entry.symbol)
                positions[key] = (positions.get(key) or Position(*key)).after(entry)
        return Ledger(cash, positions, other)

    def held(self) -> tuple[Position, ...]:
        """The positions that are not flat."""
        return self._held

    @cached_property
    def _held(self) -> tuple[Position, ...]:
        return tuple([one for one in self.positions.values() if one.quantity])

    @cached_property
    def net_positions(self) -> Mapping[str, NetPosition]:
        """What is held net of each symbol; symbols whose strategies cancel each other out are left out."""
        by_symbol: dict[str, list[Position]] = {}
        for position in self._held:
            by_symbol.setdefault(position.symbol, []).append(position)
        found = ((symbol, _net_position(positions)) for symbol, positions in by_symbol.items())
        return {symbol: one for symbol, one in found if one is not None}

    def net(self) -> dict[str, Decimal]:
        """Quantity by symbol over all strategies, flat ones left out."""
        out: dict[str, Decimal] = {}
        for one in self.held():
            out[one.symbol] = out.get(one.symbol, ZERO) + one.quantity
        return {symbol: quantity for symbol, quantity in out.items() if quantity}


def _net_position(positions: Sequence[Position]) -> NetPosition | None:
    """What some positions of one symbol come to; None where they cancel each other out."""
    if len(positions) == 1:
        (one,) = positions
        return NetPosition(float(one.quantity), float(one.cost / one.quantity))
    net = sum([one.quantity for one in positions], ZERO)
    if not net:
        return None
    same_side = [one for one in positions if (one.quantity > 0) == (net > 0)]
    cost = sum([one.cost for one in same_side], ZERO)
    return NetPosition(float(net), float(cost / sum([one.quantity for one in same_side], ZERO)))


def fold(entries: Iterable[Entry]) -> Ledger:
    """Rebuild the ledger from all of its entries."""
    return Ledger().apply(entries)


def capital(session: date, amount: Decimal, account: str = MAIN) -> Entry:
    """The entry by which an account of a book receives its money."""
    return cash_entry(session, "capital", to_cents(amount), "initial capital", account)


def cash_entry(session: date, kind: EntryKind, cash: Decimal, reference: str, account: str = MAIN) -> Entry:
    """An entry that moves the cash of an account and belongs to no strategy."""
    return Entry(session, kind, WHOLE_BOOK, WHOLE_BOOK, ZERO, ZERO, cash, ZERO, reference, account=account)


@dataclass(frozen=True, slots=True)
class Mark:
    """A book valued at the close of a session.

    Money is in dollars and cents, ``nav == cash + positions_value`` exactly. `drawdown` is 1 - NAV / peak
    NAV, `gross` and `net` are what the positions stand for over NAV (absolute, signed),
    `day_return` is NAV over the NAV of the mark before, less 1.
    """

    session: date
    cash: Decimal
    positions_value: Decimal
    nav: Decimal
    peak_nav: Decimal
    drawdown: float
    gross: float
    net: float
    day_return: float


#: Books without options and perpetuals.
NO_CONTRACTS: Mapping[str, Contract] = MappingProxyType({})


def exposure(position: Position, price: float, contract: Contract = PLAIN) -> Decimal:
    """Signed dollars that a position stands for at a raw price, rounded to the cent."""
    return to_cents(contract.notional(position.quantity, exact(price)))


def unrealised(position: Position, price: float, contract: Contract = PLAIN) -> Decimal:
    """What it would earn at a raw price beyond what it cost, dollars and cents."""
    return exposure(position, price, contract) - position.cost if position.quantity else to_cents(ZERO)


def value(position: Position, price: float, contract: Contract = PLAIN) -> Decimal:
    """What a position adds to the NAV, dollars and cents: of one on margin its profit alone."""
    return (unrealised if contract.on_margin else exposure)(position, price, contract)


def mark(
    ledger: Ledger,
    session: date,
    prices: Mapping[str, float],
    previous: Mark | None = None,
    contracts: Mapping[str, Contract] = NO_CONTRACTS,
) -> Mark:
    """Value a ledger at the raw prices of a session's close.

    Parameters
    ----------
    ledger : Ledger
        After the session's actions and fills.
    session : date
        The session.
    prices : mapping of symbol to dollars
        The newest raw close of every symbol held.
    previous : Mark, optional
        The mark of the session before; without one the day's return is 0.
    contracts : mapping of symbol to Contract
        Those whose unit is not worth its price.

    Raises
    ------
    Refused
        When a held symbol has no price.
    """
    worth = short = margined = to_cents(ZERO)
    exact_price: dict[str, Decimal] = {}
    for position in ledger.held():
        symbol = position.symbol
        if symbol not in exact_price:
            price = prices.get(symbol)
            if price is None or not price > 0:
                raise Refused(
                    f"{symbol} is held on {session} and has no price: its bars must be stored first"
                )
            exact_price[symbol] = exact(price)
        one = position.quantity * exact_price[symbol]
        contract = contracts.get(symbol)
        if contract is not None:
            one *= contract.multiplier
            margined += position.cost if contract.on_margin else ZERO
        one = to_cents(one)
        worth += one
        if one < 0:
            short += one
    nav, gross = ledger.cash + worth - margined, worth - 2 * short
    peak = nav if previous is None else max(nav, previous.peak_nav)
    return Mark(
        session=session,
        cash=ledger.cash,
        positions_value=worth - margined,
        nav=nav,
        peak_nav=peak,
        drawdown=float(1 - nav / peak) if peak else 0.0,
        gross=float(gross / nav) if nav else 0.0,
        net=float(worth / nav) if nav else 0.0,
        day_return=0.0 if previous is None or not previous.nav else float(nav / previous.nav - 1),
    )
