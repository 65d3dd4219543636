"""A server on loopback that answers as FRED does: observations in every vintage, in pages, well or badly.

It follows the published shape of ``fred/series/observations`` with output type 1, and what the service is
known for: a vintage's ``realtime_start`` is cut at the span that was asked for, more than 2,000 vintages are
refused, and an unknown key and an unknown series have the same status, 400.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

KEY = "abcdefghijklmnopqrstuvwxyz123456"
OBSERVATIONS = "/fred/series/observations"
MOST_VINTAGES = 2_000
_END = date(9999, 12, 31)


def refused(message: str) -> Bad:
    """What the service says to a bad request."""
    return Bad(400, json.dumps({"error_code": 400, "error_message": f"Bad Request.  {message}"}))


class FakeFred(ScriptedServer):
    """The server, a context manager; `tell` gives it values.

    Attributes
    ----------
    today : date
        Its clock.
    """

    def __init__(self, today: date) -> None:
        super().__init__()
        self.today = today
        self._versions: dict[str, dict[date, dict[date, str | None]]] = defaultdict(lambda: defaultdict(dict))

    @property
    def environ(self) -> dict[str, str]:
        """What names this server to the source."""
        return {"NIGHTDESK_ACCOUNT_FRED_KEY": KEY, "NIGHTDESK_ACCOUNT_FRED_URL": self.url}

    def tell(self, series: str, period: date, value: str, since: date) -> None:
        """A value of a period, in all vintages from a day on until another value is told."""
        self._versions[series][period][since] = value

    def forget(self) -> None:
        """It has told nothing."""
        self._versions.clear()

    def leave_out(self, series: str, period: date, since: date) -> None:
        """A period is in no vintage from a day on."""
        self._versions[series][period][since] = None

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        if query.get("api_key") != KEY:
            return refused("The value for variable api_key is not registered.")
        return None

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        if path != OBSERVATIONS:
            return Bad(404, json.dumps({"error_code": 404, "error_message": "Not Found"}))
        if query["series_id"] not in self._versions:
            return refused("The series does not exist.")
        if query.get("file_type") != "json":
            return Bad(200, '<?xml version="1.0"?><observations/>', {"Content-Type": "text/xml"})
        start = date.fromisoformat(query.get("realtime_start", str(self.today)))
        end = date.fromisoformat(query.get("realtime_end", str(self.today)))
        if start > self.today or (end > self.today and end != _END):
            return refused("Variable realtime_start or realtime_end can not be after today's date.")
        periods = self._versions[query["series_id"]]
        told = {since for versions in periods.values() for since in versions if start <= since <= end}
        if len(told) > MOST_VINTAGES:
            return refused(
                f"There are {len(told)} vintage dates in the specified real-time period: {start} to {end}.  "
                f"This exceeds the maximum number of vintage dates allowed ({MOST_VINTAGES})."
            )
        rows = [
            row
            for period in sorted(periods)
            if query.get("observation_start", "1776-07-04")
            <= str(period)
            <= query.get("observation_end", "9999")
            for row in _rows(period, periods[period], start, end)
        ]
        return Bad(200, json.dumps(self._page(rows, query, start, end)), {"Content-Type": "application/json"})

    def _page(
        self, rows: list[dict[str, str]], query: Mapping[str, str], start: date, end: date
    ) -> dict[str, Any]:
        limit, offset = int(query.get("limit", 100_000)), int(query.get("offset", 0))
        return {
            "realtime_start": str(start),
            "realtime_end": str(end),
            "observation_start": query.get("observation_start", "1600-01-01"),
            "observation_end": query.get("observation_end", "9999-12-31"),
            "units": "lin",
            "output_type": int(query.get("output_type", 1)),
            "file_type": "json",
            "order_by": "observation_date",
            "sort_order": query.get("sort_order", "asc"),
            "count": len(rows),
            "offset": offset,
            "limit": limit,
            "observations": rows[offset : offset + limit],
        }


def _rows(period: date, versions: Mapping[date, str | None], start: date, end: date) -> list[dict[str, str]]:
    """The versions that were told in a span, cut at its ends."""
    since = sorted(versions)
    until = [*(day - timedelta(days=1) for day in since[1:]), _END]
    return [
        {
            "realtime_start": str(max(day, start)),
            "realtime_end": str(min(last, end)),
            "date": str(period),
            "value": value,
        }
        for day, last in zip(since, until, strict=True)
        if day <= end and last >= start and (value := versions[day]) is not None
    ]
