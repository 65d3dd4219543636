"""The pages of pairs: where each stands, its pictures, and what every stay in it has made."""

import json
import re
from datetime import datetime
from decimal import Decimal
from html import unescape

import pytest
from tests.cockpit.decided_desk import BROKEN, DECIDED, SMALL, WAITING, instant, session
from tests.cockpit.own_desk import OwnDesk
from tests.cockpit.screened_rows import plant_pair, plant_screens
from tests.conftest import open_connection
from tests.session.small_desk import STRATEGY

from nightdesk.alerts.figures import money
from nightdesk.cockpit import pairs_page
from nightdesk.core.screen_weeks import screened_before
from nightdesk.store.cockpit_pair_rows import PairStay, pair_stays

NEWEST = DECIDED - 1
PAIRS = f"/books/{SMALL}/pairs"
OPEN, LEFT = ("GLD", "QQQ"), ("BTC-USD", "SPY")


@pytest.fixture
def paired(own_desk: OwnDesk) -> OwnDesk:
    """Two pairs of what the book really held: one is open since the first decision, and one has ended."""
    decisions = [(instant(n), session(n)) for n in range(DECIDED)]
    plant_pair(own_desk.desk.url, SMALL, STRATEGY, OPEN, decisions, opened=0, left=None)
    plant_pair(own_desk.desk.url, SMALL, STRATEGY, LEFT, decisions, opened=0, left=5)
    return own_desk


def stays_of(desk: OwnDesk, until: datetime, **asked: object) -> tuple[PairStay, ...]:
    with open_connection(desk.desk.url) as conn:
        return pair_stays(conn, SMALL, until, **{"rows": 100, **asked})  # type: ignore[arg-type]


def made(desk: OwnDesk, first: int, last: int, *symbols: str) -> Decimal:
    """What symbols made between two marks, by entries of the ledger and prices of the marks."""
    [[found]] = desk.run(
        "SELECT sum(realised + quantity * price - cost + dividends - commission - borrow) "
        "FILTER (WHERE as_of = %(last)s) - coalesce(sum(realised + quantity * price - cost + dividends "
        "- commission - borrow) FILTER (WHERE as_of = %(first)s), 0) "
        "FROM nightdesk.positions WHERE book = %(book)s AND symbol = ANY (%(symbols)s)",
        first=instant(first), last=instant(last), book=SMALL, symbols=list(symbols),
    )  # fmt: skip
    return round(Decimal(found), 2)


def test_stays_add_up_to_what_the_strategy_made_to_the_cent(paired: OwnDesk) -> None:
    paired.run(
        "UPDATE nightdesk.pair_states SET state = 'open', side = 'long', sessions = 1, alpha = 0.2, "
        "beta = 0.9, bundle = 2, since = %(since)s WHERE state = 'cooling'",
        since=session(0),
    )
    stays = stays_of(paired, instant(NEWEST))
    [[strategy]] = paired.run(
        "SELECT sum(profit) FROM nightdesk.performance WHERE book = %(book)s AND strategy = %(strategy)s",
        book=SMALL, strategy=STRATEGY,
    )  # fmt: skip
    assert len(stays) == 2
    assert sum(one.profit for one in stays) == strategy != 0


def test_a_stay_ends_with_the_first_decision_that_holds_neither_leg(paired: OwnDesk) -> None:
    by_pair = {(one.a, one.b): one for one in stays_of(paired, instant(NEWEST))}
    running, ended = by_pair[OPEN], by_pair[LEFT]
    assert (running.since, running.left_at, running.sessions) == (session(0), None, NEWEST)
    assert running.profit == made(paired, 0, NEWEST, *OPEN)
    assert (ended.left_at, ended.left_session, ended.leaving) == (instant(5), session(5), "stop")
    assert ended.profit == made(paired, 0, 5, *LEFT) != made(paired, 0, NEWEST, *LEFT)
    assert ended.why_in.startswith("z -2.40: BTC-USD is bought")
    assert "the stop of 3 is reached" in ended.why_out
    # What an earlier decision knew: both are held, and worth less or more.
    earlier = {(one.a, one.b): one for one in stays_of(paired, instant(3))}
    assert earlier[LEFT].left_at is None
    assert earlier[LEFT].profit == made(paired, 0, 3, *LEFT)
    assert stays_of(paired, instant(NEWEST), first=session(1)) == ()
    [own] = stays_of(paired, instant(NEWEST), pair=(STRATEGY, *LEFT))
    assert own == ended


def test_the_list_tells_states_figures_of_the_screen_and_stays(paired: OwnDesk) -> None:
    plant_screens(paired.desk.url, SMALL, screened_before(instant(NEWEST)), weeks=1, pool=6)
    paired.run("UPDATE nightdesk.screen_pairs SET a = 'QQQ', b = 'GLD' WHERE place = 1")
    text = unescape(paired.page(PAIRS))
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", text, re.DOTALL)
    first, second = (re.sub(r"<[^>]+>", " ", one) for one in rows[:2])
    assert "GLD/QQQ" in first
    assert "open long" in first
    assert "7.5" in first  # by the legs, whichever is the dependent one
    assert "0.0123" in first
    assert "BTC-USD/SPY" in second
    assert "cooling" in second
    assert "z +2.40 &lt;lies&gt; within 2" in paired.page(PAIRS)
    both = made(paired, 0, NEWEST, *OPEN) + made(paired, 0, 5, *LEFT)
    assert money(both, signed=True) in text
    assert "2 stays entered since" in text
    assert f'<a href="/cockpit{PAIRS}/{STRATEGY}/GLD/QQQ">' in text


