"""Which version has decided covers the plug-ins that a book names, and no others."""

from pathlib import Path

import pytest
import yaml
from tests.conftest import Databases
from tests.plug_ins.conftest import Home, strategy
from tests.plug_ins.test_plug_ins import FACTOR
from tests.session.new_desk import new_desk, random_walks
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import STRATEGY

from nightdesk import plug_ins
from nightdesk.core.book import load_book
from nightdesk.engine import resolve
from nightdesk.version import code_version


def version(path: Path) -> str:
    """Of a book, in a process that begins now."""
    plug_ins.forget()
    return code_version(resolve(load_book(path)))


def test_a_book_without_plug_ins_has_the_packages_version_whatever_lies_there(home: Home) -> None:
    home.write("mine.py", strategy("mine"))
    plug_ins.search()
    assert version(home.book()) == code_version()


def test_an_edit_of_what_a_book_names_is_another_version_and_of_anything_else_is_not(home: Home) -> None:
    home.write("mine.py", strategy("mine"))
    home.write("other.py", strategy("other"))
    book = home.book(strategies={"mine": {"share": 1.0}})
    first = version(book)
    assert first.startswith(f"{code_version()}.")
    home.write("other.py", strategy("other", "x = 1"))
    home.write("new.py", strategy("new"))
    assert version(book) == first
    home.write("mine.py", strategy("mine", "x = 1"))
    second = version(book)
    assert second != first
    home.write("mine.py", strategy("mine"))
    assert version(book) == first


@pytest.mark.parametrize(
    "imported",
    ["from nightdesk.own._numbers import N", "from nightdesk.own import _numbers", "from ._numbers import N",
     "import nightdesk.own._numbers"],
)  # fmt: skip
def test_a_helper_that_a_plug_in_imports_is_part_of_it(home: Home, imported: str) -> None:
    home.write("_numbers.py", "N = 1\n")
    home.write("mine.py", f"{imported}\n{strategy('mine')}")
    book = home.book(strategies={"mine": {"share": 1.0}})
    first = version(book)
    home.write("_numbers.py", "N = 2\n")
    assert version(book) != first


@pytest.mark.parametrize(
    "changed",
    [
        {"limits": {"price_floor": {}}},
        {"accruals": {"custody": {}}},
        {"strategies": {"time_series_momentum": {"share": 1.0, "sizing": "equal_parts"}}},
        {"feeds": {"daily": ["sample", "one_file_each"]}},
        {"broker": {"kind": "by_hand", "account": "hand"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_kind_of_plug_in_is_part_of_the_version(home: Home, changed: dict[str, object]) -> None:
    home.copy("price_floor", "custody", "equal_parts", "one_file_each", "by_hand")
    assert version(home.book(**changed)).startswith(f"{code_version()}.")


@pytest.mark.parametrize("name", ["h:rank_mine_3@1", "h:zscore_20_of(std_5_of(mine_3@2)@1)@3"])
def test_a_factor_within_another_is_part_of_the_version(home: Home, name: str) -> None:
    home.write("mine.py", FACTOR.format(pattern="mine_{n}"))
    home.write("asks.py", strategy("asks", f"    factors = ('volatility_60', {name!r})"))
    book = home.book(strategies={"asks": {"share": 1.0}}, schedule="hourly")
    first = version(book)
    home.write("mine.py", FACTOR.format(pattern="mine_{n}") + "# another\n")
    assert version(book) != first


def test_a_session_is_decided_by_a_plug_in_and_a_rerun_by_an_edited_one_says_so(
    home: Home, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_quickly(monkeypatch)
    url = databases.new()
    desk = new_desk(tmp_path / "desk", url, random_walks())
    home.write("mine.py", strategy("mine"))
    tree = yaml.safe_load(desk.book.read_text())
    tree["strategies"] = {"mine": tree["strategies"][STRATEGY]}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    desk.run(0)
    ((told,),) = desk.rows("SELECT code_version FROM nightdesk.runs")
    assert told == version(desk.book)
    assert all("changed" not in counts for counts in desk.run(0).values())
    home.write("mine.py", strategy("mine", "x = 1"))
    now = version(desk.book)
    assert {one["changed"] for one in desk.run(0).values()} == {f"decided by version {told}, now {now}"}
    databases.drop(url)
