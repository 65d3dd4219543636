"""The page of a symbol: its bars, what books did in it and why, who holds it."""

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import pytest
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import DECIDED, OTHER, SMALL, TWOFOLD, DecidedDesk, session
from tests.cockpit.own_desk import OwnDesk
from tests.conftest import open_connection

from nightdesk.cockpit.symbol_page import _shown, _stop_lines
from nightdesk.cockpit.trade_reasons import what_it_did, why_it_was_wanted
from nightdesk.engine.exits import Cause
from nightdesk.store.cockpit_symbol_rows import StopRow, TradePart, candles_of, stops_in


def island(page: str) -> dict:  # type: ignore[type-arg]
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])  # type: ignore[index]


def fills_of(desk: DecidedDesk, symbol: str, books: tuple[str, ...]) -> list[tuple]:  # type: ignore[type-arg]
    with open_connection(desk.url) as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT f.session, f.side, f.book, i.strategy FROM nightdesk.fills f "
            "JOIN nightdesk.order_intents i USING (client_order_id) WHERE f.symbol = %s AND f.book = "
            "ANY (%s)",
            (symbol, list(books)),
        )
        return cursor.fetchall()


def test_the_picture_has_the_stored_bars_and_a_mark_for_each_part_of_a_fill(
    browser: TestClient, decided_desk: DecidedDesk
) -> None:
    page = browser.get("/symbols/GLD", params={"sessions": 60}).text
    data = island(page)
    with open_connection(decided_desk.url) as conn:
        stored = candles_of(conn, "GLD", 60)
    assert [one["time"] for one in data["candles"]] == [f"{one.session}" for one in stored]
    assert [one["close"] for one in data["candles"]] == [one.close for one in stored]
    fills = fills_of(decided_desk, "GLD", (SMALL, TWOFOLD))
    assert fills
    assert sorted(one["time"] for one in data["marks"]) == sorted(f"{row[0]}" for row in fills)
    for _, side, book, strategy in fills:
        assert any(
            f"{side} " in one["words"] and f"{strategy} ({book})" in one["words"] for one in data["marks"]
        )
    first = min(row[0] for row in fills)
    assert all(one["kind"] == "entry" for one in data["marks"] if one["time"] == f"{first}")
    assert "raw prices of their own day" in page


def test_the_table_says_why_and_leads_to_the_trace(browser: TestClient) -> None:
    page = unescape(browser.get("/symbols/GLD", params={"book": SMALL}).text)
    assert re.search(r"opens; signal: strong buy, confidence \d\.\d\d", page)
    assert f"/cockpit/books/{SMALL}/trace/GLD?as_of={session(0)}T21%3A00%3A00%2B00%3A00" in page
    assert f"/trace/GLD?as_of={session(0)}" in page
    assert f"{TWOFOLD}/trace" not in page


def test_who_holds_it_is_what_the_newest_mark_says(browser: TestClient, decided_desk: DecidedDesk) -> None:
    page = browser.get("/symbols/BTC-USD").text
    with open_connection(decided_desk.url) as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT book, strategy, account, market_value FROM nightdesk.positions p WHERE symbol = "
            "'BTC-USD' "
            "AND quantity <> 0 AND as_of = (SELECT max(as_of) FROM nightdesk.portfolio m WHERE "
            "m.book = p.book)"
        )
        held = cursor.fetchall()
    assert {row[0] for row in held} == {SMALL, TWOFOLD}
    assert {row[2] for row in held if row[0] == TWOFOLD} == {OTHER}
    for _, _, account, value in held:
        assert f"${value:,.2f}" in page
        assert f"<td>{account}</td>" in page


@pytest.mark.parametrize("book", [SMALL, TWOFOLD])
def test_a_stop_is_the_same_on_the_page_of_its_book(browser: TestClient, book: str) -> None:
    stop = re.compile(r'<span title="([^"]*(?:stop)[^"]*)">(\$[\d.,]+)</span>')
    of_book = [
        stop.findall(row)
        for row in browser.get(f"/books/{book}").text.split("<tr>")
        if "/symbols/BTC-USD" in row
    ]
    of_symbol = stop.findall(browser.get("/symbols/BTC-USD", params={"book": book}).text)
    assert sorted(of_symbol) == sorted(one for row in of_book for one in row)
    assert of_symbol


