"""Sectors by SIC codes."""

from itertools import pairwise

import pytest

from nightdesk.feeds.sic_sectors import OTHER, SPANS, sector_of


def test_the_spans_of_sectors_are_apart():
    found = sorted(SPANS)
    assert all(first <= last for first, last, _ in found)
    assert all(one[1] < other[0] for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("sic", "sector"),
    [("2834", "health"), ("2911", "energy"), ("3711", "consumer durables"), ("4911", "utilities"),
     ("5331", "shops"), ("6021", "finance"), ("7372", "business equipment"), ("0100", "consumer nondurables"),
     ("4512", OTHER), ("9999", OTHER), ("", ""), ("x", ""), ("12345", ""), ("٣", "")],
)  # fmt: skip
def test_a_sector_is_told_by_the_code(sic, sector):
    assert sector_of(sic) == sector
