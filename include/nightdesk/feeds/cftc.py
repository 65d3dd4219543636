"""The `cftc` source of positioning: the Legacy report of the Commitments of Traders, from the CFTC itself."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, ClassVar

from nightdesk.core.facts import POSITIONING, FactKind
from nightdesk.core.releases import cot_release
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_facts import (
    NEW_YORK,
    FoundFacts,
    VendorFacts,
    day_of_text,
    is_within,
    number_of,
    refuse_later,
)
from nightdesk.feeds.vendor_feed import TOLD_TWICE

#: Where the service is.
ADDRESS = "https://publicreporting.cftc.gov"

#: Rows of one page, and pages of one question: all contracts of twenty years are a tenth of them.
ROWS_A_PAGE, MOST_PAGES = 5_000, 200

#: Contracts of one question: they travel in its address.
CODES_A_QUESTION = 50

#: No report was ever published later than this after its day.
LONGEST_RELEASE = timedelta(days=60)

CODE, DAY = "cftc_contract_market_code", "report_date_as_yyyy_mm_dd"
#: Columns of the report: non-commercial positions, long and short, and the open interest.
COLUMNS = ("noncomm_positions_long_all", "noncomm_positions_short_all", "open_interest_all")

WITHOUT_POSITIONS = "without positions, or with more of them than there is open interest"

_CODE = re.compile(r"[0-9A-Z+]{5,6}")
_WANTED = "reports"


class CftcFacts(VendorFacts):
    """Positions of non-commercial traders in futures; no key is needed.

    A report is known from its publication on (`nightdesk.core.releases.cot_release`). A figure that the CFTC
    corrects later comes under the same instant: the service tells the newest figures only, and not when they
    were corrected.
    """

    name = "cftc"
    kinds = (POSITIONING,)
    account = "CFTC"
    #: The data set of the report: futures only.
    dataset: ClassVar[str] = "6dca-aqww"

    def collect(
        self, found: FoundFacts, kind: FactKind, subjects: Sequence[str], first: date, last: date
    ) -> None:
        codes = [code for code in subjects if _CODE.fullmatch(code)]
        unknown = SourceFault(Fault.ABSENT, "the CFTC has no contract of such a code, as 088691 is one")
        found.fail([code for code in subjects if code not in codes], unknown)
        today = self.now().astimezone(NEW_YORK).date()
        for at in range(0, len(codes), CODES_A_QUESTION):
            some = codes[at : at + CODES_A_QUESTION]
            try:
                rows = self._rows(some, first - LONGEST_RELEASE, min(last, today))
                self._take(found, rows, some, first, last)
            except SourceFault as error:
                found.fail(some, _as_socrata_means(error))

    def _rows(self, codes: Sequence[str], first: date, last: date) -> list[dict[str, Any]]:
        """The reports of some contracts, of all pages."""
        from nightdesk.feeds.http_line import HttpLine

        token = self.part("KEY")
        line = HttpLine(
            self.name,
            self.part("URL") or ADDRESS,
            headers={"X-App-Token": token} if token else {},
            access="its app token is unknown",
            one_address=True,
            timeout=self.timeout,
            sleep=self.sleep,
        )
        names = ",".join(f"'{code}'" for code in codes)
        query = {
            "$select": ",".join((CODE, DAY, *COLUMNS)),
            "$where": f"{CODE} in({names}) AND {DAY} between '{first}' AND '{last}'",
            "$order": f"{DAY},{CODE}",
            "$limit": ROWS_A_PAGE,
        }
        pages: list[list[dict[str, Any]]] = []
        for at in range(MOST_PAGES):
            path = f"/resource/{self.dataset}.json"
            page = _as_page(line.json(_WANTED, path, query | {"$offset": at * ROWS_A_PAGE}))
            if page and page in pages:
                raise SourceFault(Fault.PASSING, f"the server gives the same page again of {_WANTED}")
            pages.append(page)
            if len(page) < ROWS_A_PAGE:
                return [row for page in pages for row in page]
        raise SourceFault(Fault.FINAL, f"the server gives more than {MOST_PAGES} pages of {_WANTED}")

    def _take(
        self,
        found: FoundFacts,
        rows: Sequence[Mapping[str, Any]],
        codes: Sequence[str],
        first: date,
        last: date,
    ) -> None:
        """Give the reports of the span to `found`; none of a contract that has two of one day that differ."""
        today = self.now().astimezone(NEW_YORK).date()
        reports: dict[tuple[str, date], tuple[float, ...]] = {}
        torn: dict[str, date] = {}
        twice = without = 0
        for row in rows:
            code, day = _subject(row, codes)
            refuse_later(day, today, "a report")
            if not is_within(day, cot_release(day), first, last):
                continue
            values = tuple(number_of(row.get(name)) for name in COLUMNS)
            if not _is_whole(*values):
                without += 1
            elif (code, day) not in reports:
                reports[code, day] = values
            elif reports[code, day] == values:
                twice += 1
            else:
                torn[code] = day
        for (code, day), values in reports.items():
            if code not in torn:
                found.add(code, day, cot_release(day), *values)
        for code, day in torn.items():
            found.fail(
                [code], SourceFault(Fault.PASSING, f"the server answered two reports of {day} that differ")
            )
        found.count({reason: n for reason, n in ((TOLD_TWICE, twice), (WITHOUT_POSITIONS, without)) if n})


class CombinedCftcFacts(CftcFacts):
    """The same of futures and options together, the options by their delta."""

    name = "cftc_combined"
    dataset = "jun7-fc8e"


def _as_socrata_means(error: SourceFault) -> SourceFault:
    """Socrata answers 202 while it works on a question that it gives an answer to later."""
    if "(202)" in error.reason:
        return SourceFault(Fault.PASSING, "the server is still at work on its answer (202)")
    return error


def _as_page(answer: Any) -> list[dict[str, Any]]:
    if isinstance(answer, list) and all(isinstance(row, dict) for row in answer):
        if len(answer) > ROWS_A_PAGE:
            raise SourceFault(
                Fault.PASSING, f"the server answered a page of {len(answer)} {_WANTED}, too many"
            )
        return answer
    raise SourceFault(Fault.PASSING, f"the server answered no list where {_WANTED} were asked for")


def _subject(row: Mapping[str, Any], codes: Sequence[str]) -> tuple[str, date]:
    """Contract and day of a report."""
    from nightdesk.core.masking import one_line

    code = row.get(CODE)
    if not isinstance(code, str) or code.strip() not in codes:
        raise SourceFault(
            Fault.FINAL,
            f"the server answered {_WANTED} of {one_line(repr(code))[:40]}, which was not asked for",
        )
    text = row.get(DAY)
    return code.strip(), day_of_text(text.partition("T")[0] if isinstance(text, str) else text, "a report")


def _is_whole(long: float, short: float, interest: float) -> bool:
    """Whether the figures of a report can be: each of them is there, and neither side is above them all."""
    return not math.isnan(long + short + interest) and 0 <= long <= interest and 0 <= short <= interest
