"""The `tiingo` feed: daily bars, dividends and splits of Tiingo's end-of-day service.

Its official client is one request with a few lines around it, waits without end, and hides an answer's words;
so the service is asked over the desk's own line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_answers import without_key
from nightdesk.feeds.vendor_feed import TOLD_TWICE, RawBar, VendorAction, VendorFeed

if TYPE_CHECKING:
    from nightdesk.feeds.http_line import HttpLine

#: The account whose key, and address in place of the service's own, the environment has.
ACCOUNT = "TIINGO"

#: Where the service is.
ADDRESS = "https://api.tiingo.com"

#: Allocations are by the hour, the day and the month: nothing heals within a task's tries.
USED_UP_SECONDS = 3600.0

_NEW_YORK = ZoneInfo("America/New_York")
_PRICES = ("open", "high", "low", "close", "volume")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(T00:00:00(\.0+)?(Z|\+00:00)?)?")


class TiingoFeed(VendorFeed):
    """Raw bars of shares and funds from Tiingo, whose dividend and split stand beside each day's bar.

    It has no index here, and no coin.
    """

    name = "tiingo"

    @cached_property
    def line(self) -> HttpLine:
        """The line to the service; `SourceFault` without a key."""
        from nightdesk.feeds.http_line import HttpLine

        key = self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_KEY")
        if not key:
            raise without_key(ACCOUNT, "KEY")
        return HttpLine(
            "tiingo",
            self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_URL") or ADDRESS,
            headers={"Authorization": f"Token {key}"},
            access="its key is unknown, or its plan does not hold this",
            verdict=_used_up,
            timeout=self.timeout,
            sleep=self.sleep,
        )

    def covers(self, symbol: str) -> bool:
        return not symbol.startswith("^") and not self.is_continuous(symbol)

    def ask(
        self, symbol: str, minutes: int, first: date, last: date
    ) -> tuple[Sequence[RawBar], Sequence[VendorAction], Mapping[str, int]]:
        if not self.covers(symbol) or minutes:
            raise SourceFault(Fault.ABSENT, "it has days of shares and funds alone, no index and no coin")
        if first > last:
            return (), (), {}
        # It writes a class of shares behind a dash.
        path = f"/tiingo/daily/{quote(re.sub(r'[./](?=[A-Z]$)', '-', symbol), safe='')}"
        try:
            span = {"startDate": first.isoformat(), "endDate": last.isoformat(), "format": "json"}
            answered = list(_days(self.line.json("prices", f"{path}/prices", span), first, last))
        except SourceFault as error:
            raise _absent(error) from None
        found = _by_day(answered)
        if not found:
            raise self._without_bars(path, first, last)
        bars = [(_midnight(day), *(one[name] for name in _PRICES)) for day, one in found.items()]
        actions = [action for day, one in found.items() for action in _actions(day, one)]
        twice = len(answered) - len(found)
        return bars, actions, {TOLD_TWICE: twice} if twice else {}

    def _without_bars(self, path: str, first: date, last: date) -> SourceFault:
        """Why there is no bar: its description of the ticker says from when to when it has some."""
        try:
            about = self.line.json("a description", path)
        except SourceFault as error:
            return _absent(error)
        begin, end = (
            about.get(name) if isinstance(about, dict) else None for name in ("startDate", "endDate")
        )
        has = f"has bars from {begin} to {end}" if begin and end else "does not say which it has"
        return SourceFault(Fault.ABSENT, f"no bar from {first} to {last}; it {has}")


def _used_up(text: str) -> SourceFault | None:
    """An allocation that is used up is told in words, at times with the status of a good answer."""
    if "run over your" not in text[:300]:
        return None
    said = " ".join(text[:160].split())
    return SourceFault(Fault.PASSING, f"its limit of requests is used up: {said}", USED_UP_SECONDS)


def _absent(error: SourceFault) -> SourceFault:
    """A ticker that it does not know is told as a wrong request as well."""
    unknown = error.fault is Fault.FINAL and "not found" in error.reason.lower()
    return SourceFault(Fault.ABSENT, error.reason) if unknown else error


def _days(answer: Any, first: date, last: date) -> Iterator[tuple[date, Mapping[str, Any]]]:
    """Rows with their day; `SourceFault` where they are none, or of days that were not asked for."""
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise SourceFault(Fault.PASSING, "the server's answer has no list of prices")
    for one in answer:
        lacking = [name for name in (*_PRICES, "divCash", "splitFactor") if name not in one]
        written = _DAY.fullmatch(str(one.get("date")))
        if written is None or lacking:
            raise SourceFault(
                Fault.PASSING, f"the server answered prices without {', '.join(lacking) or 'their day'}"
            )
        if not all(one[name] is None or _is_number(one[name]) for name in _PRICES):
            raise SourceFault(Fault.PASSING, "the server answered prices that are no numbers")
        day = _date(written[1])
        if not first <= day <= last:
            raise SourceFault(
                Fault.PASSING,
                f"the server answered prices of {day}, and those from {first} to {last} were asked for: one "
                "of two clocks is wrong, or it does not keep to the span",
            )
        yield day, one


def _by_day(answered: Sequence[tuple[date, Mapping[str, Any]]]) -> dict[date, Mapping[str, Any]]:
    """Each day once; `SourceFault` for two of one that differ: a dividend that is told twice is paid once."""
    found: dict[date, Mapping[str, Any]] = {}
    for day, one in answered:
        told = {name: one[name] for name in (*_PRICES, "divCash", "splitFactor")}
        if found.setdefault(day, told) != told:
            raise SourceFault(Fault.PASSING, f"the server answered two bars of {day} that differ")
    return found


def _is_number(value: Any) -> bool:
    """Whether a value of JSON is a number that is finite as one of the desk's."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SourceFault(Fault.PASSING, f"the server answered {text!r} where a day was expected") from None


def _midnight(day: date) -> float:
    """When the session's day begins in New York, in milliseconds since 1970."""
    return datetime(day.year, day.month, day.day, tzinfo=_NEW_YORK).timestamp() * 1000.0


def _actions(day: date, one: Mapping[str, Any]) -> Iterator[VendorAction]:
    import numpy as np

    cash, ratio = one["divCash"], one["splitFactor"]
    if not _is_number(cash) or not _is_number(ratio):
        raise SourceFault(Fault.PASSING, "the server answered a dividend or split that is no number")
    if cash < 0 or ratio <= 0:
        raise SourceFault(
            Fault.PASSING,
            f"the server answered a dividend of {cash} and a split of {ratio} on {day}: neither can be",
        )
    if ratio != 1:
        yield VendorAction(np.datetime64(day, "s"), "split", float(ratio))
    if cash:
        yield VendorAction(np.datetime64(day, "s"), "dividend", float(cash))
