"""The book: one YAML file that says what is traded, how, within which limits, at what cost and where.

A book is validated when it is loaded: an unknown key, an impossible number or a missing field is refused
with the file, the path of the key, what was found and what is allowed. What plug-ins (strategies, rules,
feeds) ask of their own parameters is checked by `nightdesk.engine.resolve`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, ValidationError, model_validator

from nightdesk.core.account_terms import MAIN, AccountEntry, BrokerEntry, Orders, Tax
from nightdesk.core.book_errors import describe
from nightdesk.core.contracts import Contract
from nightdesk.core.costs import Costs, Financing, IdleCash
from nightdesk.core.data_terms import Feeds, QualityLimits, SentimentTerms
from nightdesk.core.documents import MOST_BYTES, read_bytes, read_yaml
from nightdesk.core.drawdown_levels import Levels, MaxDrawdownLimit
from nightdesk.core.errors import Refused
from nightdesk.core.fields import Frozen, Name, Params, Symbol
from nightdesk.core.margin import Margin
from nightdesk.core.member_terms import MemberTerms
from nightdesk.core.members import Flags, Membership
from nightdesk.core.portfolio_terms import Band, Portfolio, StrategyEntry
from nightdesk.core.reporting_terms import Alerts, Figure, Target
from nightdesk.core.routes import account_faults, route_faults, route_of
from nightdesk.core.schedule_entry import ScheduleEntry
from nightdesk.core.universe import Instrument


def _none_said(value: Any) -> bool:
    return not value


class Book(Frozen):
    """A named portfolio with broker accounts of its own."""

    name: Name = Field(description="by which commands, tables and orders know it: a-z, 0-9 and _")
    title: str = Field(description="how pages and mails call it")
    description: str = Field("", description="what it does, for people")
    calendar: str = Field("XNYS", description="the exchange whose sessions it decides in")
    currency: Literal["USD"] = Field("USD", description="what its money is counted in")
    origin: date | None = Field(
        None, description="first session of its factors; default: 504 sessions before inception"
    )
    inception: date | None = Field(
        None, description="first decided session; default: set when the book is started"
    )
    initial_capital: Decimal = Field(gt=0, decimal_places=2, description="dollars")
    benchmark: Symbol = Field("SPY", description="what its results are compared with")
    volatility_index: Symbol = Field("^VIX", description="whose closes say the regime")
    schedule: ScheduleEntry = Field(
        ScheduleEntry(), description="when it decides: daily, hourly, or the keys of an hourly one"
    )
    feeds: Feeds = Field(Feeds(), description="where bars, corporate actions and headlines come from")
    sentiment: SentimentTerms = Field(SentimentTerms(), description="how headlines become numbers")
    broker: BrokerEntry | None = Field(
        None, description="where its orders go: the short form of one account, called main"
    )
    accounts: dict[Name, AccountEntry] = Field(
        default_factory=dict,
        exclude_if=_none_said,  # a book without them keeps its configuration's hash
        description="its broker accounts by name, in place of broker",
    )
    routes: dict[str, Name] = Field(
        default_factory=dict,
        exclude_if=_none_said,
        description="the account by symbol or asset class, a symbol's own first; default: all others",
    )
    orders: Orders = Field(Orders(), description="how its orders are sent")
    universe: dict[Symbol, Instrument] = Field(
        description="what may be traded: instruments by symbol, or the keys of a list of members"
    )
    members: MemberTerms | None = Field(
        None,
        exclude_if=lambda value: value is None,  # a book that lists its symbols keeps its hash
        description="never written: what `universe` says where it names a list of members",
    )
    strategies: dict[Name, StrategyEntry] = Field(
        min_length=1, description="what trades in it: strategies by name"
    )
    regime: tuple[Band, ...] = Field(min_length=1, description="bands of the volatility index, ascending")
    portfolio: Portfolio = Field(Portfolio(), description="how the strategies' wishes become one portfolio")
    limits: dict[Name, Params] = Field(description="the gate's rules by name, with their numbers")
    cash: IdleCash = Field(IdleCash(), description="what idle cash earns, without a financing")
    margin: Margin = Field(Margin(), description="what part of a position it puts up itself")
    financing: Financing | None = Field(
        None,
        description="what borrowing costs and cash earns; none: cash.interest alone. A margin requires it",
    )
    accruals: dict[Name, Params] = Field(
        default_factory=dict,
        exclude_if=_none_said,
        description="what else every night costs or brings on paper, by name, with its numbers: plug-ins",
    )
    tax: Tax = Field(Tax(), description="how gains and losses are counted for the tax")
    levels: Levels | None = Field(None, description="drawdown levels; none: the book has no levels")
    costs: Costs = Field(Costs(), description="what a trade costs, where a symbol says nothing else")
    quality: QualityLimits = Field(QualityLimits(), description="limits of the data checks")
    targets: dict[Figure, Target] = Field(
        default_factory=dict,
        description="what its results should be; they decide nothing, and none is hidden",
    )
    alerts: Alerts = Field(Alerts(), description="how people are told, and of what")

    #: Of a book with a list of members, the list as it was known; None before it was read.
    _membership: Membership | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _with_member_terms(cls, tree: Any) -> Any:
        """Read a universe that names a list as `members`; its own symbols are those that are always in it."""
        if not isinstance(tree, Mapping):
            return tree
        if "members" in tree:
            raise ValueError("members: unknown key; a list of members is named by universe.members")
        said = tree.get("universe")
        if not isinstance(said, Mapping) or "members" not in said:
            return tree
        try:
            terms = MemberTerms.model_validate(said)
        except ValidationError:
            return {**tree, "members": said, "universe": {}}  # what is wrong is told by the field
        return {**tree, "members": terms, "universe": {one: terms.instrument(one) for one in terms.always}}

    @model_validator(mode="before")
    @classmethod
    def _with_levels(cls, tree: Any) -> Any:
        """Give a book with a largest drawdown the level that it means; what is wrong is told elsewhere."""
        levels = cls._levels_meant(tree.get("limits")) if isinstance(tree, Mapping) else None
        return tree if levels is None or tree.get("levels") is not None else {**tree, "levels": levels}

    @staticmethod
    def _levels_meant(limits: Any) -> Levels | None:
        said = limits.get("max_drawdown") if isinstance(limits, Mapping) else None
        try:
            return None if said is None else MaxDrawdownLimit.model_validate(said).levels
        except ValidationError:
            return None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        faults = list(self._account_faults())
        if faults:  # what follows asks where a symbol goes
            raise ValueError("\n".join(faults))
        faults = [
            *self._capital_faults(),
            *self._regime_faults(),
            *self._level_faults(),
            *self._financing_faults(),
            *self._date_faults(),
            *self._contract_faults(),
            *self._universe_faults(),
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _account_faults(self) -> Iterator[str]:
        if self.broker is not None:
            for key in ("accounts", "routes"):
                if getattr(self, key):
                    yield (
                        f"{key}: found beside broker, which is the short form of one account; leave broker "
                        "out and write its account under accounts, or leave this out"
                    )
        elif not self.accounts:
            yield "broker: missing; it must be given, or accounts with routes in its place"
        else:
            yield from account_faults(self.accounts, self.initial_capital)
            yield from route_faults(self.accounts, self.routes, self._routed)
            yield from self._unbounded_faults()

    @property
    def _routed(self) -> Mapping[str, Instrument]:
        """What routes lead from: the universe, and what its list may name."""
        if self.members is None:
            return self.universe
        return {**self.members.named, "every listed symbol": self.members.each}

    def _unbounded_faults(self) -> Iterator[str]:
        """Money of one account pays no purchase in another: a rule must see to it."""
        bounds = ("cash", "cash_buffer", "gross_leverage")
        if len(self.accounts) > 1 and not any(name in self.limits for name in bounds):
            yield (
                "limits: a book of several accounts needs a rule that keeps purchases within the money of "
                f"their account ({', '.join(bounds)}); add one, such as cash: {{}}"
            )

    def _capital_faults(self) -> Iterator[str]:
        shares = sum(entry.share for entry in self.strategies.values())
        if shares > 1 + 1e-9 and self.portfolio.capital == "split":
            yield (
                f"strategies: the capital shares add up to {shares:g}, at most 1 is allowed; "
                "a book whose strategies draw on the same capital says portfolio.capital: shared"
            )

    def _regime_faults(self) -> Iterator[str]:
        edges = [band.below for band in self.regime if band.below is not None]
        ends = self.regime[-1].below is None and len(edges) == len(self.regime) - 1
        if not ends or edges != sorted(set(edges)):
            yield "regime: `below` must rise from band to band and be left out of the last one only"
        for band in self.regime:
            where = f"regime.{band.name}"
            for key, names in (("strategies_off", band.strategies_off), ("capital", band.capital)):
                for name in names:
                    if name not in self.strategies:
                        yield f"{where}.{key}: {name} is not a strategy of this book"
            yield from self._faults_of_scaled_capital(band, f"{where}.capital")

    def _faults_of_scaled_capital(self, band: Band, where: str) -> Iterator[str]:
        scaled = {name: one.share * band.capital.get(name, 1.0) for name, one in self.strategies.items()}
        name = max(scaled, key=scaled.__getitem__)
        if scaled[name] > 1 + 1e-9:
            yield (
                f"{where}: {name} would have {scaled[name]:g} of the capital "
                f"({self.strategies[name].share:g} × {band.capital[name]:g}), at most 1 is allowed"
            )
        elif band.capital and self.portfolio.capital == "split" and sum(scaled.values()) > 1 + 1e-9:
            yield (
                f"{where}: the capital shares of this band add up to {sum(scaled.values()):g}, "
                "at most 1 is allowed; a book whose strategies draw on the same capital says "
                "portfolio.capital: shared"
            )

    def _level_faults(self) -> Iterator[str]:
        if self.levels is None:
            return
        meant = self._levels_meant(self.limits)
        if meant is not None and self.levels != meant:
            yield "levels: limits.max_drawdown is a drawdown level of its own; leave one of the two out"
        for key, named in (("havens", self.levels.havens), ("first_out", self.levels.first_out)):
            for symbol in named:
                if symbol not in self.universe:
                    where = "universe" if self.members is None else "universe.always"
                    yield f"levels.{key}: {symbol} is no symbol of this book's {where}"

    def _financing_faults(self) -> Iterator[str]:
        if self.financing is not None:
            if self.cash.interest:
                yield (
                    f"cash.interest: found {self.cash.interest:g} beside financing, whose credit_rate says "
                    "the same; leave cash.interest out"
                )
            return
        if self.margin.borrows:
            yield (
                f"margin: {self.margin.kind} borrows money, and the book has no financing: say what that "
                "costs a year, such as financing: {debit_rate: 0.06, borrow_rate: 0.005}; it is never free"
            )
        for symbol in self._own_borrow_rates:
            yield f"universe.{symbol}.borrow_rate: the book has no financing that it belongs to; add one"

    def _date_faults(self) -> Iterator[str]:
        if self.origin is not None and self.inception is not None and self.origin >= self.inception:
            yield f"origin {self.origin} must lie before inception {self.inception}"

    def _universe_faults(self) -> Iterator[str]:
        if self.members is None:
            if not self.universe:
                yield "universe: it names no symbol; name those that may be traded, or a list of members"
            return
        if self.schedule.rhythm == "hourly":
            yield (
                "universe.members: found a list, and the book decides hourly, while members change by "
                "sessions: list the symbols, or set schedule to daily"
            )
        own = {f"symbols.{symbol}": one for symbol, one in self.members.named.items()}
        terms = {} if self.financing is not None else {"each": self.members.each, **own}
        for where, one in terms.items():
            if one.borrow_rate is not None:
                yield f"universe.{where}.borrow_rate: the book has no financing that it belongs to; add one"

    def _contract_faults(self) -> Iterator[str]:
        for symbol, one in self.universe.items():
            where, name = f"universe.{symbol}", self.account_of(symbol)
            kind = self.entry_of(name).kind
            if one.asset_class in ("option", "perpetual") and kind != "paper":
                key = "broker.kind" if self.broker is not None else f"accounts.{name}.kind"
                yield (
                    f"{where}.asset_class: found {one.asset_class}, which is traded on paper and in "
                    f"backtests alone, and {key} is {kind}: leave it out, or set {key} to paper"
                )
            if one.asset_class != "option":
                continue
            if self.schedule.rhythm == "hourly":
                yield (
                    f"{where}.asset_class: found option, whose bars are checked and whose contract ends by "
                    "sessions alone, and the book decides hourly: leave it out, or set schedule to daily"
                )
            try:
                terms = one.contract(symbol).option
            except Refused as error:
                yield f"{where}: {error}"
                continue
            on = self.universe.get(one.underlying or "")
            if on is None or on.asset_class not in ("equity", "etf"):
                yield (
                    f"{where}.underlying: {one.underlying} is no share of this book's universe; exercise "
                    "moves its shares: put it there"
                )
            if terms is not None and self.inception is not None and terms.expiry < self.inception:
                yield f"{where}: it expired on {terms.expiry}, before {self.inception}; leave it out"

    def with_members(self, membership: Membership, first: date, last: date) -> Book:
        """The book with a universe of all that is, or was, a member from `first` to `last`.

        What may be held at `last` is among them, so that it has bars; who is a member says `member_mask`.

        Parameters
        ----------
        membership : Membership
            The list as it was known.
        first, last : date
            The sessions of the panel; what becomes a member after `last` is left out.
        """
        if self.members is None:
            raise ValueError(f"book {self.name} lists its symbols")
        groups = dict.fromkeys(self.members.always, "") | membership.groups(first, last)
        if self.volatility_index in groups:
            raise Refused(
                f"{self.members.members}: {self.volatility_index} is the volatility index of book "
                f"{self.name} and no share: take it out of the list"
            )
        universe = {
            symbol: self.members.instrument(symbol, group) for symbol, group in sorted(groups.items())
        }
        book = self.model_copy(update={"universe": universe})
        book._membership = membership
        return book

    @property
    def membership(self) -> Membership | None:
        """The list that its universe was made of; None where it has none, or before it was read."""
        return self._membership

    def member_mask(self, sessions: NDArray[Any]) -> Flags | None:
        """Who is a member when, of shape (n_sessions, n_symbols); None in a book that lists its symbols.

        Parameters
        ----------
        sessions : ndarray of shape (n_sessions,), datetime64[D]
            Ascending.

        Raises
        ------
        Refused
            When the list of its members was not read.
        """
        if self.members is None:
            return None
        if self._membership is None:
            raise Refused(
                f"book {self.name}: its members are in {self.members.members}, and that list was not read: "
                "take the book of a span (`with_listed`) or of a decision (`Context.as_listed`)"
            )
        mask = self._membership.mask(sessions, self.symbols)
        mask[:, np.isin(self.symbols, self.members.always)] = True
        return mask

    @property
    def account_names(self) -> tuple[str, ...]:
        """Its accounts by name, in the order of the file; `main` alone in the short form."""
        return tuple(self.accounts) or (MAIN,)

    def entry_of(self, account: str) -> BrokerEntry:
        """Where the orders of one of its accounts go."""
        if self.broker is not None:
            return self.broker
        return self.accounts[account]

    def account_of(self, symbol: str) -> str:
        """The account that a symbol of the universe goes to; of one that it does not name, the first."""
        if self.broker is not None or symbol not in self.universe:
            return self.account_names[0]
        named = route_of(symbol, self.universe[symbol].asset_class, self.account_names, self.routes)
        return named or self.account_names[0]

    def is_simulated(self, account: str) -> bool:
        """Whether an account is one of ours, in the database, and no real broker's."""
        return self.entry_of(account).kind == "paper"

    @property
    def simulated(self) -> bool:
        """Whether all of its accounts are: then past sessions may trade."""
        return all(map(self.is_simulated, self.account_names))

    def in_account(self, account: str) -> Book:
        """The book as one of its accounts sees it: with the symbols that go there, and `broker` as it is.

        A book in the short form is that already.
        """
        if self.broker is not None:
            return self
        entry = self.accounts[account]
        mine = {symbol: one for symbol, one in self.universe.items() if self.account_of(symbol) == account}
        changed = {
            "broker": entry,
            "accounts": {},
            "routes": {},
            "universe": mine,
            "costs": entry.costs or self.costs,
            "initial_capital": entry.capital,
        }
        return self.model_copy(update=changed)

    @property
    def own_entry(self) -> BrokerEntry:
        """The account of a book that has one, or of `in_account`.

        Raises
        ------
        ValueError
            When it has accounts by name: they are asked one by one.
        """
        if self.broker is None:
            raise ValueError(f"book {self.name} has accounts by name: ask for one of them")
        return self.broker

    @property
    def contracts(self) -> dict[str, Contract]:
        """What a unit of each option and perpetual stands for; other units are worth their price."""
        named = ((symbol, one) for symbol, one in self.universe.items())
        return {
            symbol: one.contract(symbol)
            for symbol, one in named
            if one.asset_class in ("option", "perpetual")
        }

    @property
    def _own_borrow_rates(self) -> dict[str, float]:
        rates = {symbol: one.borrow_rate for symbol, one in self.universe.items()}
        return {symbol: rate for symbol, rate in rates.items() if rate is not None}

    @property
    def rates(self) -> Financing:
        """Its financing; where none is stated, one in which idle cash earns what `cash.interest` says."""
        return self.financing or Financing(debit_rate=0, credit_rate=self.cash.interest, borrow_rate=0)

    @property
    def borrow_rates(self) -> dict[str, float]:
        """What shorting costs a year, a share of their value, by symbol."""
        return dict.fromkeys(self.universe, self.rates.borrow_rate) | self._own_borrow_rates

    @property
    def label(self) -> str:
        """Title and name: two books may carry one title, never one name."""
        return f"{self.title} ({self.name})"

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that may be traded, in the order of the file."""
        return tuple(self.universe)

    @property
    def groups(self) -> tuple[str, ...]:
        """What each symbol is counted with: its group, or else its asset class."""
        return tuple(one.group or one.asset_class for one in self.universe.values())

    @property
    def panel_symbols(self) -> tuple[str, ...]:
        """Every symbol whose bars are needed: the universe, then benchmark and volatility index."""
        extra = [one for one in (self.benchmark, self.volatility_index) if one not in self.universe]
        return (*self.universe, *dict.fromkeys(extra))

    @property
    def continuous_symbols(self) -> tuple[str, ...]:
        """The symbols whose markets never close."""
        return tuple(symbol for symbol, instrument in self.universe.items() if instrument.continuous)

    def costs_of(self, symbol: str) -> Costs:
        """The costs of trading `symbol`: its own, else those of its account, else the book's."""
        own = self.universe[symbol].costs
        if own is None and self.accounts:
            own = self.accounts[self.account_of(symbol)].costs
        return own or self.costs

    @property
    def document(self) -> str:
        """The book as JSON that `parse_book` reads; of a list of members where it is, not what it holds."""
        if self.members is None:
            return self.model_dump_json()
        return json.dumps(self.tree)

    @property
    def tree(self) -> dict[str, Any]:
        """The same as plain values."""
        tree = self.model_dump(mode="json")
        if self.members is not None:
            tree["universe"] = tree.pop("members")
        return tree

    @property
    def configuration(self) -> str:
        """All that the book decides by as JSON, independent of the file's layout and of who is told.

        Targets and tax classes decide nothing: they only say what a result is compared with and how it is
        taxed. A book without margin and financing is what it was before there were any.
        """
        of_symbols: dict[str, bool] = {"tax_class": True}
        left_out: dict[str, Any] = {"alerts": True, "targets": True, "universe": {"__all__": of_symbols}}
        if self.financing is None:
            left_out["financing"] = of_symbols["borrow_rate"] = True
        if self.margin == Margin():
            left_out["margin"] = True
        if self.members is not None:  # where the list is and the terms of its symbols, not what it holds
            left_out["universe"] = True
        return self.model_dump_json(exclude=left_out)

    @property
    def config_hash(self) -> str:
        """SHA-256 of the book's configuration, hexadecimal."""
        return hashlib.sha256(self.configuration.encode()).hexdigest()


