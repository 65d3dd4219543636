"""The book: one YAML file that says what is traded, how, within which limits, at what cost and where.

A book is validated when it is loaded: an unknown key, an impossible number or a missing field is refused
with the file, the path of the key, what was found and what is allowed. What plug-ins (strategies, rules,
feeds) ask of their own parameters is checked by `nightdesk.engine.resolve`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr, ValidationError, model_validator

from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book_errors import as_written, describe
from nightdesk.core.book_faults import faults_of_book, levels_meant
from nightdesk.core.book_keys import BookKeys
from nightdesk.core.book_rules import rules_hash_of
from nightdesk.core.contracts import Contract
from nightdesk.core.costs import Costs, Financing
from nightdesk.core.documents import MOST_BYTES, read_bytes, read_yaml
from nightdesk.core.drawdown_levels import MaxDrawdownLimit
from nightdesk.core.errors import Refused
from nightdesk.core.expectation_terms import read_expectations
from nightdesk.core.margin import Margin
from nightdesk.core.member_terms import MemberTerms
from nightdesk.core.members import Flags, Membership, PairSpan


class Book(BookKeys):
    """A named portfolio with broker accounts of its own."""

    #: Of a book with a list of members, the list as it was known; None before it was read.
    _membership: Membership | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _with_member_terms(cls, tree: Any) -> Any:
        """Read a universe of a list, or a screen, as `members`; its own symbols are those always in it."""
        if not isinstance(tree, Mapping):
            return tree
        if "members" in tree:
            raise ValueError("members: unknown key; a list of members is named by universe.members")
        said = tree.get("universe")
        if not isinstance(said, Mapping) or not said.keys() & {"members", "screen"}:
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
        levels = levels_meant(tree.get("limits")) if isinstance(tree, Mapping) else None
        return tree if levels is None or tree.get("levels") is not None else {**tree, "levels": levels}

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        faults = tuple(faults_of_book(self))
        if faults:
            raise ValueError("\n".join(faults))
        return self

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
                f"{self.members.source}: {self.volatility_index} is the volatility index of book "
                f"{self.name} and no share: take it out of it"
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
                f"book {self.name}: its members are in {self.members.source}, and that list was not read: "
                "take the book of a span (`with_listed`) or of a decision (`Context.as_listed`)"
            )
        mask = self._membership.mask(sessions, self.symbols)
        mask[:, np.isin(self.symbols, self.members.always)] = True
        return mask

    def leg_mask(self, sessions: NDArray[Any]) -> Flags | None:
        """Which members are such as legs of pairs alone when, see `Membership.leg_mask`."""
        legs = None if self._membership is None else self._membership.leg_mask(sessions, self.symbols)
        if legs is not None and self.members is not None:
            legs[:, np.isin(self.symbols, self.members.always)] = False
        return legs

    def off_mask(self, sessions: NDArray[Any]) -> Flags | None:
        """Which members open nothing when, see `Membership.off_mask`; what it always has is never off."""
        off = None if self._membership is None else self._membership.off_mask(sessions, self.symbols)
        if off is not None and self.members is not None:
            off[:, np.isin(self.symbols, self.members.always)] = False
        return off

    @property
    def pairs(self) -> tuple[PairSpan, ...]:
        """The pairs that its universe's screen has found; none of another universe."""
        return () if self._membership is None else self._membership.pairs

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
    def rates(self) -> Financing:
        """Its financing; where none is stated, one in which idle cash earns what `cash.interest` says."""
        return self.financing or Financing(debit_rate=0, credit_rate=self.cash.interest, borrow_rate=0)

    @property
    def borrow_rates(self) -> dict[str, float]:
        """What shorting costs a year, a share of their value, by symbol."""
        return dict.fromkeys(self.universe, self.rates.borrow_rate) | self.own_borrow_rates

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
    def hour_symbols(self) -> tuple[str, ...]:
        """Every symbol whose hours an hourly book asks for: the universe, then the benchmark."""
        return self.symbols if self.benchmark in self.universe else (*self.symbols, self.benchmark)

    @property
    def continuous_symbols(self) -> tuple[str, ...]:
        """The symbols whose markets never close."""
        return tuple(symbol for symbol, instrument in self.universe.items() if instrument.continuous)

    @property
    def hour_closes(self) -> dict[str, int]:
        """The symbols of a daily book whose sessions are gathered from hours, each with how old the last of
        them may be at the exchange's close, hours.
        """
        asked = ((symbol, one.hours_at_close) for symbol, one in self.universe.items())
        return {symbol: within for symbol, within in asked if within is not None}

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

        Targets, reports and tax classes decide nothing: they only say what a result is compared with, what is
        shown of it and how it is taxed. A book without margin and financing is what it was before there were
        any.
        """
        of_symbols: dict[str, bool] = {"tax_class": True}
        left_out: dict[str, Any] = {
            **dict.fromkeys(("alerts", "targets", "report"), True),
            "universe": {"__all__": of_symbols},
            "feeds": {"shards": True},  # how many ask, not what for
        }
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

    @property
    def rules_hash(self) -> str:
        """SHA-256 of its rules, hexadecimal: the same for a book on paper and for one with real money that
        differ in name, dates, capital, sources of bars and accounts alone.
        """
        return rules_hash_of(json.loads(self.configuration))


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
    _read_named_expectations(path, tree)
    return parse_book(tree, str(path))


def parse_book(tree: Mapping[str, Any], source: str) -> Book:
    """Validate a book that was read already; `source` names it in errors."""
    try:
        return Book.model_validate(tree)
    except ValidationError as error:
        words = "\n".join(describe(as_written(dict(one)), Book, MaxDrawdownLimit) for one in error.errors())
        raise Refused("\n".join(f"{source}: {line}" for line in words.split("\n"))) from error


def _read_named_expectations(path: Path, tree: dict[str, Any]) -> None:
    """Put what a file of expectations holds in the place of its name: a book is whole without other files."""
    quality = tree.get("quality")
    if isinstance(quality, dict) and isinstance(named := quality.get("expectations"), str):
        place = path.parent / named
        if not place.exists():
            raise Refused(
                f"{path}: quality.expectations: found {named!r}, and there is no file {place}: write it, or "
                "correct the name, which is seen from the book's file"
            )
        tree["quality"] = {**quality, "expectations": read_expectations(place)}


def _set_key(path: Path, tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    node: Any = tree
    for part in parents:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise Refused(f"{path}: {key} cannot be set: {part} holds a value, not keys")
    node[last] = value
