"""A universe whose symbols a list names or a screen finds: which one, and the terms of what they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from nightdesk.core.book_errors import describe
from nightdesk.core.fields import Frozen, Params, Symbol
from nightdesk.core.screen_terms import ScreenTerms
from nightdesk.core.universe import Instrument

#: What a list or a screen may name: its rows are sessions of the exchange, and nothing of it expires.
LISTED_CLASSES = ("equity", "etf")


class MemberTerms(Frozen):
    """Who may be traded comes from a list, or from a screen; the same terms hold for all that it names."""

    members: Annotated[str, Field(pattern=r"^files:.+$")] | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="the list: files: and the path of a CSV file of symbol, from, until; see docs/members.md",
    )
    screen: ScreenTerms | None = Field(
        None,
        exclude_if=lambda value: value is None,  # a book with a list keeps its configuration's hash
        description="in place of a list: what is asked of a pool of stocks each week; see docs/screening.md",
    )
    each: Instrument = Field(description="the terms of every member, as those of a symbol of a universe")
    always: tuple[Symbol, ...] = Field(
        (), description="members in every session, whatever the list says: havens, what strategies name"
    )
    symbols: dict[Symbol, Params] = Field(
        default_factory=dict, description="terms of single symbols, over those of `each`; they make no member"
    )

    @model_validator(mode="after")
    def _of_shares(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        if (self.members is None) == (self.screen is None):
            found = "neither" if self.members is None else "both"
            yield f"members: found {found} of members and screen; a universe that changes has one of them"
        if self.screen is not None and self.each.group:
            yield "each.group: the group of a screened member is its sector; leave it out"
        if self.each.tax_class is not None:
            yield "each.tax_class: found a class for all members; say it of single symbols, under symbols"
        if len(set(self.always)) < len(self.always):
            yield f"always: each symbol is named once; found {', '.join(self.always)}"
        named = {f"symbols.{symbol}": one for symbol, one in self._own.items()}
        for where, one in {"each": self.each, **named}.items():
            if one.asset_class not in LISTED_CLASSES:
                yield (
                    f"{where}.asset_class: found {one.asset_class}; members are shares or funds "
                    f"({', '.join(LISTED_CLASSES)}): trade others in a book that lists its symbols"
                )

    @cached_property
    def _own(self) -> dict[str, Instrument]:
        out, stated = {}, self.each.model_dump(exclude_unset=True)
        for symbol, terms in self.symbols.items():
            try:
                out[symbol] = Instrument.model_validate({**stated, **terms})
            except ValidationError as error:
                first = describe(dict(error.errors()[0]), Instrument)
                raise ValueError(f"symbols.{symbol}.{first}") from error
        return out

    @cached_property
    def _by_group(self) -> dict[str, Instrument]:
        return {"": self.each}

    def instrument(self, symbol: str, group: str = "") -> Instrument:
        """The terms of a symbol; `group` is what the list says of it, which terms of its own go before."""
        one = self._by_group.get(group)
        if one is None:
            one = self._by_group[group] = self.each.model_copy(update={"group": group})
        own = self._own.get(symbol)
        if own is None:
            return one
        return (
            own if "group" in self.symbols[symbol] or not group else own.model_copy(update={"group": group})
        )

    @property
    def source(self) -> str:
        """Where its members come from, in words: the list, or the screen of a pool."""
        return self.members or f"the screen of {'' if self.screen is None else self.screen.pool}"

    @property
    def named(self) -> dict[str, Instrument]:
        """The terms of the symbols that the book itself names, whether or not they are members."""
        return {symbol: self.instrument(symbol) for symbol in dict.fromkeys((*self.always, *self.symbols))}
