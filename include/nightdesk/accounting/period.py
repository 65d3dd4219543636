"""The time between two decisions of a book: what the market brought, and what waited for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from nightdesk.accounting.exercise_notices import ExerciseNotice
from nightdesk.accounting.funding_rates import BelatedFunding
from nightdesk.accounting.late_actions import BelatedAction
from nightdesk.accounting.ledger import WHOLE_BOOK, Entry, Ledger
from nightdesk.accounting.transfers import Transfer, seen_in
from nightdesk.core.account_terms import MAIN
from nightdesk.core.book import Book
from nightdesk.core.contracts import Contract
from nightdesk.core.errors import Refused
from nightdesk.core.fields import Frozen
from nightdesk.core.funding import FundingRate
from nightdesk.core.money import ZERO, exact
from nightdesk.core.panel import Action
from nightdesk.core.registry import Registry, validated
from nightdesk.orders.fills import FillBars
from nightdesk.orders.order import Cross


@dataclass(frozen=True, slots=True)
class Rates:
    """What money and borrowed units cost and earn in an account: shares a year, 0.03 is 3 %.

    `borrow` is by symbol; a symbol whose loan is free is absent.
    """

    debit: Decimal = ZERO
    credit: Decimal = ZERO
    borrow: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccrualTerms:
    """What accruals need to know of a book.

    Attributes
    ----------
    units : mapping of symbol to Decimal
        Smallest quantities.
    rates : Rates
        Of the accounts that are ours.
    own : tuple of Accrual
        The book's own.
    contracts : mapping of symbol to Contract
        What a unit of its options and perpetuals stands for.
    ours : tuple of str
        The accounts that accrue here; a real broker books what it takes and gives itself.
    account_of : mapping of symbol to str
        Where each symbol goes; empty where all of them go to `main`.
    capitals : mapping of str to Decimal
        Dollars that each account begins with; empty where all of it goes to `main`.
    """

    units: Mapping[str, Decimal] = field(default_factory=dict)
    rates: Rates = field(default_factory=Rates)
    own: tuple[Accrual, ...] = ()
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    ours: tuple[str, ...] = (MAIN,)
    account_of: Mapping[str, str] = field(default_factory=dict)
    capitals: Mapping[str, Decimal] = field(default_factory=dict)

    def within(self, account: str) -> AccrualTerms:
        """The terms as one of the accounts has them, which calls itself `main`."""
        return replace(self, ours=(MAIN,) if account in self.ours else (), account_of={}, capitals={})


def rates_of(book: Book) -> Rates:
    """The rates that a book states."""
    return Rates(
        debit=exact(book.rates.debit_rate),
        credit=exact(book.rates.credit_rate),
        borrow={symbol: exact(rate) for symbol, rate in book.borrow_rates.items() if rate},
    )


def accrual_terms(book: Book, ours: Collection[str] | None = None) -> AccrualTerms:
    """The terms that a book states.

    Parameters
    ----------
    book : Book
    ours : collection of str, optional
        The accounts that are simulated; all of them by default, as a backtest has them. A real broker books
        interest, borrow fees and whatever else it takes itself: of its account there are no rates and no
        accruals of the book's own.

    Raises
    ------
    Refused
        As `accruals_of`.
    """
    units = {symbol: instrument.unit for symbol, instrument in book.universe.items()}
    names = tuple(one for one in book.account_names if ours is None or one in ours)
    accounts = routed(book)
    capitals = {name: one.capital for name, one in book.accounts.items()}
    if not names:
        contracts = {name: replace(one, funding=ZERO) for name, one in book.contracts.items()}
        return AccrualTerms(units, contracts=contracts, ours=(), account_of=accounts, capitals=capitals)
    rates = rates_of(book)
    if len(names) < len(book.account_names):
        lent = {symbol: rate for symbol, rate in rates.borrow.items() if accounts[symbol] in names}
        rates = replace(rates, borrow=lent)
    return AccrualTerms(units, rates, accruals_of(book), book.contracts, names, accounts, capitals)


def routed(book: Book) -> dict[str, str]:
    """The account of each symbol; empty where all of them go to `main`."""
    if book.account_names == (MAIN,):
        return {}
    return {symbol: book.account_of(symbol) for symbol in book.universe}


@dataclass(frozen=True, slots=True)
class Period:
    """What lies between two decisions of a book, from just after the first to the instant of the second.

    Attributes
    ----------
    as_of : datetime
        The instant of the decision at its end, UTC.
    session : date
        The session of that decision: the date of all entries.
    since : date or None
        The session of the decision at its beginning; None where the account begins with this period. Two
        decisions of one session have no night between them, and no interest.
    bars : FillBars
        What orders meet.
    terms : AccrualTerms
    prices : mapping of symbol to float
        Raw closes at its end, by which the book is marked.
    closes : mapping of symbol to float
        Raw closes at its beginning; there where a night may cost a fee on shorts, or the book has accruals of
        its own, or options or perpetuals.
    splits, dividends : mapping of symbol to float
        Units after for one before; dollars a unit held before the open. Symbols without one may be absent.
    restated : mapping of symbol to float
        Raw closes at its beginning, restated for its splits; needed where something splits or happens.
    events : tuple of Action
        Its other actions; see `nightdesk.core.panel.EVENT_KINDS`.
    late : tuple of BelatedAction
        Actions of earlier sessions that are booked now.
    crosses : tuple of Cross
        What the first decision let strategies pass to each other.
    capital : Decimal
        What the book receives in it, dollars.
    fundings : int
        How often positions in perpetuals pay each other in it.
    expiring : frozenset of str
        Contracts that expire at its end.
    funding_rates : tuple of FundingRate
        Of perpetuals with a history, those of its instants, as they were known at its end.
    late_funding : tuple of BelatedFunding
        Rates of earlier instants that are booked now.
    notices : tuple of ExerciseNotice
        Options that end early, in the night before its open.
    transfers : tuple of Transfer
        What a person moves between accounts of the book in it.
    """

    as_of: datetime
    session: date
    since: date | None
    bars: FillBars
    terms: AccrualTerms
    prices: Mapping[str, float] = field(default_factory=dict)
    closes: Mapping[str, float] = field(default_factory=dict)
    splits: Mapping[str, float] = field(default_factory=dict)
    dividends: Mapping[str, float] = field(default_factory=dict)
    restated: Mapping[str, float] = field(default_factory=dict)
    events: tuple[Action, ...] = ()
    late: tuple[BelatedAction, ...] = ()
    crosses: tuple[Cross, ...] = ()
    capital: Decimal = ZERO
    fundings: int = 0
    expiring: frozenset[str] = frozenset()
    funding_rates: tuple[FundingRate, ...] = ()
    late_funding: tuple[BelatedFunding, ...] = ()
    notices: tuple[ExerciseNotice, ...] = ()
    transfers: tuple[Transfer, ...] = ()

    @property
    def days(self) -> int:
        """Calendar days in it for which money costs and earns."""
        return 0 if self.since is None else (self.session - self.since).days

    def within(self, account: str) -> Period:
        """The period of one of the book's accounts, which calls itself `main`."""
        if not self.terms.account_of:
            return self
        return replace(
            self,
            terms=self.terms.within(account),
            transfers=seen_in(account, self.transfers),
            late=tuple(one for one in self.late if self.terms.account_of.get(one.symbol) == account),
            late_funding=tuple(
                one for one in self.late_funding if self.terms.account_of.get(one.rate.symbol) == account
            ),
            notices=tuple(one for one in self.notices if self.terms.account_of.get(one.symbol) == account),
        )

    def of_account(self, owner: str) -> Period:
        """The period as an account lives through it, which has one owner and was given its money.

        What strategies pass to each other is nothing to it.
        """
        late = tuple(replace(one, held={owner: sum(one.held.values(), ZERO)}) for one in self.late)
        funding = tuple(one.of_account(owner) for one in self.late_funding)
        return replace(self, late=late, late_funding=funding, crosses=(), capital=ZERO)