#: Sessions before inception from which factors are computed, when the book states no origin.
WARM_UP_SESSIONS = 504


def load_book(path: Path, overrides: Mapping[str, str] | None = None) -> Book:
    """Read and validate one book.

    Parameters
    ----------
    path : Path
        A YAML file.
    overrides : mapping of dotted key to YAML text, optional
        Values set over the file's, such as ``{"limits.trades_per_day.limit": "8"}``.

    Raises
    ------
    Refused
        With the file, the path of the key, what was found and what is allowed.
    """
    try:
        text = read_bytes(path, MOST_BYTES, "a book").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not a text in UTF-8 ({error.reason}): write the book anew") from error
    tree = read_yaml(text, str(path))
    if not isinstance(tree, dict):
        raise Refused(f"{path}: a book is a mapping of keys to values, found {type(tree).__name__}")
    for key, text in (overrides or {}).items():
        _set_key(path, tree, key, read_yaml(text, f"{path}: {key}"))
    return parse_book(tree, str(path))


def parse_book(tree: Mapping[str, Any], source: str) -> Book:
    """Validate a book that was read already; `source` names it in errors."""
    try:
        return Book.model_validate(tree)
    except ValidationError as error:
        words = "\n".join(describe(_as_written(dict(one)), Book, MaxDrawdownLimit) for one in error.errors())
        raise Refused("\n".join(f"{source}: {line}" for line in words.split("\n"))) from error


def _as_written(error: dict[str, Any]) -> dict[str, Any]:
    """An error of the keys of a list of members, with their path as the file has it."""
    first, *rest = error["loc"] or ("",)
    if first != "members":
        return error
    if rest or error["type"] != "value_error":
        return {**error, "loc": ("universe", *rest)}
    lines = str(error["ctx"]["error"]).splitlines()
    return {**error, "loc": (), "ctx": {"error": "\n".join(f"universe.{line}" for line in lines)}}


def _set_key(path: Path, tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    node: Any = tree
    for part in parents:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise Refused(f"{path}: {key} cannot be set: {part} holds a value, not keys")
    node[last] = value
