"""A server on loopback that answers as the CFTC's data service (Socrata) does: reports in pages.

Names of data sets and columns are the published ones, misspelt as they are; numbers are text, a column
without a value is left out of its row. Of SoQL it knows the question that the source asks.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

TOKEN = "an-app-token-of-socrata"
FUTURES, COMBINED = "/resource/6dca-aqww.json", "/resource/jun7-fc8e.json"
_WHERE = re.compile(
    r"cftc_contract_market_code in\((?P<codes>'[^']+'(?:,'[^']+')*)\) "
    r"AND report_date_as_yyyy_mm_dd between '(?P<first>[\d-]+)' AND '(?P<last>[\d-]+)'"
)


class FakeCftc(ScriptedServer):
    """The server, a context manager; `report` gives it reports, `rows_a_page` cuts its pages shorter."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[dict[str, str]]] = defaultdict(list)

    @property
    def environ(self) -> dict[str, str]:
        """What names this server to the source."""
        return {"NIGHTDESK_ACCOUNT_CFTC_KEY": TOKEN, "NIGHTDESK_ACCOUNT_CFTC_URL": self.url}

    def report(
        self, code: str, day: date, long: float, short: float, interest: float, where: str = FUTURES
    ) -> None:
        """A report of a contract."""
        self.rows[where].append(
            {
                "id": f"{day:%y%m%d}{code}F",
                "market_and_exchange_names": f"{code} - COMMODITY EXCHANGE INC.",
                "report_date_as_yyyy_mm_dd": f"{day}T00:00:00.000",
                "yyyy_report_week_ww": f"{day:%Y Report Week %W}",
                "contract_market_name": code,
                "cftc_contract_market_code": code,
                "open_interest_all": f"{interest:g}",
                "noncomm_positions_long_all": f"{long:g}",
                "noncomm_positions_short_all": f"{short:g}",
                "noncomm_postions_spread_all": "7",
                "futonly_or_combined": "FutOnly" if where == FUTURES else "Combined",
            }
        )

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        if headers.get("X-App-Token", TOKEN) != TOKEN:
            return refused(403, "permission_denied", "Invalid app_token specified")
        return None

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        if path not in (FUTURES, COMBINED):
            return refused(404, "dataset.missing", "Cannot find dataset")
        found = _WHERE.fullmatch(query.get("$where", ""))
        if found is None:
            return refused(400, "query.compiler.malformed", "Could not parse SoQL query")
        codes = found["codes"].replace("'", "").split(",")
        rows = [
            row
            for row in self.rows[path]
            if row["cftc_contract_market_code"] in codes
            and found["first"] <= row["report_date_as_yyyy_mm_dd"][:10] <= found["last"]
        ]
        order, select = query["$order"].split(","), query["$select"].split(",")
        rows.sort(key=lambda row: [row[name] for name in order])
        offset, limit = int(query.get("$offset", 0)), int(query.get("$limit", 1_000))
        page = [{name: row[name] for name in select if name in row} for row in rows[offset : offset + limit]]
        return Bad(200, json.dumps(page), {"Content-Type": "application/json;charset=utf-8"})


def refused(status: int, code: str, message: str) -> Bad:
    """What the service says to a bad request."""
    return Bad(status, json.dumps({"code": code, "error": True, "message": message}))
