"""Kept backtests: listed, shown one by one, and set side by side."""

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from html import unescape

import pytest
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import SMALL, TWOFOLD
from tests.cockpit.own_desk import OwnDesk
from tests.conftest import open_connection
from tests.engine.desks import book

from nightdesk.cockpit import backtests_page
from nightdesk.store.backtest_rows import (
    BacktestAsked,
    BacktestSeries,
    begin_backtest,
    fail_backtest,
    finish_backtest,
)
from nightdesk.store.trial_rows import TriedSet, add_trials

DAYS = [date(2021, 1, 4), date(2021, 1, 5), date(2021, 1, 6)]
FIGURES = {
    "total_return": 0.1234, "annual_return": 0.2, "benchmark_total_return": -0.05, "sharpe": 1.5,
    "max_drawdown": 0.0789, "final_nav": 112340.0, "orders": 1234, "calmar": None,
    "targets": {"sharpe": {"value": 1.5, "outcome": "<met>", "above": 1, "below": None, "acceptable": 0.5,
                           "beyond_the_range": False}},
}  # fmt: skip


def keep(
    desk: OwnDesk, of: str = SMALL, *, state: str = "done", days: list[date] = DAYS, **changed: object
) -> int:
    """Keep a backtest whose NAV grows by 10 % a session, and give its number."""
    asked = BacktestAsked(
        book=of,
        by="ann",
        first=days[0],
        last=days[-1],
        capital=Decimal(100_000),
        config_hash="a" * 64,
        code_version="1.0",
        document=changed.pop("document", "")
        or json.dumps({"name": of, "limits": {"trades": changed.pop("trades", 5)}}),
        note=str(changed.pop("note", "")),
        run=str(changed.pop("run", "")),
    )
    with open_connection(desk.desk.url) as conn:
        number = begin_backtest(conn, asked)
        if state == "failed":
            fail_backtest(conn, number, "the feed <files> has no bars")
        if state == "done":
            dollars = [100_000 * 1.1**n for n in range(len(days))]
            series = [
                BacktestSeries("nav", "", days, dollars),
                BacktestSeries("benchmark", "", days, [float("nan"), *dollars[1:]]),
                BacktestSeries("strategy", "trend", days, [0.0, *(one - 100_000 for one in dollars[1:])]),
            ]
            finish_backtest(conn, number, figures={**FIGURES, **changed}, series=series, sources=["files"])
    return number


def listed(page: str) -> list[int]:
    return [int(one) for one in re.findall(r'<td class="num"><a href="/cockpit/backtests/(\d+)">', page)]


def islands(page: str) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(one) for one in re.findall(r'<script type="application/json">(.*?)</script>', page)]


def test_a_desk_that_has_kept_none(browser: TestClient, empty_browser: TestClient) -> None:
    assert "No backtest was kept." in empty_browser.get("/backtests").text
    assert 'href="/dags/research__backtest"' in empty_browser.get("/backtests").text


def test_the_list_has_the_newest_first_with_figures_notes_and_failures(own_desk: OwnDesk) -> None:
    done = keep(own_desk, note="with <b>care</b>")
    failed = keep(own_desk, TWOFOLD, state="failed")
    running = keep(own_desk, TWOFOLD, state="running")
    page = own_desk.page("/backtests")
    assert listed(page) == [running, failed, done]
    for words in ("+12.34 %", "+20.00 %", "1.50", "7.89 %", "with &lt;b&gt;care&lt;/b&gt;", "&lt;files&gt;"):
        assert words in page
    assert re.findall(r'name="compare" value="(\d+)"', page) == [f"{done}"]
    assert listed(own_desk.page("/backtests", book=TWOFOLD)) == [running, failed]


def test_pages_show_each_once(own_desk: OwnDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtests_page, "ROWS_A_PAGE", 2)
    kept = [keep(own_desk, state="running") for _ in range(5)]
    seen, path = [], "/backtests"
    while path:
        page = own_desk.page(path)
        seen += listed(page)
        older = re.search(r'<a href="([^"]+)">Older</a>', page)
        path = unescape(older[1]).removeprefix("/cockpit") if older else ""
    assert seen == kept[::-1]


def test_one_shows_its_figures_course_strategies_and_targets(own_desk: OwnDesk) -> None:
    number = keep(own_desk, run="research__backtest/manual__1", note="why")
    page = own_desk.page(f"/backtests/{number}")
    nav, strategies = islands(page)
    assert [one["label"] for one in nav["series"]] == ["NAV", "benchmark"]
    assert nav["series"][0]["values"] == [pytest.approx(value) for value in (100_000, 110_000, 121_000)]
    assert nav["series"][1]["values"][0] is None
    assert [one["label"] for one in strategies["series"]] == ["trend"]
    for words in ("$112,340.00", "1,234", "&lt;met&gt;", "why", "/dags/research__backtest/runs/manual__1"):
        assert words in page
    assert "calmar" not in page
    assert "sets tried" not in page, "nobody has counted any"


