"""The alerts: filtered, paged, with how far each came."""

import re
from html import unescape

import pytest
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import SMALL, TWOFOLD
from tests.cockpit.own_desk import OwnDesk

from nightdesk.cockpit import alerts_page


def numbers(page: str) -> list[int]:
    return [int(one) for one in re.findall(r'<tr id="alert-(\d+)">', page)]


def tell(desk: OwnDesk, level: str, book: str | None, subject: str = "told", body: str = "why") -> int:
    ((number,),) = desk.run(
        "INSERT INTO nightdesk.alerts (alert_key, level, book, subject, body) "
        "VALUES (gen_random_uuid()::text, %(level)s, %(book)s, %(subject)s, %(body)s) RETURNING alert_id",
        level=level,
        book=book,
        subject=subject,
        body=body,
    )
    return int(number)


@pytest.fixture
def quiet_desk(own_desk: OwnDesk) -> OwnDesk:
    """A desk that has told nobody anything."""
    own_desk.run("DELETE FROM nightdesk.alerts")
    own_desk.run("DELETE FROM nightdesk.alert_deliveries")
    return own_desk


def test_a_desk_that_has_told_nothing(quiet_desk: OwnDesk) -> None:
    page = quiet_desk.page("/alerts")
    assert "Nothing was told yet." in page
    assert "Every alert is acknowledged, or there is none." in page
    assert "No alert is like that." in quiet_desk.page("/alerts", level="CRITICAL")


def test_alerts_are_filtered_by_level_book_and_acknowledgement(quiet_desk: OwnDesk) -> None:
    info, critical = tell(quiet_desk, "INFO", SMALL), tell(quiet_desk, "CRITICAL", TWOFOLD)
    desk, done = tell(quiet_desk, "WARNING", None), tell(quiet_desk, "EMERGENCY", SMALL)
    quiet_desk.run(
        "UPDATE nightdesk.alerts SET acknowledged_at = now(), acknowledged_by = 'bob' WHERE alert_id = %(n)s",
        n=done,
    )
    assert numbers(quiet_desk.page("/alerts")) == [done, desk, critical, info]
    assert numbers(quiet_desk.page("/alerts", level="CRITICAL")) == [critical]
    assert numbers(quiet_desk.page("/alerts", book=SMALL)) == [done, info]
    assert numbers(quiet_desk.page("/alerts", state="open")) == [desk, critical, info]
    assert numbers(quiet_desk.page("/alerts", state="acknowledged")) == [done]
    page = quiet_desk.page("/alerts")
    assert f'href="/cockpit/actions/acknowledge?alert={critical}"' in page
    assert f"acknowledge?alert={done}" not in page
    assert re.findall(r"(\d) (\w+) not acknowledged</a>", page) == [
        ("1", "CRITICAL"),
        ("1", "WARNING"),
        ("1", "INFO"),
    ]


def test_pages_show_every_alert_once(quiet_desk: OwnDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_page, "ROWS_A_PAGE", 3)
    told = [tell(quiet_desk, "WARNING", SMALL) for _ in range(7)]
    tell(quiet_desk, "INFO", SMALL)
    seen, path = [], "/alerts?level=WARNING"
    while path:
        page = quiet_desk.page(path)
        seen += numbers(page)
        older = re.search(r'<a href="([^"]+)">Older</a>', page)
        path = unescape(older[1]).removeprefix("/cockpit") if older else ""
    assert seen == told[::-1]


@pytest.mark.parametrize(
    ("deliveries", "changes", "words"),
    [
        ([], "", "waits to be sent"),
        ([], "sent_at = now()", ">sent<"),
        ([], "created_at = now() - interval '40 days'", "not sent, no route leads anywhere"),
        ([(1, 0, 1)], "", "sent to all"),
        ([(1, 0, 1), (0, 0, 0)], "", "sent to 1 of 2, waits for its turn"),
        ([(3, 3, 0)], "", "sent to 0 of 1, is tried again"),
        ([(3, 3, 0)], "acknowledged_at = now(), acknowledged_by = 'ann'", "sent to 0 of 1, no longer tried"),
        ([(3, 3, 0)], "created_at = now() - interval '40 days'", "sent to 0 of 1, no longer tried"),
    ],
)
def test_how_far_an_alert_came(
    quiet_desk: OwnDesk, deliveries: list[tuple[int, int, int]], changes: str, words: str
) -> None:
    number = tell(quiet_desk, "WARNING", SMALL)
    if changes:
        quiet_desk.run(f"UPDATE nightdesk.alerts SET {changes} WHERE alert_id = %(n)s", n=number)
    for place, (attempts, failures, sent) in enumerate(deliveries):
        quiet_desk.run(
            "INSERT INTO nightdesk.alert_deliveries (alert_id, route, receiver, attempts, failures, "
            "times_sent, sent_at, "
            "last_error) VALUES (%(n)s, 'mail', %(who)s, %(attempts)s, %(failures)s, %(sent)s, "
            "CASE WHEN %(sent)s > 0 THEN now() END, %(error)s)",
            n=number,
            who=f"<ann{place}@example.org>",
            attempts=attempts,
            failures=failures,
            sent=sent,
            error="450 <later>" if failures else "",
        )
    page = quiet_desk.page("/alerts")
    assert words in page
    if deliveries:
        assert "&lt;ann0@example.org&gt;" in page
    if any(failures for _, failures, _ in deliveries):
        assert "450 &lt;later&gt;" in page


def test_what_others_wrote_is_text(quiet_desk: OwnDesk) -> None:
    tell(quiet_desk, "WARNING", "<b>gone</b>", "a <script>subject</script>", 'first\n<img src=x onerror="1">')
    page = quiet_desk.page("/alerts")
    # Of a book that is gone too.
    assert "<td>&lt;b&gt;gone&lt;/b&gt;</td>" in page
    assert "a &lt;script&gt;subject&lt;/script&gt;" in page
    assert "<img" not in page
    assert "<script>subject" not in page


def test_the_alerts_of_a_hidden_book_are_not_shown_or_counted(quiet_desk: OwnDesk, door: Door) -> None:
    tell(quiet_desk, "CRITICAL", TWOFOLD)
    desk = tell(quiet_desk, "WARNING", None)
    door.hidden.add(TWOFOLD)
    page = quiet_desk.page("/alerts")
    assert numbers(page) == [desk]
    assert "CRITICAL not acknowledged" not in page
    assert quiet_desk.browser.get("/alerts", params={"book": TWOFOLD}).status_code == 403


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"level": "LOUD"}, "expected one of EMERGENCY, CRITICAL, WARNING, INFO"),
        ({"state": "sent"}, "expected open or acknowledged"),
        ({"before": "-1"}, "expected the number of an alert"),
        ({"before": "²"}, "expected the number of an alert"),
        ({"before": "9" * 30}, "expected the number of an alert"),
    ],
)
def test_what_there_is_not_is_refused_in_words(
    browser: TestClient, asked: dict[str, str], words: str
) -> None:
    answer = browser.get("/alerts", params=asked)
    assert answer.status_code == 409
    assert words in unescape(answer.text)
