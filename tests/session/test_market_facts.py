"""Facts beside prices in the day's run: decided by as they were known, and what happens when they fail."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import yaml
from tests.conftest import open_connection
from tests.parity.checks import same_sessions
from tests.session.facts_desk import GOLD, HEADERS, FactsDesk, new_york
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.facts import FACT_KINDS, FactKind
from nightdesk.core.releases import cot_release
from nightdesk.factors import compute
from nightdesk.feeds.fact_feed import FACT_SOURCES, FetchedFacts
from nightdesk.feeds.fact_files import FilesFacts
from nightdesk.feeds.feed import Fault, Missing
from nightdesk.operations.replay import rewind
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session import steps
from nightdesk.session.books import read_book
from nightdesk.store.fact_rows import table_of

NAMES = (
    "macro_DGS10",
    "macro_CPIAUCSL",
    "positioning_ratio",
    "positioning_percentile",
    "sessions_to_earnings",
    "sessions_since_earnings",
    "quoted_spread",
)


@pytest.fixture
def facts(desk: SmallDesk) -> FactsDesk:
    return FactsDesk(desk)


def count(facts: FactsDesk, kind: str) -> int:
    [(found,)] = facts.desk.rows(f"SELECT count(*) FROM nightdesk.{table_of(FACT_KINDS[kind])}")
    return int(found)  # type: ignore[call-overload]


def test_the_steps_and_the_backtest_decide_the_same_by_facts_to_the_cent(facts: FactsDesk) -> None:
    """Ten sessions of a book of written rules, with releases and a report among them."""
    for number in range(10):
        counts = facts.desk.run(number)["ingest"]
        assert not {"facts_failed", "missing_facts", "dropped_facts"} & set(counts)
    book = load_book(facts.desk.book)
    with facts.desk.at(9) as context:
        market = read_market(book, context.record.origin, session(9))
        stored = context.panel().facts
        assert set(stored) == set(NAMES)
        for name in NAMES:
            np.testing.assert_array_equal(stored[name], market.panel.facts[name], err_msg=name)
    values = compute(market.panel, NAMES, benchmark=book.benchmark, universe=len(book.symbols))
    for number in range(10):
        row = len(market.panel) - 10 + number
        for name in NAMES:
            found = facts.factor(number, name)
            here = dict(zip(market.panel.symbols, values[name][row].tolist(), strict=True))
            assert found == {symbol: one for symbol, one in here.items() if np.isfinite(one)}, (number, name)
    result = backtest(book, market.panel, session(0), session(9))
    with open_connection(facts.desk.url) as conn:
        same_sessions(result, conn)
    spoken = result.market.signals["by_facts"].direction[-10:]
    assert (spoken > 0).any()
    assert (spoken < 0).any()
    assert sum(len(one.fills) for one in result.decided) >= 5, "a parity without trades shows nothing"
    for name in NAMES:
        assert np.isfinite(values[name][-10:]).any(), f"{name} says nothing"
    assert facts.factor(5, "sessions_to_earnings") == {"QQQ": 1}
    assert facts.factor(7, "sessions_since_earnings") == {"QQQ": 1}


def test_a_report_of_tuesday_is_read_from_friday_on(facts: FactsDesk) -> None:
    tuesday = date(2022, 3, 1)  # the book's first session
    [line] = [one for one in facts.lines["positioning"] if one[1] == str(tuesday)]
    ratio = (int(line[2]) - 400) / 1000
    assert cot_release(tuesday).date() == session(3)
    for number in range(4):
        facts.desk.run(number)
        assert (facts.factor(number, "positioning_ratio") == {"GLD": ratio}) == (number == 3)


def test_the_same_files_again_write_nothing_and_move_nothing(facts: FactsDesk) -> None:
    facts.desk.run_steps(0, "ingest", "factors")
    before = {kind: count(facts, kind) for kind in HEADERS}
    known_by = facts.desk.rows("SELECT known_by FROM nightdesk.runs")
    with facts.desk.at(0) as context:
        again = steps.ingest(context)
    assert again["new_facts"] == again["corrected_facts"] == 0
    assert {kind: count(facts, kind) for kind in HEADERS} == before
    assert facts.desk.rows("SELECT known_by FROM nightdesk.runs") == known_by
    assert min(before.values()) > 1
    facts.desk.run_steps(0, "quality", "close")
    second = facts.desk.run(1)["ingest"]
    assert 0 < int(second["facts"]) < 60, "only the last sessions are asked for again"


def test_a_correction_is_a_version_and_changes_no_session_that_was_decided(facts: FactsDesk) -> None:
    facts.desk.run(0)
    before = {name: facts.factor(0, name) for name in NAMES}
    signals = facts.desk.rows("SELECT symbol, direction FROM nightdesk.signals ORDER BY 1")
    rows = [row for row in facts.lines["macro"] if row[0] == "DGS10" and row[1] <= str(session(-2))]
    rows[-1][2] = "9.99"  # rewritten in place: known at the same instant, with another value
    facts.write()
    facts.desk.run(1)
    assert facts.desk.rows("SELECT value FROM nightdesk.macro WHERE value = 9.99") == [(9.99,)]
    assert (
        len(
            facts.desk.rows("SELECT FROM nightdesk.macro WHERE series = 'DGS10' AND period = %s", rows[-1][1])
        )
        == 2
    )
    with facts.desk.at(0) as context:
        for name in ("ingest", "factors"):
            assert getattr(steps, name)(context)["differs"] == 0
        assert steps.signals(context, "by_facts")["differs"] == 0
        assert context.panel().facts["macro_DGS10"][-1, 0] == before["macro_DGS10"]["SPY"] != 9.99
    assert {name: facts.factor(0, name) for name in NAMES} == before
    assert facts.factor(1, "macro_DGS10@1")["SPY"] == 9.99, "the next session knows better of the one before"
    with facts.desk.at(0) as context:
        rewind(context)
    facts.desk.run(0)
    assert facts.factor(0, "macro_DGS10")["SPY"] == 9.99
    assert len(signals) == 5


def test_a_session_that_is_open_yet_reads_what_came_in_between(facts: FactsDesk) -> None:
    facts.desk.run_steps(0, "ingest", "factors")
    before = facts.desk.rows("SELECT known_by FROM nightdesk.runs")
    close = get_calendar().close_at(session(0))
    facts.add("macro", "CPIAUCSL", date(2022, 2, 1), 300, (close + timedelta(minutes=31)).isoformat())
    with facts.desk.at(0) as context:
        steps.ingest(context)
    assert facts.desk.rows("SELECT known_by FROM nightdesk.runs") == before, (
        "known too late for this decision"
    )
    facts.add("macro", "CPIAUCSL", date(2022, 2, 1), 301, (close + timedelta(minutes=30)).isoformat())
    facts.desk.run_steps(0, "ingest", "factors")
    assert facts.desk.rows("SELECT known_by FROM nightdesk.runs") != before
    assert facts.factor(0, "macro_CPIAUCSL")["SPY"] == 301


def test_a_dry_run_decides_by_the_facts_of_now(facts: FactsDesk) -> None:
    facts.desk.run(0)
    with facts.desk.at(1, dry_run=True) as context:
        counts = steps.run_session(context)
    assert counts["factors"]["factors"] > 0
    assert facts.factor(1, "macro_DGS10") == {}, "nothing of a dry run stays"
    [(newest,)] = facts.desk.rows("SELECT max(session) FROM nightdesk.quotes_eod")
    assert newest == session(1), "but the market's facts, which are facts"


@pytest.mark.parametrize("how", ["malformed", "gone", "unmade"])
def test_facts_that_fail_stop_no_session_and_are_told(facts: FactsDesk, how: str) -> None:
    facts.desk.run(0)
    path = facts.folder / "macro.csv"
    lines = path.read_text().splitlines()
    if how == "malformed":
        path.write_text("\n".join([*lines[:5], "DGS10,2022-03-01,low,", *lines[6:]]))
    else:
        path.unlink()
    if how == "unmade":
        facts.folder.rename(facts.folder.parent / "moved")
    done = facts.desk.run(1)
    words = {
        "malformed": r"macro.csv:6:value: found 'low', expected a number",
        "gone": "found neither macro.csv nor macro.csv.gz",
        "unmade": "there is no such file",
    }[how]
    assert words in str(done["ingest"]["facts_failed"])
    assert "macro DGS10" in str(done["ingest"]["missing_facts"])
    notes = facts.desk.rows(
        "SELECT subject, detail FROM nightdesk.ingest_notes WHERE kind = 'no_facts' AND session = %s",
        session(1),
    )
    assert {str(subject) for subject, _ in notes} >= {"macro CPIAUCSL", "macro DGS10"}
    assert all(words in str(detail) for subject, detail in notes if str(subject).startswith("macro"))
    [(page,)] = facts.desk.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(1))
    assert "No facts of macro DGS10" in str(page)
    [(error,)] = facts.desk.rows("SELECT last_error FROM nightdesk.feed_health WHERE source = 'macro:files'")
    assert words in str(error)
    # What is known already still counts; what was missed is asked for again.
    assert facts.factor(1, "macro_DGS10") != {}
    if how == "unmade":
        (facts.folder.parent / "moved").rename(facts.folder)
    facts.write()
    healed = facts.desk.run(2)["ingest"]
    assert "facts_failed" not in healed
    assert facts.desk.rows("SELECT FROM nightdesk.macro WHERE series = 'DGS10' AND period = %s", session(0))


def test_a_second_source_is_asked_for_what_the_first_does_not_have(facts: FactsDesk, tmp_path: Path) -> None:
    other = tmp_path / "cpi.csv"
    with other.open("w", newline="") as file:
        rows = [row for row in facts.lines["macro"] if row[0] == "CPIAUCSL"]
        csv.writer(file).writerows([[*HEADERS["macro"], "source"], *([*row, "bls"] for row in rows)])
    facts.lines["macro"] = [row for row in facts.lines["macro"] if row[0] == "DGS10"]
    facts.write()
    tree = yaml.safe_load(facts.desk.book.read_text())
    feeds = {**tree["feeds"], "macro": [f"files:{facts.folder}", f"files:{other}"]}
    facts.change_book(feeds=feeds)
    counts = facts.desk.run(0)["ingest"]
    assert "missing_facts" not in counts
    found = facts.desk.rows("SELECT DISTINCT series, source FROM nightdesk.macro ORDER BY 1")
    assert found == [("CPIAUCSL", "bls"), ("DGS10", "files")]


class FlakyFacts(FilesFacts):
    """Files of facts behind a line that fails for some subjects."""

    name = "flaky_of_tests"
    failing: ClassVar[set[str]] = set()

    def fetch(self, kind: FactKind, subjects: Sequence[str], first: date, last: date) -> FetchedFacts:
        found = super().fetch(kind, [one for one in subjects if one not in self.failing], first, last)
        lost = [one for one in subjects if one in self.failing]
        return replace(
            found, missing={**found.missing, **dict.fromkeys(lost, Missing("HTTP 500", Fault.PASSING))}
        )


FACT_SOURCES.add("flaky_of_tests:PATH", lambda path, environ, now: FlakyFacts(Path(path), now=now))


def test_a_gap_of_a_source_that_failed_for_weeks_is_closed(facts: FactsDesk) -> None:
    """One series that came well does not hide what another has missed meanwhile."""
    tree = yaml.safe_load(facts.desk.book.read_text())
    facts.change_book(feeds={**tree["feeds"], "macro": [f"flaky_of_tests:{facts.folder}"]})
    for number in (0, 14, 15):
        FlakyFacts.failing = {"DGS10"} if number == 14 else set()
        with facts.desk.at(number) as context:
            counts = steps.ingest(context)
        assert ("DGS10: HTTP 500" in str(counts.get("facts_failed"))) == (number == 14)
    found = facts.desk.rows(
        "SELECT period FROM nightdesk.macro WHERE series = 'DGS10' AND period > %s ORDER BY 1", session(0)
    )
    assert [day for (day,) in found] == [session(number) for number in range(1, 16)]


def test_a_series_that_one_source_refuses_is_not_asked_for_its_history_every_day(
    facts: FactsDesk, tmp_path: Path
) -> None:
    other = tmp_path / "cpi.csv"
    with other.open("w", newline="") as file:
        rows = [row for row in facts.lines["macro"] if row[0] == "CPIAUCSL"]
        csv.writer(file).writerows([HEADERS["macro"], *rows])
    facts.lines["macro"] = [[*row[:3], ""] for row in facts.lines["macro"]]
    facts.write()
    tree = yaml.safe_load(facts.desk.book.read_text())
    feeds = {**tree["feeds"], "macro": [f"files:{facts.folder}", f"files:{other}"]}
    facts.change_book(feeds=feeds)
    first = facts.desk.run(0)["ingest"]
    assert "CPIAUCSL is a series that is revised" in str(first["facts_failed"])
    assert "missing_facts" not in first
    assert facts.factor(0, "macro_CPIAUCSL") != {}
    second = facts.desk.run(1)["ingest"]
    assert int(second["facts"]) < 60 < int(first["facts"])


def test_a_series_that_is_added_later_brings_its_history(facts: FactsDesk) -> None:
    facts.change_book(macro={"series": ["DGS10"]}, strategies=without_inflation(facts))
    facts.desk.run(0)
    assert facts.desk.rows("SELECT FROM nightdesk.macro WHERE series = 'CPIAUCSL'") == []
    facts.change_book(macro={"series": ["DGS10", "CPIAUCSL"]})
    facts.desk.run(1)
    assert len(facts.desk.rows("SELECT FROM nightdesk.macro WHERE series = 'CPIAUCSL'")) > 12


def without_inflation(facts: FactsDesk) -> dict[str, object]:
    strategies = yaml.safe_load(facts.desk.book.read_text())["strategies"]
    entry = strategies["by_facts"]
    entry["params"]["enter"][0] = "macro_DGS10 > macro_DGS10@1"
    return {"by_facts": entry}


def test_a_sealed_session_fetches_nothing(facts: FactsDesk) -> None:
    facts.desk.run(0)
    before = count(facts, "macro")
    facts.add("macro", "CPIAUCSL", date(2022, 1, 1), 300, new_york(session(-1), "12:00").isoformat())
    assert "facts" not in facts.desk.run(0)["ingest"]
    assert count(facts, "macro") == before


def test_what_is_missing_is_told_with_the_reason_and_a_book_without_facts_asks_nothing(
    facts: FactsDesk, desk: SmallDesk
) -> None:
    facts.lines["positioning"] = [["000000", str(session(-3)), "1", "1", "1"]]
    facts.write()
    counts = facts.desk.run(0)["ingest"]
    assert counts["missing_facts"] == f"positioning {GOLD}"
    assert "facts_failed" not in counts
    facts.change_book(feeds={"daily": [desk.feed]}, macro={}, positioning={}, strategies=plain())
    with desk.at(1) as context:
        assert not {"facts", "new_facts"} & set(steps.ingest(context))


def plain() -> dict[str, object]:
    return {"time_series_momentum": {"share": 1.0}}


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({"macro": ["fliles:x"]}, r"small.yaml: feeds.macro: there is no source of facts 'fliles:x'"),
        ({"macro": ["files:/nowhere"]}, r"feeds.macro: files:/nowhere: there is no such file"),
        ({"macro": ["files"]}, r"feeds.macro: source of facts 'files' lacks its PATH"),
    ],
)
def test_a_book_with_a_wrong_source_is_refused(
    facts: FactsDesk, feeds: dict[str, list[str]], words: str
) -> None:
    assert read_book(facts.desk.book).macro.series == ("DGS10", "CPIAUCSL")
    tree = yaml.safe_load(facts.desk.book.read_text())
    facts.change_book(feeds={**tree["feeds"], **feeds})
    with pytest.raises(Refused, match=words):
        read_book(facts.desk.book)