def test_how_often_the_book_was_tried_stands_beside_its_sharpe_ratio(own_desk: OwnDesk) -> None:
    days = [date(2022, 1, 3) + timedelta(days=n) for n in range(40)]
    number = keep(own_desk, days=days)
    with open_connection(own_desk.desk.url) as conn:
        add_trials(conn, [tried(sharpe, f"{n}") for n, sharpe in enumerate((0.1, 0.3, -0.2))])
    page = own_desk.page(f"/backtests/{number}")
    assert "sets tried of the book" in page
    assert "deflated Sharpe ratio" in page


def tried(sharpe: float, rules: str) -> TriedSet:
    """A trial of the small book."""
    return TriedSet(
        kind="sweep", book=SMALL, asked_by="ann", config_hash=rules * 64, rules_hash=rules * 64,
        code_version="1.0", bars_hash="b" * 64, first=date(2022, 1, 3), last=date(2022, 3, 1), feed="files",
        sessions=40, sharpe=sharpe, annual_sharpe=sharpe * 16, skewness=0.0, kurtosis=3.0,
    )  # fmt: skip


def test_the_tear_sheet_of_one_is_a_page_of_its_own(own_desk: OwnDesk) -> None:
    """Also of one whose figures were kept before there were all of today's."""
    number = keep(own_desk, document=book(title="<Two>").document, targets={}, benchmark="SPY")
    assert f'<a href="/cockpit/backtests/{number}/sheet">its tear sheet</a>' in own_desk.page(
        f"/backtests/{number}"
    )
    assert own_desk.page("/backtests").count(f'href="/cockpit/backtests/{number}/sheet"') == 1
    answer = own_desk.browser.get(f"/backtests/{number}/sheet")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "<h1>&lt;Two&gt;</h1>" in answer.text
    assert "+12.34 %" in answer.text
    own_desk.page(f"/backtests/{number + 1}/sheet", 404)
    assert "is running" in own_desk.page(f"/backtests/{keep(own_desk, state='running')}/sheet", 409)


def test_one_that_failed_or_runs_says_so(own_desk: OwnDesk) -> None:
    failed, running = keep(own_desk, state="failed"), keep(own_desk, state="running")
    assert "the feed &lt;files&gt; has no bars" in own_desk.page(f"/backtests/{failed}")
    assert "It is under way" in own_desk.page(f"/backtests/{running}")


def test_two_are_set_side_by_side_over_all_their_sessions(own_desk: OwnDesk) -> None:
    later = [date(2021, 1, 6), date(2021, 1, 7)]
    first, second = keep(own_desk), keep(own_desk, days=later, trades=8, sharpe=0.25, final_nav=1.0)
    page = own_desk.page(f"/backtests?compare={first}&compare={second}")
    (chart,) = islands(page)
    assert len(chart["x"]) == 4
    one, other = chart["series"]
    assert one["values"] == [0, pytest.approx(0.1), pytest.approx(0.21), None]
    assert other["values"] == [None, None, 0, pytest.approx(0.1)]
    assert one["tone"] != other["tone"]
    assert '<th scope="row">sharpe</th><td class="num">1.50</td><td class="num">0.25</td>' in page
    assert '<th scope="row">limits.trades</th><td class="num">5</td><td class="num">8</td>' in page
    assert '<th scope="row">from</th><td class="num">2021-01-04</td><td class="num">2021-01-06</td>' in page
    assert page.count(" checked>") == 2


def test_alike_ones_differ_in_nothing(own_desk: OwnDesk) -> None:
    first, second = keep(own_desk), keep(own_desk)
    assert "They were made with the same" in own_desk.page(f"/backtests?compare={first}&compare={second}")


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ("compare=1", 404, "There is no kept backtest 1."),
        ("compare=1&compare=2", 404, "There is no kept backtest"),
        ("compare=x", 409, "expected the number of a kept backtest"),
        ("before=²", 409, "expected the number of a kept backtest"),
    ],
)
def test_what_cannot_be_compared(browser: TestClient, asked: str, status: int, words: str) -> None:
    answer = browser.get(f"/backtests?{asked}")
    assert answer.status_code == status
    assert words in unescape(answer.text)


def test_one_alone_and_too_many_are_refused(own_desk: OwnDesk) -> None:
    kept = [keep(own_desk, state="running") for _ in range(9)]
    for some in (kept[:1], kept):
        answer = own_desk.browser.get("/backtests?" + "&".join(f"compare={one}" for one in some))
        assert answer.status_code == 409
        assert "name 2 to 8 of them" in answer.text


def test_those_of_a_hidden_book_are_not_shown_or_compared(own_desk: OwnDesk, door: Door) -> None:
    mine, other = keep(own_desk), keep(own_desk, TWOFOLD)
    door.hidden.add(TWOFOLD)
    assert listed(own_desk.page("/backtests")) == [mine]
    own_desk.page(f"/backtests/{other}", 404)
    own_desk.page(f"/backtests?compare={mine}&compare={other}", 404)
    assert own_desk.browser.get("/backtests/none").status_code == 409
    assert own_desk.browser.get("/backtests", params={"book": TWOFOLD}).status_code == 403
