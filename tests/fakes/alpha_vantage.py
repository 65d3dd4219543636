"""A server on loopback that answers as Alpha Vantage does: a calendar of earnings as CSV, faults as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import date, timedelta

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

KEY = "ALPHAKEY12345678"
QUERY = "/query"
HEADER = ("symbol", "name", "reportDate", "fiscalDateEnding", "estimate", "currency", "timeOfTheDay")
_MONTHS = {"3month": 92, "6month": 184, "12month": 366}

#: As the service says them, with status 200; the key is in the words.
DAILY_LIMIT = Bad(
    200,
    json.dumps(
        {
            "Information": f"We have detected your API key as {KEY} and our standard API rate limit is 25 "
            "requests per day. Please subscribe to any of the premium plans to remove all daily rate limits."
        }
    ),
)
NOTE = Bad(
    200,
    json.dumps(
        {
            "Note": "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per "
            "minute and 500 calls per day."
        }
    ),
)
PREMIUM = Bad(200, json.dumps({"Information": "Thank you! This is a premium endpoint."}))
INVALID = Bad(
    200,
    json.dumps({"Error Message": f"the parameter apikey is invalid or missing: {KEY}. Please claim one."}),
)


class FakeAlphaVantage(ScriptedServer):
    """The server, a context manager: `rows` is its calendar, `today` its clock, `short` an older form."""

    def __init__(self, today: date) -> None:
        super().__init__()
        self.today = today
        self.rows: list[tuple[str, ...]] = []
        self.short = False

    @property
    def environ(self) -> dict[str, str]:
        """What names this server to the source."""
        return {"NIGHTDESK_ACCOUNT_ALPHA_VANTAGE_KEY": KEY, "NIGHTDESK_ACCOUNT_ALPHA_VANTAGE_URL": self.url}

    def expect(self, symbol: str, day: date, ends: date, timing: str = "", title: str = "A COMPANY") -> None:
        """A report that is expected."""
        self.rows.append((symbol, title, str(day), str(ends), "1.25", "USD", timing))

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        return None if query.get("apikey") == KEY else INVALID

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        if path != QUERY or query.get("function") != "EARNINGS_CALENDAR":
            return Bad(200, json.dumps({"Error Message": "This API function does not exist."}))
        until = self.today + timedelta(days=_MONTHS[query.get("horizon", "3month")])
        return as_csv([row for row in self.rows if row[2] <= str(until)], self.short)


def as_csv(rows: list[tuple[str, ...]], short: bool = False) -> Bad:
    """A calendar as the service writes it."""
    text = io.StringIO()
    width = len(HEADER) - short
    csv.writer(text).writerows(row[:width] for row in [HEADER, *rows])
    return Bad(200, text.getvalue(), {"Content-Type": "application/x-download"})
