"""Form 8949: the sales of a tax year by part and box, with their totals for Schedule D."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from nightdesk.accounting.tax.boxes import Box, box_of
from nightdesk.accounting.tax.terms import TaxTerms
from nightdesk.accounting.tax.wash_sales import WINDOW, Disposal
from nightdesk.core.money import ZERO

Part = Literal["I", "II"]

COLUMNS = (
    *("part", "box", "description", "acquired", "sold", "proceeds", "cost", "code", "adjustment", "gain"),
    *("held_since", "tax_class", "book", "lot"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the form; amounts in dollars and cents.

    `part` is "I" (short term) or "II" (long term: held for more than one year). `cost` holds losses that were
    carried into the lot. `code` holds "C" for a collectible that was held long, and "W" where `adjustment`,
    the disallowed loss, is not 0; both as "CW". `tax_class` is "collectible", "partnership", "digital" or
    empty. The cost of a partnership lacks what its Schedules K-1 add and take away.
    """

    part: Part
    box: Box
    description: str
    acquired: date
    sold: date
    proceeds: Decimal
    cost: Decimal
    code: str
    adjustment: Decimal
    gain: Decimal
    held_since: date
    tax_class: str
    book: str
    lot: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What Schedule D asks: sums in dollars and cents, and how many lines they are of.

    `box` is empty for the sums of a whole part.
    """

    part: Part
    box: str
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
        return _totals(part, "", [row for row in self.rows if row.part == part])

    @property
    def boxes(self) -> tuple[Totals, ...]:
        """Sums of every box that has a line, in the order of the form."""
        groups: dict[Box, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.box, []).append(row)
        sums = [_totals(rows[0].part, box, rows) for box, rows in groups.items()]
        return tuple(sorted(sums, key=lambda one: (one.part, one.box)))

    @property
    def collectibles_gain(self) -> Decimal:
        """Gain or loss of Part II that counts as 28 % rate gain: the first line of the worksheet for it."""
        long = (row.gain for row in self.rows if row.part == "II" and row.tax_class == "collectible")
        return sum(long, ZERO)

    @property
    def partnership_lines(self) -> int:
        """Lines whose cost and gain want a Schedule K-1."""
        return sum(row.tax_class == "partnership" for row in self.rows)

    def csv(self) -> str:
        """The form as CSV: box by box its lines and their totals; amounts with two places."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for part in ("I", "II"):
            boxes = [sums for sums in self.boxes if sums.part == part]
            for sums in boxes or [_totals("I" if part == "I" else "II", "", [])]:
                for row in self.rows:
                    if row.box == sums.box:
                        writer.writerow(_text(getattr(row, name)) for name in COLUMNS)
                amounts = (sums.proceeds, sums.cost, "", sums.adjustment, sums.gain)
                writer.writerow([part, sums.box, "totals", "", "", *map(_text, amounts), "", "", "", ""])
        return out.getvalue()


def _totals(part: Part, box: str, rows: Sequence[Row]) -> Totals:
    return Totals(
        part=part,
        box=box,
        lines=len(rows),
        proceeds=sum((row.proceeds for row in rows), ZERO),
        cost=sum((row.cost for row in rows), ZERO),
        adjustment=sum((row.adjustment for row in rows), ZERO),
        gain=sum((row.gain for row in rows), ZERO),
    )


def form_8949(disposals: Iterable[Disposal], year: int, terms: Mapping[str, TaxTerms]) -> Form:
    """The form of a year: its sales by date, those of one date in their order.

    Parameters
    ----------
    disposals : iterable of Disposal
    year : int
        The tax year.
    terms : mapping of book to TaxTerms
        Of every book that sold.
    """
    rows = [_row(one, terms[one.book]) for one in disposals if one.sold.year == year]
    return Form(year, tuple(sorted(rows, key=lambda row: row.sold)))


def settled_on(disposals: Iterable[Disposal], year: int) -> date | None:
    """The first day on which no purchase can change a year's form any more.

    None where no loss of the year waits for a replacement.
    """
    open_sales = [one.sold for one in disposals if one.sold.year == year and one.open_quantity]
    return max(open_sales) + WINDOW + timedelta(days=1) if open_sales else None


def _row(one: Disposal, terms: TaxTerms) -> Row:
    quantity, kind = f"{one.quantity.normalize():f}", _tax_class(one.symbol, terms)
    # Only what is held long is taxed at 28 %; the code sends the reader to the worksheet of that rate.
    codes = ("C" if kind == "collectible" and one.long_term else "") + ("W" if one.disallowed else "")
    return Row(
        part="II" if one.long_term else "I",
        box=box_of(one, terms),
        description=f"{quantity} {one.symbol}{' short' if one.short else ''}",
        acquired=one.acquired,
        sold=one.sold,
        proceeds=one.proceeds,
        cost=one.basis,
        code=codes,
        adjustment=one.disallowed,
        gain=one.gain,
        held_since=one.held_since,
        tax_class=kind,
        book=one.book,
        lot=one.lot_id,
    )


def _tax_class(symbol: str, terms: TaxTerms) -> str:
    groups = {"collectible": terms.collectibles, "partnership": terms.partnerships, "digital": terms.crypto}
    return next((name for name, symbols in groups.items() if symbol in symbols), "")


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)
