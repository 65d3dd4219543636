"""Form 8949: the sales of a tax year, short and long term apart, with their totals for Schedule D."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from nightdesk.execution.money import ZERO
from nightdesk.tax.wash_sales import WINDOW, Disposal

Part = Literal["I", "II"]

COLUMNS = (
    *("part", "description", "acquired", "sold", "proceeds", "cost", "code", "adjustment", "gain"),
    *("held_since", "book", "lot"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the form; amounts in dollars and cents.

    `part` is "I" (short term) or "II" (long term: held for more than one year). `cost` holds losses that were
    carried into the lot. `code` is "W" where `adjustment`, the disallowed loss, is not 0.
    """

    part: Part
    description: str
    acquired: date
    sold: date
    proceeds: Decimal
    cost: Decimal
    code: str
    adjustment: Decimal
    gain: Decimal
    held_since: date
    book: str
    lot: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What Schedule D asks of a part: sums in dollars and cents, and how many lines they are of."""

    part: Part
    lines: int
    proceeds: Decimal
    cost: Decimal
    adjustment: Decimal
    gain: Decimal


@dataclass(frozen=True)
class Form:
    """The form of one year."""

    year: int
    rows: tuple[Row, ...]

    def totals(self, part: Part) -> Totals:
        """Sums of a part."""
        rows = [row for row in self.rows if row.part == part]
        return Totals(
            part=part,
            lines=len(rows),
            proceeds=sum((row.proceeds for row in rows), ZERO),
            cost=sum((row.cost for row in rows), ZERO),
            adjustment=sum((row.adjustment for row in rows), ZERO),
            gain=sum((row.gain for row in rows), ZERO),
        )

    def csv(self) -> str:
        """The form as CSV: Part I, its totals, Part II, its totals; amounts with two places."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for part in ("I", "II"):
            for row in self.rows:
                if row.part == part:
                    writer.writerow(_text(getattr(row, name)) for name in COLUMNS)
            sums = self.totals("I" if part == "I" else "II")
            amounts = (sums.proceeds, sums.cost, "", sums.adjustment, sums.gain)
            writer.writerow([part, "totals", "", "", *map(_text, amounts), "", "", ""])
        return out.getvalue()


def form_8949(disposals: Iterable[Disposal], year: int) -> Form:
    """The form of a year: its sales by date, those of one date in their order."""
    rows = [_row(one) for one in disposals if one.sold.year == year]
    return Form(year, tuple(sorted(rows, key=lambda row: row.sold)))


def settled_on(disposals: Iterable[Disposal], year: int) -> date | None:
    """The first day on which no purchase can change a year's form any more.

    None where no loss of the year waits for a replacement.
    """
    open_sales = [one.sold for one in disposals if one.sold.year == year and one.open_quantity]
    return max(open_sales) + WINDOW + timedelta(days=1) if open_sales else None


def _row(one: Disposal) -> Row:
    quantity = f"{one.quantity.normalize():f}"
    return Row(
        part="II" if one.long_term else "I",
        description=f"{quantity} {one.symbol}{' short' if one.short else ''}",
        acquired=one.acquired,
        sold=one.sold,
        proceeds=one.proceeds,
        cost=one.basis,
        code="W" if one.disallowed else "",
        adjustment=one.disallowed,
        gain=one.gain,
        held_since=one.held_since,
        book=one.book,
        lot=one.lot_id,
    )


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)
