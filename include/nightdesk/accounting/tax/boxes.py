"""The boxes of Form 8949: which of them a sale belongs to, by what the broker is expected to have reported.

======= ==========  ================================================================  ====================
short   long term   of what                                                           Schedule D, line
======= ==========  ================================================================  ====================
A       D           on a Form 1099-B whose basis was reported to the IRS              1b, 8b
B       E           on a Form 1099-B whose basis was not                              2, 9
C       F           on no Form 1099-B                                                 3, 10
G       J           digital assets: on a Form 1099-DA whose basis was reported        1b, 8b
H       K           digital assets: on a Form 1099-DA whose basis was not             2, 9
I       L           digital assets: on no Form 1099-DA                                3, 10
======= ==========  ================================================================  ====================

Instructions for Form 8949 (2025). What decides is the form that the broker sends; this is what it is expected
to say.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from nightdesk.accounting.tax.terms import TaxTerms
from nightdesk.accounting.tax.wash_sales import Disposal

Box = Literal["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"]
Reported = Literal["basis", "proceeds", "nothing"]

#: Short and long term by what was reported.
_SECURITIES: dict[Reported, tuple[Box, Box]] = {
    "basis": ("A", "D"),
    "proceeds": ("B", "E"),
    "nothing": ("C", "F"),
}
_DIGITAL: dict[Reported, tuple[Box, Box]] = {
    "basis": ("G", "J"),
    "proceeds": ("H", "K"),
    "nothing": ("I", "L"),
}

#: First tax year whose form has boxes for digital assets, and whose sales brokers report on Form 1099-DA.
DIGITAL_FROM = 2025

#: From when on brokers report the basis of what was acquired: Reg. 1.6045-1(a)(15). Stocks came first; a year
#: later funds, which this takes for all securities: an earlier purchase of a stock is a rare thing now.
COVERED_FROM = date(2012, 1, 1)
DIGITAL_COVERED_FROM = date(2026, 1, 1)

#: Lines of Schedule D that the totals of a box go to.
SCHEDULE_D: dict[str, str] = {
    "A": "1b", "B": "2", "C": "3", "D": "8b", "E": "9", "F": "10",
    "G": "1b", "H": "2", "I": "3", "J": "8b", "K": "9", "L": "10",
}  # fmt: skip


def box_of(sale: Disposal, terms: TaxTerms) -> Box:
    """The box of a sale.

    A paper account is reported by nobody. Of a real one a broker reports the basis of what was bought there
    since brokers must; not that of units that came to it without a purchase, of shares of a partnership,
    whose basis changes with each Schedule K-1, nor of those of a trust that holds a collectible, which is no
    stock.
    """
    digital = sale.symbol in terms.crypto
    boxes = _DIGITAL if digital and sale.sold.year >= DIGITAL_FROM else _SECURITIES
    return boxes[_reported(sale, terms, digital=digital)][sale.long_term]


def _reported(sale: Disposal, terms: TaxTerms, *, digital: bool) -> Reported:
    if not terms.reported or (digital and sale.sold.year < DIGITAL_FROM):
        return "nothing"
    special = sale.symbol in terms.collectibles or sale.symbol in terms.partnerships
    covered = DIGITAL_COVERED_FROM if digital else COVERED_FROM
    return "proceeds" if special or sale.adopted or sale.acquired < covered else "basis"
