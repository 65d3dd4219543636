"""The page of the data, and the versions of a bar."""

import re
from datetime import timedelta
from html import unescape

import pytest
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import DECIDED, SMALL, TWOFOLD, session
from tests.cockpit.own_desk import OwnDesk
from tests.conftest import open_connection

from nightdesk.cockpit import data_page
from nightdesk.store.cockpit_data_rows import open_quarantines, past_quarantines

QUARANTINE = (
    "UPDATE nightdesk.quality_runs SET outcome = 'quarantined', value = 0.4312, limit_value = 0.2, "
    "detail = 'a jump of <43 %%>' WHERE book = %(book)s AND symbol = %(symbol)s AND check_name = "
    "'price_jump' "
    "AND session = ANY (%(days)s::date[])"
)


def quarantine(desk: OwnDesk, book: str, symbol: str, *numbers: int) -> None:
    desk.run(QUARANTINE, book=book, symbol=symbol, days=[session(n) for n in numbers])


def test_a_desk_without_trouble_says_so(browser: TestClient) -> None:
    page = browser.get("/data").text
    for words in (
        "Nothing is in quarantine.", "Nothing was left out.", "No book reads facts or headlines.",
        "Nothing was ever in quarantine.",
    ):  # fmt: skip
        assert words in page
    assert "files" in page
    assert "healthy" in page


def test_an_empty_desk(empty_browser: TestClient) -> None:
    page = empty_browser.get("/data").text
    assert "No source was asked yet." in page
    assert "No book has fetched anything yet." in page


def test_what_is_held_back_comes_first_with_its_numbers_and_since_when(own_desk: OwnDesk) -> None:
    last = DECIDED - 1
    quarantine(
        own_desk, TWOFOLD, "TLT", 1, 2, last - 1, last
    )  # mended between, so it is since the day before
    quarantine(own_desk, TWOFOLD, "QQQ", last - 2, last - 1, last)
    quarantine(own_desk, SMALL, "SPY", 2, 3)
    with open_connection(own_desk.desk.url) as conn:
        found = open_quarantines(conn, (SMALL, TWOFOLD))
        past = past_quarantines(conn, (SMALL, TWOFOLD), rows=100)
    assert [(one.book, one.symbol, one.since, one.session) for one in found] == [
        (TWOFOLD, "QQQ", session(last - 2), session(last)),
        (TWOFOLD, "TLT", session(last - 1), session(last)),
    ]
    (finding,) = found[0].findings
    assert (finding.check_name, finding.value, finding.limit_value) == ("price_jump", 0.4312, 0.2)
    assert len(past) == 9
    page = own_desk.page("/data")
    assert "a jump of &lt;43 %&gt;" in page
    assert page.index("QQQ") < page.index("TLT")
    address = f"/cockpit/actions/accept?book={TWOFOLD}&symbol=QQQ&session={session(last - 2)}"
    assert address in unescape(page)
    of_small = own_desk.page("/data", book=SMALL)
    assert "Nothing is in quarantine." in of_small
    assert "SPY" in of_small
    assert "TLT" not in of_small


def test_past_quarantines_are_paged_by_whole_decisions(
    own_desk: OwnDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_page, "ROWS_A_PAGE", 2)
    for symbol in ("SPY", "QQQ", "TLT"):
        quarantine(own_desk, SMALL, symbol, 0, 1, 2)
    pattern = rf'data/bars/([A-Z]+)/({session(0).year}-[0-9-]+)">\2</a></th>'
    seen, path = [], "/data"
    while path:
        page = own_desk.page(path)
        found = re.findall(pattern, page)
        assert len({day for _, day in found}) == 1
        seen += found
        older = re.search(r'<a href="([^"]+)">Older</a>', page)
        path = unescape(older[1]).removeprefix("/cockpit") if older else ""
        if len(seen) >= 9:
            break
    assert seen == [(symbol, f"{session(n)}") for n in (2, 1, 0) for symbol in ("QQQ", "SPY", "TLT")]


def test_sources_say_how_they_fare_and_for_how_long_they_are_silent(own_desk: OwnDesk) -> None:
    own_desk.run(
        "INSERT INTO nightdesk.feed_health VALUES "
        "('open-one', 6, now(), now() - interval '3 days', now(), 'HTTP 429 <slow down>'), "
        "('half', 6, now() - interval '5 minutes', NULL, now(), 'timed out'), "
        "('weak', 1, NULL, now() - interval '2 hours', now(), '')"
    )
    page = own_desk.page("/data")
    rows = re.findall(
        r'<tr><th scope="row">([\w-]+)</th><td><span class="light (\w+)">([\w ]+)</span></td><td>([\w ]+)<',
        page,
    )
    assert rows == [
        ("open-one", "loss", "open circuit", "open"),
        ("half", "warn", "degraded", "half open"),
        ("weak", "warn", "degraded", "closed"),
        ("files", "gain", "healthy", "closed"),
    ]
    assert "HTTP 429 &lt;slow down&gt;" in page
    assert "3 days ago" in page
    assert "2.0 h ago" in page