def test_long_lists_have_pages_and_sums_count_all_of_them(
    paired: OwnDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_page, "ROWS_A_PAGE", 1)
    first, second = (unescape(paired.page(PAIRS, page=n, stays=n)) for n in (1, 2))
    for page in (first, second):
        assert "2 stays entered since" in page
        assert page.count(money(made(paired, 0, NEWEST, *OPEN) + made(paired, 0, 5, *LEFT), signed=True)) == 2
        assert "All pages" in page
        assert page.count(" of 2, page ") == 2
    assert [first.count(f"/{STRATEGY}/GLD/QQQ"), second.count(f"/{STRATEGY}/GLD/QQQ")] == [1, 1]
    assert f'rel="next" href="/cockpit{PAIRS}?page=2#pairs"' in first
    assert f'rel="prev" href="/cockpit{PAIRS}?page=2&stays=1#stays"' in second
    assert "The list ends before page 3." in paired.page(PAIRS, stays=3)


def test_a_pair_has_its_spread_its_stays_its_legs_and_the_reasons(paired: OwnDesk) -> None:
    plant_screens(paired.desk.url, SMALL, screened_before(instant(NEWEST)), weeks=1, pool=6)
    paired.run("UPDATE nightdesk.screen_pairs SET a = 'BTC-USD', b = 'SPY' WHERE place = 1")
    page = paired.page(f"{PAIRS}/{STRATEGY}/BTC-USD/SPY")
    z, spread = (
        json.loads(one) for one in re.findall(r'<script type="application/json">(.*?)</script>', page)
    )
    assert [round(one, 2) for one in (z["series"][0]["values"][0], z["series"][0]["values"][-1])] == [
        -2.4,
        2.4,
    ]
    assert [(one["low"], one["high"]) for one in z["bands"][:3]] == [(-0.5, 0.5), (2, 3), (-3, -2)]
    assert [(one["at"], one["kind"], one["short"]) for one in z["marks"]] == [
        (0, "entry", False),
        (5, "stop", False),
    ]
    lines = {one["label"]: one["values"] for one in spread["series"]}
    assert lines["mean"] == pytest.approx([0.01] * DECIDED)
    assert lines["+3 deviations"] == pytest.approx([0.07] * DECIDED)
    assert lines["-0.5 deviations"] == pytest.approx([0.0] * DECIDED)
    text = unescape(page)
    assert "the stop of 3 is reached" in text
    assert money(made(paired, 0, 5, *LEFT), signed=True) in text
    assert "7.5 sessions" in text
    assert f"/cockpit/symbols/BTC-USD?book={SMALL}" in text
    assert re.search(r"2 marks, listed below", text)


def test_decisions_of_a_pair_have_pages(paired: OwnDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_page, "POINTS_A_PAGE", 3)
    told: list[str] = []
    for number in (1, 2, 3):
        page = paired.page(f"{PAIRS}/{STRATEGY}/GLD/QQQ", page=number).split('id="decisions"')[1]
        told += re.findall(r'<tr><th scope="row"><a [^>]+>([^<]+)</a>', page)
        assert ('rel="next"' in page) == (number < 3)
    assert told == [f"{session(n)}" for n in reversed(range(DECIDED))]
    assert "The list ends before page 4." in paired.page(f"{PAIRS}/{STRATEGY}/GLD/QQQ", page=4)


def test_pages_without_pairs_say_so(own_desk: OwnDesk) -> None:
    assert "This decision knew no pair" in own_desk.page(PAIRS)
    assert "The book has begun no decision yet" in own_desk.page(f"/books/{WAITING}/pairs")
    assert "The book has begun no decision yet" in own_desk.page(f"/books/{BROKEN}/pairs")
    assert "has measured nothing of the pair 'A/B of none'" in unescape(
        own_desk.page(f"{PAIRS}/none/A/B", 404)
    )
    assert "There is no book" in own_desk.page("/books/nobody/pairs", 404)
    assert "expected `all`, or a number" in unescape(own_desk.page(PAIRS, 409, sessions="many"))


def test_only_a_book_with_pairs_or_screens_has_their_tabs(paired: OwnDesk) -> None:
    page = paired.page(f"/books/{SMALL}")
    assert f'href="/cockpit{PAIRS}"' in page
    assert f'href="/cockpit/books/{SMALL}/screen"' not in page
    plant_screens(paired.desk.url, SMALL, screened_before(instant(NEWEST)), weeks=1, pool=3)
    assert f'href="/cockpit/books/{SMALL}/screen"' in paired.page(f"/books/{SMALL}")
    assert "/pairs" not in paired.page("/books/twofold")
