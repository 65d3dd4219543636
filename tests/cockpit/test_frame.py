"""What every page of the cockpit carries along, and how a fault is told."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import BROKEN, SMALL, TWOFOLD, WAITING, DecidedDesk

from nightdesk.cockpit import web_app
from nightdesk.cockpit.charts import Candle, CandleChart, ChartMark, LineChart, Series, as_island

HTML = {"accept": "text/html"}


def test_the_overview_tells_of_every_book(browser: TestClient) -> None:
    page = browser.get("/").text
    for name in (SMALL, TWOFOLD, WAITING, BROKEN):
        assert name in page
    assert "Two &lt;strategies&gt; &amp; accounts" in page
    assert "STOPPED since" in page
    assert "a &lt;b&gt;drill&lt;/b&gt;" in page
    assert "unheard" in page
    card = browser.get("/card").json()
    assert [one["name"] for one in card["books"]] == [SMALL, TWOFOLD] or len(card["books"]) == 2


def test_an_empty_desk(empty_browser: TestClient) -> None:
    assert "No book is started yet" in empty_browser.get("/").text
    assert empty_browser.get("/card").json()["words"] == "No book is started yet."
    assert "Nothing was done" in empty_browser.get("/actions").text


def test_headers(browser: TestClient) -> None:
    for path in ("/", "/actions", "/nothing", "/static/cockpit.css"):
        headers = browser.get(path, headers=HTML).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert browser.get("/").headers["cache-control"] == "no-store"


def test_nothing_comes_from_elsewhere(browser: TestClient) -> None:
    """No address of another host is loaded, and nothing runs or is styled in the page itself."""
    static = Path(web_app.STATIC)
    own = [
        one.read_text()
        for one in static.glob("*")
        if "uplot" not in one.name and "lightweight" not in one.name
    ]
    for text in (*own, browser.get("/").text, browser.get("/actions/kill").text):
        loaded = re.findall(r"(?:src|href|import|fetch)\s*[=(]\s*[\"'](https?:)?//", text)
        assert loaded == []
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text)
        assert not re.search(r"<[^>]+ (style|on\w+)=", text)


def test_pictures_stay_light() -> None:
    """A page's libraries and own files are under 150 KB as they travel."""
    import gzip

    static = Path(web_app.STATIC)
    files = [one for one in static.iterdir() if one.suffix in (".js", ".css")]
    assert sum(len(gzip.compress(one.read_bytes())) for one in files) < 150_000


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/books/nobody", 404, "small, twofold"),
        ("/static/nothing.js", 404, "There is no such file"),
        ("/actions/fly", 404, "There is no action &#39;fly&#39;"),
        ("/actions?before=yesterday", 409, "expected an instant"),
        ("/dag", 400, "dag_id"),
        ("/nothing", 404, "The cockpit has no such page."),
        ("/symbols/A%00B", 400, "a character that no name has"),
        ("/alerts?book=%00", 400, "a character that no name has"),
        ("/alerts?book=nobody", 404, "There is no book &#39;nobody&#39;"),
        ("/actions?book=nobody", 404, "small, twofold"),
    ],
)
def test_faults_are_told_in_words(browser: TestClient, path: str, status: int, words: str) -> None:
    answer = browser.get(path, headers=HTML)
    assert answer.status_code == status
    assert words in answer.text


def test_an_expired_login(browser: TestClient, door: Door) -> None:
    door.name = ""
    answer = browser.get("/", headers=HTML)
    assert answer.status_code == 401
    assert "Your login has expired" in answer.text


def test_the_database_is_away(
    cockpit_of: Callable[[DecidedDesk], TestClient],
    decided_desk: DecidedDesk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser = cockpit_of(decided_desk)
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "postgresql://ann:hidden-word@127.0.0.1:1/none")
    answer = browser.get("/", headers=HTML)
    assert answer.status_code == 503
    assert "hidden-word" not in answer.text


def test_an_island_cannot_be_left() -> None:
    text = as_island({"words": "</script><script>alert(1)</script>&"})
    assert "<" not in text
    assert "&" not in text


def test_pictures_in_words() -> None:
    from datetime import date

    days = [date(2026, 11, 19), date(2026, 11, 20)]
    chart = LineChart("nav", "Value", days, (Series("book", [100.0, float("nan")]),), unit="money")
    assert '"values":[100.0,null]' in chart.data
    assert "first $100.00, last $100.00" in chart.summary
    assert LineChart("nav", "Value", days[:1], (Series("book", [1.0]),)).is_empty
    marked = LineChart(
        "z",
        "z",
        days,
        (Series("z", [1.0, 2.0]),),
        marks=(ChartMark(days[1], "exit", "<out>"), ChartMark(date(1999, 1, 4), "entry", "before")),
        shows=(-3.0, 3.0),
    )
    drawn = json.loads(marked.data)
    assert drawn["marks"] == [{"at": 1, "kind": "exit", "words": "<out>", "short": False}]
    assert drawn["shows"] == [-3.0, 3.0]
    assert "<" not in marked.data
    candles = CandleChart(
        "bars", "AAA", [Candle(days[0], 1, 2, 0.5, 1.5), Candle(days[1], *(float("nan"),) * 4)],
        marks=(ChartMark(days[0], "entry", "bought <10>"),),
    )  # fmt: skip
    assert candles.data.count('"open"') == 1
    assert "\\u003c10\\u003e" in candles.data
    assert "1 marks" in candles.summary
