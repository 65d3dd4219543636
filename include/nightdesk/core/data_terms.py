"""Where a book's bars, headlines and facts come from, and which bars are good enough to decide by."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from nightdesk.core.expectation_terms import Expectations
from nightdesk.core.feed_order import FeedChoice, FeedOrder
from nightdesk.core.fields import Frozen, Positive, Share, Symbol
from nightdesk.core.keywords import Keywords, keyword_faults

#: A series as its publisher calls it: capitals, as they stand in the name of its factor.
Series = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_]{0,39}$")]

#: A contract market as the CFTC calls it.
ContractCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{5,6}$")]


def _none_said(value: object) -> bool:
    """A book without them keeps its configuration's hash."""
    return not value


class Feeds(Frozen):
    """Where market data comes from.

    An order is a list for all symbols, or lists by symbol, asset class, `index` or `default`; see
    `nightdesk.core.feed_order`.
    """

    daily: FeedOrder = Field(
        ("sample",), description="in the order in which they are asked: a list, or lists by symbol or class"
    )
    hourly: FeedOrder = Field(
        (), description="of an hourly book's hours, in order; none: those of daily that have hours"
    )
    compare_with: FeedChoice = Field(
        None, description="a second source whose closes are compared: one, or one by symbol or class"
    )
    news: tuple[str, ...] = Field((), description="sources of headlines, all of them asked; none: no news")
    macro: tuple[str, ...] = Field(
        (), exclude_if=_none_said, description="sources of series of the economy, in order; see macro.series"
    )
    positioning: tuple[str, ...] = Field(
        (), exclude_if=_none_said, description="sources of traders' positions; see positioning.codes"
    )
    earnings: tuple[str, ...] = Field(
        (), exclude_if=_none_said, description="sources of the days on which companies report, in order"
    )
    listings: tuple[str, ...] = Field(
        (), exclude_if=_none_said, description="sources of what symbols are: class, sector, size; in order"
    )
    quotes: tuple[str, ...] = Field(
        (), exclude_if=_none_said, description="sources of the last quotes of sessions, in order"
    )
    shards: int = Field(
        1,
        ge=1,
        le=64,
        exclude_if=lambda value: value == 1,
        description="tasks that ask for daily bars side by side, each for a part; 1: the ingest alone",
    )

    @model_serializer(mode="wrap")
    def _without_hours(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A book that names no source of hours does not decide by any."""
        said: dict[str, Any] = whole(self)
        return said if self.hourly else {name: value for name, value in said.items() if name != "hourly"}


class MacroTerms(Frozen):
    """Which series of the economy a book reads from `feeds.macro`."""

    series: tuple[Series, ...] = Field(
        (), description="as their publisher calls them, such as VIXCLS; each is a factor, macro_VIXCLS"
    )


class PositioningTerms(Frozen):
    """Whose futures say what traders think of a symbol, from `feeds.positioning`."""

    codes: dict[Symbol, ContractCode] = Field(
        default_factory=dict, description='contract at the CFTC by symbol, in quotes: {GLD: "088691"}'
    )


class SentimentTerms(Frozen):
    """How the headlines of `feeds.news` become numbers; see `nightdesk.sentiment`."""

    scorer: Literal["lexicon", "finbert"] = Field(
        "lexicon", description="a list of words; or a language model, where its weights are on this machine"
    )
    keywords: dict[Symbol, tuple[str, ...]] = Field(
        default_factory=dict,
        exclude_if=_none_said,  # a book without them keeps its configuration's hash
        description="words and phrases by which a headline is of a symbol, beside what its source names; "
        "-WORD: never where this word stands",
    )
    discrete: bool = Field(
        False,
        exclude_if=_none_said,
        description="whether a headline counts as -1, 0 or 1 in place of its score",
    )

    @model_validator(mode="after")
    def _of_words(self) -> Self:
        faults = tuple(keyword_faults(self.keywords))
        if faults:
            raise ValueError("\n".join(f"keywords.{one}" for one in faults))
        return self

    @cached_property
    def known_words(self) -> Keywords:
        """The keywords, ready to be looked for."""
        return Keywords(self.keywords)


class HourlyLimits(Frozen):
    """The limits of the checks of hourly bars, for an hourly book."""

    price_jump: Positive = Field(
        0.15, description="from the last accepted close, with no corporate action; share"
    )
    missing_hours: Share = Field(0.05, description="missing in the look-back, share")
    look_back: int = Field(60, ge=5, description="sessions whose hours are looked at")
    stale_hours: int = Field(3, ge=2, description="unchanged closes in a row that make a warning")


class QualityLimits(Frozen):
    """The limits of the data checks; their meaning is in the spec of the checks themselves."""

    price_jump: Positive = Field(
        0.50, description="from the last accepted close, with no corporate action; share, never more"
    )
    price_jump_sigmas: Positive = Field(
        25.0, description="the same in robust standard deviations of the symbol's returns over the look-back"
    )
    price_jump_floor: Positive = Field(
        0.10, description="the limit that follows the symbol's volatility is never below it, share"
    )
    adjustment_jump: Positive = Field(0.20, description="adjusted return away from the raw one, share")
    missing_sessions: Share = Field(0.05, description="missing in the look-back, share")
    look_back: int = Field(252, ge=20, description="sessions")
    source_deviation: Positive = Field(0.01, description="between two sources' closes, share")
    stale_sessions: int = Field(5, ge=2, description="unchanged closes in a row that make a warning")
    outlier_z: Positive = Field(10.0, description="robust z of the return before a warning")
    failed_share: Share = Field(0.20, description="of the listed universe; above it stops")
    reference_age: int = Field(3, ge=0, description="sessions that benchmark or VIX may be absent")
    hourly: HourlyLimits = Field(HourlyLimits(), description="the same of an hourly book's hours")
    expectations: Expectations = Field(
        (),
        exclude_if=lambda value: not value,  # a book without them keeps its configuration's hash
        description="expectations of its own, or the path of a file of them, seen from the book's",
    )

    @model_serializer(mode="wrap")
    def _without_usual_hours(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The usual limits of hours are no part of what a daily book decides by."""
        said: dict[str, Any] = whole(self)
        usual = self.hourly == HourlyLimits()
        return {name: value for name, value in said.items() if name != "hourly"} if usual else said
