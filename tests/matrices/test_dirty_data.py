"""The dirty-data matrix: what is promised of every defect of market data holds, whoever tells it."""

from pathlib import Path

import pytest
from tests.matrices import dirty_data
from tests.matrices.defects import DEFECTS, quiet_hours, quiet_market
from tests.matrices.dirty_data import NOTHING, PROMISED, main, matrix, not_as_promised, outcome
from tests.matrices.vendors import VENDORS, PlantedMarket

#: Told over the wire in `make test`; the long tests take them all.
BRIEF = (
    "text for a price", "an infinite price", "high and low swapped", "the same bar twice",
    "two bars of a day that differ", "a bar of a Saturday", "a split that nobody states (4:1)",
    "2 % off, a second source is right", "an hour before the open",
)  # fmt: skip


def test_every_defect_has_a_promise_for_every_vendor_and_none_is_for_nothing() -> None:
    assert [one.name for one in DEFECTS] == list(PROMISED)
    assert all("*" in told or {one.name for one in VENDORS} <= set(told) for told in PROMISED.values())
    assert len({one.name for one in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda one: one.name)
def test_the_market_without_a_defect_passes(vendor, tmp_path: Path) -> None:
    quiet = next(one for one in DEFECTS if one.name == "a price of 0")
    clean = dirty_data.Defect("nothing", lambda bars: bars)
    assert outcome(clean, vendor, tmp_path / "days") == dirty_data.UNTOUCHED
    assert outcome(quiet, vendor, tmp_path / "spoilt") != dirty_data.UNTOUCHED
    if vendor.minutes:
        of_hours = dirty_data.Defect("nothing", lambda bars: bars, of_hours=True)
        assert outcome(of_hours, vendor, tmp_path / "hours") == NOTHING


def test_every_defect_in_a_file_is_caught_as_promised() -> None:
    files = [one for one in VENDORS if one.name == "files"]
    cells = matrix(files)
    assert len(cells) == len(DEFECTS)
    assert not_as_promised(cells) == []


def test_defects_over_the_wire_are_caught_as_promised() -> None:
    brief = [one for one in DEFECTS if one.name in BRIEF]
    assert len(brief) == len(BRIEF)
    assert not_as_promised(matrix([one for one in VENDORS if one.name != "files"], brief)) == []


@pytest.mark.slow
def test_the_whole_matrix_is_as_promised() -> None:
    assert main() == 0


def test_a_check_that_catches_less_ends_the_program_with_status_1(monkeypatch, capsys) -> None:
    files = tuple(one for one in VENDORS if one.name == "files")
    swapped = tuple(one for one in DEFECTS if one.name == "high and low swapped")
    monkeypatch.setattr(dirty_data, "VENDORS", files)
    monkeypatch.setattr(dirty_data, "DEFECTS", swapped)
    monkeypatch.setattr(dirty_data, "matrix", lambda: {("high and low swapped", "files"): NOTHING})
    assert main() == 1
    assert "promised 'quarantine: out_of_range', found 'not caught'" in capsys.readouterr().out


def test_the_planted_market_is_the_same_each_time() -> None:
    assert quiet_market() == quiet_market()
    assert isinstance(quiet_hours(30), PlantedMarket)
    assert quiet_hours(30) == quiet_hours(30)


def test_the_page_on_data_checks_names_every_defect() -> None:
    page = (Path(__file__).parents[2] / "docs/data-checks.md").read_text()
    assert [one.name for one in DEFECTS if f"| {one.name} |" not in page] == []