def test_the_newest_ingest_says_how_long_it_took_and_what_it_left_out(own_desk: OwnDesk) -> None:
    own_desk.run(
        "UPDATE nightdesk.run_steps SET started_at = as_of + interval '31 minutes', ended_at = as_of "
        "+ interval '32 minutes' "
        "WHERE step = 'ingest' AND book = %(book)s AND session = %(day)s",
        book=TWOFOLD,
        day=session(DECIDED - 1),
    )
    own_desk.run(
        "INSERT INTO nightdesk.ingest_notes (book, session, kind, subject, rows, detail, as_of) "
        "SELECT book, session, 'dropped', 'a price of 0', 7, '', as_of FROM nightdesk.runs "
        "WHERE book = %(book)s AND session = %(day)s",
        book=TWOFOLD,
        day=session(DECIDED - 1),
    )
    page = own_desk.page("/data", book=TWOFOLD)
    assert '<td class="num">60 s</td><td class="num">32 min</td>' in page
    assert "a price of 0" in page
    assert "a price of 0" not in own_desk.page("/data", book=SMALL)


def test_facts_and_headlines_say_up_to_when_they_came(own_desk: OwnDesk) -> None:
    own_desk.run(
        "INSERT INTO nightdesk.fact_reach VALUES (%(book)s, 'macro', 'fred', 'CPIAUCSL', "
        "'2020-01-01', '2022-02-01'), "
        "(%(book)s, 'macro', 'fred', 'DGS10', '2020-01-01', '2022-03-10')",
        book=SMALL,
    )
    own_desk.run(
        "INSERT INTO nightdesk.news_reach VALUES (%(book)s, 'rss:wire#abc', now(), now(), '{}')", book=SMALL
    )
    page = own_desk.page("/data")
    assert "<td>2022-02-01</td><td>2022-03-10</td>" in page
    assert "CPIAUCSL" in page
    assert "rss:wire<" in page


def test_a_hidden_book_is_left_out(own_desk: OwnDesk, door: Door) -> None:
    quarantine(own_desk, TWOFOLD, "QQQ", DECIDED - 1)
    assert "QQQ" in own_desk.page("/data")
    door.hidden.add(TWOFOLD)
    page = own_desk.page("/data")
    assert TWOFOLD not in page
    assert "QQQ" not in page
    assert own_desk.browser.get("/data", params={"book": TWOFOLD}).status_code == 403


def test_an_instant_that_is_none_is_refused(browser: TestClient) -> None:
    for text in ("yesterday", "2022-03-01", "9" * 5000):
        answer = browser.get("/data", params={"before": text})
        assert answer.status_code == 409
        assert "expected an instant" in answer.text


def test_every_version_of_a_bar_with_the_decisions_that_saw_it(own_desk: OwnDesk) -> None:
    """The bar of session 2 was corrected between the decisions of sessions 4 and 5."""
    own_desk.run(
        "UPDATE nightdesk.runs SET known_by = as_of + interval '30 minutes' WHERE known_by IS NOT NULL"
    )
    own_desk.run(
        "UPDATE nightdesk.bars SET known_at = %(fixed)s, close = 222.22 WHERE session = %(day)s AND "
        "symbol_id = "
        "(SELECT symbol_id FROM nightdesk.symbols WHERE symbol = 'GLD')",
        day=session(2),
        fixed=f"{session(4) + timedelta(days=1)} 02:00+00",
    )
    own_desk.run(
        "INSERT INTO nightdesk.bars SELECT symbol_id, session, %(first)s, known_at, 'vendor <a>', "
        "open, high, low, 111.11, "
        "'NaN', 1 FROM nightdesk.bars WHERE session = %(day)s AND symbol_id = "
        "(SELECT symbol_id FROM nightdesk.symbols WHERE symbol = 'GLD')",
        day=session(2),
        first=f"{session(2)} 21:10+00",
    )
    page = own_desk.page(f"/data/bars/GLD/{session(2)}")
    before, after = re.findall(r'<tr><th scope="row">.*?</tr>', page, re.S)[:2]
    assert "$111.11" in before
    assert "vendor &lt;a&gt;" in before
    assert f"{SMALL}: 3 decisions" in before
    assert f"{TWOFOLD}: 3 decisions" in before
    assert 'num warn">$222.22' in after
    assert f"{SMALL}: 3 decisions" in after
    assert "newest" in after
    assert "newest" not in before
    assert f'href="/cockpit/data/bars/GLD/{session(1)}"' in page
    assert f'href="/cockpit/data/bars/GLD/{session(3)}"' in page


def test_a_bar_that_is_asked_for_by_the_form(browser: TestClient) -> None:
    asked = browser.get("/data/bars", params={"symbol": " GLD ", "session": f"{session(2)}"})
    assert asked.status_code == 200
    assert "It was never corrected." in asked.text
    assert "None is known, or ever was." in asked.text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/data/bars/GLD/2022-02-30", 409, "expected a day such as 2026-11-20"),
        ("/data/bars/GLD/<b>", 409, "expected a day"),
        ("/data/bars/NONE/2022-03-01", 404, "Nothing is stored of"),
        ("/data/bars/GLD/1990-01-02", 200, "No daily bar of the session is stored."),
        ("/data/bars?symbol=&session=", 409, "expected a day"),
    ],
)
def test_bars_that_there_are_not(browser: TestClient, path: str, status: int, words: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == status
    assert words in unescape(answer.text)
    assert "<b>" not in answer.text or status == 200
