"""The feed matrix: however a vendor answers, nothing is invented, nothing is missed in silence."""

import re

import pytest
from tests.matrices.feed_cells import LEGEND
from tests.matrices.feed_faults import FAULTS
from tests.matrices.feeds import ALONE, SECOND, SERVICE, SYMBOL, WAYS
from tests.matrices.programs import rows_of
from tests.matrices.vendor_entries import IN_BRIEF, VENDORS


def meet_all(*arguments: str, seconds: float) -> dict[tuple[str, str, str], str]:
    """The words of every cell, by the head of its table, fault and vendor."""
    printed, rows = rows_of("feeds", *arguments, seconds=seconds)
    found = re.search(r"^(\d+) cells, 0 violations", printed, re.MULTILINE)
    assert found is not None
    cells: dict[tuple[str, str, str], str] = {}
    head: list[str] = []
    for row in rows:
        if any(row[0].startswith(way) for way in WAYS):
            head = row
            continue
        cells |= {
            (head[0], row[0], name): words for name, words in zip(head[1:], row[1:], strict=True) if words
        }
    assert set(cells.values()) <= set(LEGEND)
    assert int(found[1]) == sum(words != "–" for words in cells.values())
    return cells


@pytest.mark.timeout(300)
def test_a_vendor_that_answers_badly_costs_no_session_in_silence() -> None:
    cells = meet_all("--brief", seconds=290)
    assert {fault for _, fault, _ in cells} == {one.name for one in FAULTS}
    assert {vendor for _, _, vendor in cells} == set(IN_BRIEF)
    alone = {words for (head, _, _), words in cells.items() if head.endswith(ALONE)}
    assert {"missing, told", "failed, told"} <= alone
    second = {words for (head, _, _), words in cells.items() if head.endswith(SECOND)}
    assert "second" in second
    assert not {"missing, told", "Transient", "Refused"} & second


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_vendor_meets_every_fault() -> None:
    cells = meet_all(seconds=3590)
    assert {vendor for _, _, vendor in cells} == {one.name for one in VENDORS}
    met = {vendor: 0 for _, _, vendor in cells}
    for (_, _, vendor), words in cells.items():
        met[vendor] += words != "–"
    assert min(met.values()) > 50
    expected = {
        (f"{SYMBOL}, {SECOND}", "403", "polygon"): "second",
        (f"{SYMBOL}, {ALONE}", "403", "polygon"): "missing, told",
        (f"{SYMBOL}, {ALONE}", "tomorrow's bars", "polygon"): "missing, told",
        (f"{SYMBOL}, {SECOND}", "today's unfinished bar", "polygon"): "own",
        (f"{SERVICE}, {ALONE}", "500", "polygon"): "Transient",
        (f"{SERVICE}, {ALONE}", "no key", "polygon"): "Refused",
        (f"{SERVICE}, {ALONE}", "500", "alpaca, news"): "failed, told",
    }
    assert {key: cells[key] for key in expected} == expected