class Accrual(ABC):
    """Base of what a book says under `accruals`: something that every night costs or brings beside its rates.

    Attributes
    ----------
    name : str
        Its key under `accruals` in a book.
    """

    name: ClassVar[str]

    class Params(Frozen):
        """The accrual's own numbers, validated; an unknown key is refused."""

    def __init__(self, params: Frozen) -> None:
        self.params = params

    @abstractmethod
    def entries(self, ledger: Ledger, period: Period) -> tuple[Entry, ...]:
        """What a period brings to the ledger of a book, or of its account; asked again it says the same.

        Parameters
        ----------
        ledger : Ledger
            As it stood at the beginning of the period, with interest and borrow fees of it booked.
        period : Period
            Nothing is due for one of no `days`.

        Returns
        -------
        tuple of Entry
            Of `period.session`, kind "fee", without a strategy or symbol, cash in dollars and cents: what it
            costs is negative. Each reference begins with the accrual's name and is unique in the session.
        """


ACCRUAL_KINDS: Registry[type[Accrual]] = Registry("accrual")


def register[A: Accrual](cls: type[A]) -> type[A]:
    """Make an accrual known under its `name`; for use as a decorator."""
    ACCRUAL_KINDS.add(cls.name, cls)
    return cls


def accruals_of(book: Book) -> tuple[Accrual, ...]:
    """The accruals that a book names, in its order.

    Raises
    ------
    Refused
        When a name is unknown or a parameter is unknown or impossible, with the path of the key.
    """
    made = []
    for name, given in book.accruals.items():
        cls = ACCRUAL_KINDS.find(name, f"accruals.{name}")
        made.append(cls(validated(cls.Params, given, owner=name, where=f"accruals.{name}")))
    return tuple(made)


def due(accrual: Accrual, ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    """What an accrual brings, checked: it moves cash alone, so that no position can come of it.

    Raises
    ------
    Refused
        When an entry is of another session or kind, or its reference is not its own.
    """
    entries = accrual.entries(ledger, period)
    for one in entries:
        moved = (one.strategy, one.symbol, one.quantity, one.price, one.commission, one.cost)
        wanted = (WHOLE_BOOK, WHOLE_BOOK, ZERO, ZERO, ZERO, ZERO)
        if (one.session, one.kind, moved) != (period.session, "fee", wanted):
            raise Refused(
                f"accrual {accrual.name}: found an entry {one.kind} of {one.session} {one.reference!r}; it "
                f"may book fees of {period.session} alone: cash without a strategy, symbol, quantity or price"
            )
        if not one.reference.startswith(accrual.name):
            raise Refused(
                f"accrual {accrual.name}: found the reference {one.reference!r}: begin it with {accrual.name}"
            )
    if len({one.key for one in entries}) < len(entries):
        raise Refused(f"accrual {accrual.name}: two entries of {period.session} have the same reference")
    return entries
