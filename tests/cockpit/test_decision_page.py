"""The page of a decision counts what is stored of it, and says of each symbol what became of it and why."""

import html
import re

import pytest
from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DECIDED, SMALL, TWOFOLD, DecidedDesk, instant, session
from tests.conftest import open_connection

from nightdesk.cockpit import known_book
from nightdesk.risk import words
from nightdesk.store.decision_rows import verdicts_of


def funnel(page: str) -> dict[str, tuple[int, str]]:
    """Count and words of each stage."""
    found = re.findall(r"<dt>(\w+)</dt><dd class=\"\">(\d+)<small>([^<]*)</small></dd>", page)
    return {name: (int(count), said) for name, count, said in found}


@pytest.mark.parametrize("number", range(DECIDED))
@pytest.mark.parametrize("book", [SMALL, TWOFOLD])
def test_the_funnel_counts_what_is_stored(
    browser: TestClient, decided_desk: DecidedDesk, book: str, number: int
) -> None:
    answer = browser.get(f"/books/{book}/decision", params={"as_of": f"{session(number)}"})
    assert answer.status_code == 200
    (counts,) = decided_desk.rows(
        "SELECT (SELECT count(*) FROM nightdesk.signals s WHERE (s.book, s.as_of) = (r.book, r.as_of) "
        "AND action <> 'hold'), "
        "(SELECT count(*) FROM nightdesk.targets t WHERE (t.book, t.as_of) = (r.book, r.as_of) "
        "AND quantity <> held), "
        "(SELECT count(*) FROM nightdesk.dropped_entries d WHERE (d.book, d.as_of) = (r.book, r.as_of)), "
        "(SELECT count(DISTINCT symbol) FROM nightdesk.verdicts v "
        "WHERE (v.book, v.as_of) = (r.book, r.as_of)), "
        "(SELECT count(*) FROM nightdesk.orders o WHERE (o.book, o.as_of) = (r.book, r.as_of)), "
        "(SELECT count(*) FROM nightdesk.fills f JOIN nightdesk.orders o USING (client_order_id) "
        "WHERE (o.book, o.as_of) = (r.book, r.as_of)) "
        "FROM nightdesk.runs r WHERE book = %s AND session = %s",
        book,
        session(number),
    )
    assert tuple(count for count, _ in funnel(answer.text).values()) == counts


def test_every_cut_and_rejection_is_told_in_the_words_of_its_rule(
    browser: TestClient, decided_desk: DecidedDesk
) -> None:
    told = 0
    with open_connection(decided_desk.url) as conn:
        for number in range(DECIDED):
            page = html.unescape(
                browser.get(f"/books/{SMALL}/decision", params={"as_of": f"{session(number)}"}).text
            )
            for one in verdicts_of(conn, SMALL, instant(number)):
                if one.action != "approve":
                    assert words(one) in page
                    told += 1
    assert told


def test_each_symbol_leads_to_its_trace_and_fills_stand_beside_their_orders(
    browser: TestClient, decided_desk: DecidedDesk
) -> None:
    page = browser.get(f"/books/{SMALL}/decision", params={"as_of": f"{session(0)}"}).text
    orders = decided_desk.rows(
        "SELECT symbol, side FROM nightdesk.orders WHERE book = %s AND session = %s", SMALL, session(0)
    )
    assert orders
    for symbol, side in orders:
        row = page[page.index(f'/trace/{symbol}?as_of={session(0)}T21%3A00Z">{symbol}</a>') :].split("</tr>")[
            0
        ]
        assert f"{side} " in row
        assert ">filled</span>" in row


def test_the_newest_decision_tells_its_signals_in_words_and_an_old_one_of_a_long_history_by_its_traces(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "momentum_60" in browser.get(f"/books/{SMALL}/decision", params={"as_of": f"{session(1)}"}).text
    monkeypatch.setattr(known_book, "AT_ONCE_BARS", 100)
    newest = browser.get(f"/books/{SMALL}/decision").text
    assert "momentum_60" in newest
    old = browser.get(f"/books/{SMALL}/decision", params={"as_of": f"{session(1)}"}).text
    assert "momentum_60" not in old
    assert "Signals are told in words on the trace of a symbol." in old


def test_what_was_ordered_comes_first_and_what_has_no_effect_is_folded(
    browser: TestClient, decided_desk: DecidedDesk
) -> None:
    page = browser.get(f"/books/{SMALL}/decision").text
    shown, folded = page.split("<details>")
    at = [shown.index(f">{symbol}</a>") for symbol in ("GLD", "BTC-USD", "QQQ")]
    assert at == sorted(at)
    ordered = decided_desk.rows(
        "SELECT symbol FROM nightdesk.orders WHERE book = %s AND session = %s", SMALL, session(DECIDED - 1)
    )
    assert ordered == [("GLD",)]
    assert "2 symbols of which a strategy spoke: nothing held, nothing wanted" in folded
    for symbol in ("SPY", "TLT"):
        assert f">{symbol}</a>" not in shown
        assert f">{symbol}</a>" in folded


def test_the_decisions_beside_are_links_and_the_ends_are_said(browser: TestClient) -> None:
    first = browser.get(f"/books/{SMALL}/decision", params={"as_of": f"{session(0)}"}).text
    assert "the first session" in first
    assert f'rel="next" href="/cockpit/books/{SMALL}/decision?as_of={session(1)}T21%3A00Z"' in first
    last = browser.get(f"/books/{SMALL}/decision", params={"as_of": f"{session(DECIDED)}"}).text
    assert "the newest session" in last
    assert f'rel="prev" href="/cockpit/books/{SMALL}/decision?as_of={session(DECIDED - 1)}T21%3A00Z"' in last


def test_a_failed_decision_says_which_step_and_why(browser: TestClient) -> None:
    page = browser.get(f"/books/{SMALL}/decision", params={"as_of": f"{session(DECIDED)}"}).text
    assert "Step settle failed." in page
    assert "no bars were ingested for it" in page
    assert "nothing to trade" in page


@pytest.mark.parametrize(
    ("as_of", "status", "said"),
    [
        ("2022-02-28", 404, "has no decision"),
        ("2022-03-02T20:00Z", 404, "has no decision"),
        ("2022-03-02T21:00", 200, "2022-03-02"),
        ("2022-03-02T16:00-05:00", 200, "2022-03-02"),
        ("<script>alert(1)</script>", 400, "expected an instant"),
        ("2022-99-99", 400, "expected an instant"),
        ("0001-01-01T00:00+23:59", 400, "expected an instant"),
        ("9" * 10_000, 400, "expected an instant"),
        ("2022-03-02T21:00Z\n; DROP", 400, "expected an instant"),
        ("\x00", 400, "follow a link of the page"),
    ],
)
@pytest.mark.parametrize("page", ["decision", "risk", "session", "trace/SPY"])
def test_a_wrong_instant_is_refused_in_words(
    browser: TestClient, page: str, as_of: str, status: int, said: str
) -> None:
    answer = browser.get(f"/books/{SMALL}/{page}", params={"as_of": as_of})
    assert answer.status_code == status
    assert said in answer.text
    assert "<script>alert" not in answer.text