def test_a_split_a_quarantine_a_headline_and_a_limit_are_shown(own_desk: OwnDesk) -> None:
    own_desk.run(
        "INSERT INTO nightdesk.corporate_actions (symbol_id, session, kind, known_at, source, value, "
        "other, cash, note) "
        "SELECT symbol_id, '2022-02-01', 'split', '2022-02-01 12:00+00', 'person', 3, '', 0, '<i>by ann</i>' "
        "FROM nightdesk.symbols WHERE symbol = 'GLD'"
    )
    own_desk.run(
        "UPDATE nightdesk.quality_runs SET outcome = 'quarantined', value = 0.43, limit_value = 0.2, "
        "detail = 'its close is 43 %% above' WHERE symbol = 'GLD' AND check_name = 'price_jump' AND "
        "session = %(day)s",
        day=session(5),
    )
    own_desk.run(
        "INSERT INTO nightdesk.headlines (symbol_id, feed, article, known_at, published_at, "
        "headline, story, source, url) "
        "SELECT symbol_id, 'files', 'a', now(), now(), 'Gold <b>shines</b>', 1, 'the wire', "
        "'javascript:alert(1)' "
        "FROM nightdesk.symbols WHERE symbol = 'GLD'"
    )
    own_desk.run(
        "INSERT INTO nightdesk.overrides (book, symbol, kind, from_as_of, from_session, "
        "until_session, stated_by, reason) "
        "VALUES (%(book)s, 'GLD', 'close_only', now(), %(day)s, '2030-01-02', 'ann', 'a <b>hunch</b>'), "
        "(%(book)s, NULL, 'no_new_entries', now(), %(day)s, '2030-01-02', 'bob', 'holiday'), "
        "(%(book)s, 'SPY', 'close_only', now(), %(day)s, '2030-01-02', 'ann', 'not of gold')",
        book=SMALL,
        day=session(DECIDED),
    )
    page = own_desk.page("/symbols/GLD")
    assert any(one["words"] == "split 3" and one["kind"] == "event" for one in island(page)["marks"])
    for words in (
        "&lt;i&gt;by ann&lt;/i&gt;", "its close is 43 % above", "0.4300", "the wire",
        "Gold &lt;b&gt;shines&lt;/b&gt;", "a &lt;b&gt;hunch&lt;/b&gt;", "holiday", "(the whole book)",
    ):  # fmt: skip
        assert words in page
    assert "not of gold" not in page
    assert 'href="javascript:' not in page
    assert "<b>shines" not in page


def test_what_nothing_is_stored_of_is_not_found(browser: TestClient, empty_browser: TestClient) -> None:
    for symbol in ("NONE", "x" * 10_000, "<b>"):
        answer = empty_browser.get(f"/symbols/{symbol}")
        assert answer.status_code == 404
        assert "<b>" not in answer.text


def test_a_symbol_that_is_only_read_was_never_traded(browser: TestClient) -> None:
    page = browser.get("/symbols/^VIX").text
    assert "Nothing was traded in it in these sessions" in page
    assert "No book holds it, or ever did" in page
    assert island(page)["candles"]


def test_a_hidden_book_is_not_shown_beside_others(browser: TestClient, door: Door) -> None:
    door.hidden.add(TWOFOLD)
    page = browser.get("/symbols/GLD").text
    assert TWOFOLD not in page
    assert SMALL in page
    assert browser.get("/symbols/GLD", params={"book": TWOFOLD}).status_code == 403
    assert browser.get("/symbols/GLD", params={"book": "nobody"}).status_code == 404


