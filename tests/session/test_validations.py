"""Great Expectations is asked of the newest decision alone; its word is kept, shown, and decides nothing."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from tests.clock import set_clock
from tests.session.new_desk import new_desk
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.feeds import expectations
from nightdesk.feeds.quality import examine
from nightdesk.machine.home import Home
from nightdesk.machine.upkeep import build_data_docs as upkeep_of_pages
from nightdesk.operations.replay import rewind
from nightdesk.research.backtest.data import read_market
from nightdesk.session.data_docs import build_data_docs
from nightdesk.store.health_rows import thin_findings

STORED = "SELECT session, suite, success FROM nightdesk.quality_validations ORDER BY 1, 2"
FINDINGS = (
    "SELECT session, check_name, symbol, value, limit_value, outcome, detail FROM nightdesk.quality_runs "
    "ORDER BY 1, 2, 3"
)
OWN = """\
expectations:
  - name: busy
    expect: expect_column_values_to_be_between
    arguments: {column: volume, min_value: 1}
    symbols: [SPY, QQQ]
    then: quarantine
  - name: middle
    expect: expect_column_median_to_be_between
    arguments: {column: close, min_value: 1000000}
    then: warn
    because: so that something fails
"""


@pytest.fixture
def desk(
    walks: list[list[str]], new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SmallDesk:
    """A desk of which Great Expectations is asked, with expectations of its own."""
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    desk = new_desk(tmp_path / "desk", new_database(), walks)
    tree = yaml.safe_load(desk.book.read_text())
    tree["quality"] = {**tree.get("quality", {}), "expectations": "own.yaml"}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    (desk.book.parent / "own.yaml").write_text(OWN)
    return desk


def run_as_newest(desk: SmallDesk, number: int) -> dict[str, dict[str, int | str]]:
    set_clock(desk.url, instant(number) + timedelta(hours=2))
    return desk.run(number)


def reports(desk: SmallDesk) -> Path:
    with desk.at(0) as context:
        return context.reports / context.book.name


def test_of_the_newest_session_it_is_asked_and_its_pages_are_reached_from_the_sessions(
    desk: SmallDesk,
) -> None:
    counts = run_as_newest(desk, 0)
    assert desk.rows(STORED) == [
        (session(0), "bars", False),
        (session(0), "bars_busy", True),
        (session(0), "checks", True),
    ]
    [(detail,)] = desk.rows(
        "SELECT detail FROM nightdesk.quality_runs WHERE check_name = 'middle' AND outcome = 'warned'"
    )
    assert "fails; found" in str(detail)
    assert str(detail).endswith("(so that something fails)")
    assert counts["quality"]["warned"] == 1
    page = reports(desk) / f"{session(0)}.html"
    link = f"data-docs/{session(0)}/checks.html"
    assert f'href="{link}"' in page.read_text()
    first = (page.parent / link).read_text()
    assert "source_deviation" in first
    assert "http" not in first.replace("http-equiv", "")
    assert "<script" not in first
    assert "default-src &#x27;none&#x27;" in first or "default-src 'none'" in first
    index = (page.parent / "data-docs/index.html").read_text()
    assert f'href="{session(0)}/bars.html"' in index
    assert "1 not met" in index
    assert (page.parent / link).stat().st_mode & 0o077 == 0


def test_of_an_older_session_and_in_a_dry_run_it_is_not_asked_and_what_is_found_is_the_same(
    desk: SmallDesk,
) -> None:
    set_clock(desk.url, instant(0) + timedelta(hours=2))
    desk.run(0, dry_run=True)
    assert desk.rows(STORED) == []
    desk.run(0)
    found = [row for row in desk.rows(FINDINGS) if row[1] != "middle"]
    set_clock(desk.url, instant(3) + timedelta(hours=2))
    with desk.at(0) as context:
        rewind(context)
    assert desk.rows(STORED) == []
    desk.run(0)
    assert desk.rows(STORED) == []
    assert desk.rows(FINDINGS) == found
    assert "data-docs" not in (reports(desk) / f"{session(0)}.html").read_text()


def test_a_sealed_session_that_is_checked_again_later_differs_in_nothing(desk: SmallDesk) -> None:
    run_as_newest(desk, 0)
    before = desk.rows(FINDINGS), desk.rows(STORED)
    set_clock(desk.url, instant(4) + timedelta(hours=2))
    desk.run_steps(0, "quality", "quality")
    [(status, differences)] = desk.rows(
        "SELECT status, differences FROM nightdesk.run_steps WHERE step = 'quality' "
        "ORDER BY run_step_id DESC LIMIT 1"
    )
    assert (status, differences) == ("compared", [])
    assert (desk.rows(FINDINGS), desk.rows(STORED)) == before


def test_its_rows_are_the_same_however_often_the_step_runs(desk: SmallDesk) -> None:
    set_clock(desk.url, instant(0) + timedelta(hours=2))
    desk.run_steps(0, "ingest", "quality")
    before = desk.rows(FINDINGS), desk.rows("SELECT * FROM nightdesk.quality_validations ORDER BY suite")
    desk.run_steps(0, "quality", "quality")
    assert before == (
        desk.rows(FINDINGS),
        desk.rows("SELECT * FROM nightdesk.quality_validations ORDER BY suite"),
    )


def test_a_fault_of_the_library_costs_no_session_and_is_told(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise TypeError("a new version")

    monkeypatch.setattr(expectations, "_validate", broken)
    counts = run_as_newest(desk, 0)
    assert counts["close"]["closed"] == 1
    assert desk.rows(STORED) == []
    [(outcome, detail)] = desk.rows(
        "SELECT outcome, detail FROM nightdesk.quality_runs WHERE check_name = 'great_expectations'"
    )
    assert outcome == "warned"
    assert "could not be asked (TypeError: a new version). The desk's own checks were followed" in str(detail)


def test_a_verdict_that_differs_from_the_desks_is_told_and_the_desks_is_followed(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = expectations._result

    def contrary(one: object, *, of_rows: bool) -> object:
        found = real(one, of_rows=of_rows)
        name = one.expectation_config.meta["name"]  # type: ignore[attr-defined]
        return expectations._Result(False, frozenset({"SPY"}), "", None) if name == "nulls" else found

    monkeypatch.setattr(expectations, "_result", contrary)
    run_as_newest(desk, 0)
    [(detail,)] = desk.rows(
        "SELECT detail FROM nightdesk.quality_runs WHERE check_name = 'great_expectations'"
    )
    assert "nulls: Great Expectations and the desk's checks differ on SPY" in str(detail)
    assert desk.rows("SELECT * FROM nightdesk.quality_runs WHERE outcome = 'quarantined'") == []


def test_pages_that_cannot_be_written_cost_no_session(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(context: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("nightdesk.session.data_docs.write_newest", full)
    counts = run_as_newest(desk, 0)
    assert counts["quality"]["data_docs"] == "not written (OSError: no space left)"
    assert len(desk.rows(STORED)) == 3


def test_the_site_is_built_again_from_the_store_bounded_and_nothing_else_is_replaced(
    desk: SmallDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        run_as_newest(desk, number)
    environ = {"NIGHTDESK_DATABASE_URL": desk.url, "NIGHTDESK_ROOT": str(tmp_path)}
    monkeypatch.setattr("nightdesk.session.data_docs.KEPT_DECISIONS", 2)
    site = reports(desk) / "data-docs"
    assert sorted(path.name for path in site.iterdir()) == [str(session(n)) for n in range(3)] + [
        "index.html"
    ]
    (site / str(session(2)) / "checks.html").write_text("torn")
    home = Home(root=tmp_path, state=reports(desk).parents[1])
    assert "small 6" in upkeep_of_pages(home, environ)
    assert sorted(path.name for path in site.iterdir()) == [str(session(n)) for n in (1, 2)] + ["index.html"]
    assert "source_deviation" in (site / str(session(2)) / "checks.html").read_text()
    with desk.connection() as conn:
        mine = tmp_path / "mine"
        mine.mkdir()
        (mine / "letter.txt").write_text("keep me")
        with pytest.raises(Refused, match="it holds something else than Data Docs"):
            build_data_docs(conn, "small", mine, environ)
        assert (mine / "letter.txt").read_text() == "keep me"
        assert build_data_docs(conn, "small", tmp_path / "new", environ) == 6
        thin_findings(conn, date(2100, 1, 1))
        with pytest.raises(Refused, match="nothing is stored that Great Expectations said of it"):
            build_data_docs(conn, "small", tmp_path / "new", environ)
    assert desk.rows(STORED) == []


def test_an_own_expectation_holds_in_quarantine_and_the_backtest_agrees(desk: SmallDesk) -> None:
    own = yaml.safe_load(OWN)
    own["expectations"][0] |= {"arguments": {"column": "volume", "min_value": 10**12}, "symbols": ["QQQ"]}
    (desk.book.parent / "own.yaml").write_text(yaml.safe_dump(own))
    run_as_newest(desk, 0)
    assert desk.rows("SELECT symbol, reason FROM nightdesk.quarantine") == [("QQQ", "busy")]
    [(held,)] = desk.rows("SELECT quarantined FROM nightdesk.session_quality")
    book = load_book(desk.book)
    panel = read_market(book, date(2021, 3, 1), session(0), [desk.feed]).panel
    quarantined = examine(panel, book).quarantined[-1]
    assert held == [symbol for symbol, one in zip(panel.symbols, quarantined, strict=True) if one] == ["QQQ"]
    assert "QQQ" not in str(desk.rows("SELECT symbol FROM nightdesk.orders"))
    [(words,)] = desk.rows("SELECT detail FROM nightdesk.quality_runs WHERE outcome = 'quarantined'")
    assert "busy: volume is" in str(words)