def a_part(**changed: object) -> TradePart:
    moment = datetime(2022, 3, 8, 21, tzinfo=UTC)
    usual: dict[str, object] = {
        "book": SMALL, "session": date(2022, 3, 9), "as_of": moment, "execution_id": "e",
        "client_order_id": "o",
        "side": "sell", "price": Decimal(90), "account": "main", "symbol": "GLD", "decided": moment,
        "decided_session": date(2022, 3, 8), "purpose": "", "stop_price": None, "target_price": None,
        "strategy": "s", "quantity": Decimal(10), "cause": Cause.STOP,
        "stop_distance": 5.0, "target_distance": 8.0, "direction": None, "confidence": None, "injected": None,
        "held": Decimal(10), "cost": Decimal(1000), "mark": Decimal(93), "multiplier": Decimal(1),
        "entry_session": date(2022, 3, 2),
    }  # fmt: skip
    return TradePart(**usual | changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "held", "quantity", "did"),
    [
        ("buy", 0, 10, "opens"),
        ("sell", 0, 10, "opens"),
        ("buy", 5, 10, "adds"),
        ("sell", -5, 10, "adds"),
        ("sell", 10, 4, "reduces"),
        ("buy", -10, 10, "closes"),
        ("sell", 10, 10, "closes"),
        ("sell", 10, 15, "turns"),
        ("sell", 10, None, "sell"),
    ],
)
def test_what_a_fill_did_to_its_position(side: str, held: int, quantity: int | None, did: str) -> None:
    units = None if quantity is None else Decimal(quantity)
    assert what_it_did(a_part(side=side, held=Decimal(held), quantity=units)) == did


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, "stop: the close 93.00 is 7.00 below the average entry 100.00, 5.00 are allowed"),
        (
            {"multiplier": Decimal(100), "cost": Decimal(100_000)},
            "stop: the close 93.00 is 7.00 below the average entry 100.00, 5.00 are allowed",
        ),
        (
            {"cause": Cause.TARGET, "mark": Decimal(109)},
            "target: the close 109.00 is 9.00 above the average entry 100.00, 8.00 were aimed at",
        ),
        ({"cause": Cause.AGE}, "age: held for 5 sessions"),
        ({"cause": Cause.AGE, "entry_session": None}, "left by its age"),
        ({"cause": Cause.STOP, "held": Decimal(0)}, "left by its stop"),
        ({"cause": Cause.BUNDLE}, "with its bundle"),
        (
            {"cause": Cause.SIGNAL, "direction": -1, "confidence": 0.5},
            "left by its signal; signal: sell, confidence 0.50",
        ),
        (
            {"cause": Cause.OPENS, "direction": 2, "confidence": 1.0, "injected": True},
            "opens; signal: strong buy, confidence 1.00, injected by hand",
        ),
        ({"cause": None}, ""),
    ],
)
def test_why_a_fill_was_wanted(changed: dict[str, object], why: str) -> None:
    assert why_it_was_wanted(a_part(**changed)) == why


def test_the_words_of_every_cause_are_known() -> None:
    assert all(why_it_was_wanted(a_part(cause=one)) for one in Cause)


def test_a_stop_is_drawn_for_each_stay_in_a_position() -> None:
    days = [session(n) for n in range(6)]
    moment = datetime(2022, 3, 1, 21, tzinfo=UTC)
    rows = [StopRow(SMALL, days[n], moment, "s", Decimal(1), 100.0, 5.0) for n in (0, 1, 3, 4)]
    rows.append(StopRow(TWOFOLD, days[5], moment, "s", Decimal(-1), 100.0, 5.0))
    first, second, short = _stop_lines(days, rows)
    assert list(first.values) == [95, 95, None, None, None, None]
    assert list(second.values) == [None, None, None, 95, 95, None]
    assert list(short.values) == [None] * 5 + [105]
    # What was left long ago would write its name over what is held.
    assert [one.label for one in (first, second, short)] == ["", "", f"stop of s ({TWOFOLD})"]


def test_stops_come_from_the_targets_and_positions_of_each_decision(own_desk: OwnDesk) -> None:
    own_desk.run(
        "UPDATE nightdesk.targets SET stop_distance = 7 WHERE book = %(book)s AND symbol = 'GLD'", book=SMALL
    )
    with open_connection(own_desk.desk.url) as conn:
        found = stops_in(conn, "GLD", (SMALL,), datetime(2020, 1, 1, tzinfo=UTC))
    held = own_desk.run(
        "SELECT session, cost / quantity FROM nightdesk.positions WHERE book = %(book)s AND symbol = 'GLD' "
        "AND quantity > 0 ORDER BY as_of",
        book=SMALL,
    )
    assert [(one.session, one.price) for one in found] == [
        (day, pytest.approx(float(cost) - 7)) for day, cost in held
    ]
    (line,) = island(own_desk.page("/symbols/GLD", book=SMALL))["lines"]
    assert line["points"][-1]["value"] == pytest.approx(found[-1].price)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.12346, "0.1235"),
        (-272.567, "\N{MINUS SIGN}272.5670"),
        (45_612e6, "45.6 bn"),
        (-5e6, "\N{MINUS SIGN}5.0 m"),
    ],
)
def test_large_factors_are_short(value: float, shown: str) -> None:
    assert _shown(value) == shown


def test_old_headlines_are_folded(own_desk: OwnDesk) -> None:
    own_desk.run(
        "INSERT INTO nightdesk.headlines "
        "(symbol_id, feed, article, known_at, published_at, headline, story, source, url) "
        "SELECT symbol_id, 'files', n::text, now(), now() - n * interval '1 hour', 'story ' || n, n, 'w', '' "
        "FROM nightdesk.symbols, generate_series(1, 13) n WHERE symbol = 'GLD'"
    )
    page = own_desk.page("/symbols/GLD")
    before, _, folded = page.partition("3 older")
    assert before.count("story ") == 10
    assert folded.count("story ") == 3
