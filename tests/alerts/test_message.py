"""The words in which an alert is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from nightdesk.alerts.message import message_of
from nightdesk.store.delivery_rows import Alert

ALERT = Alert(
    alert_id=17,
    level="CRITICAL",
    book="swing",
    session=date(2026, 11, 19),
    subject="swing 2026-11-19: gate failed",
    body="Book: swing\nError: 1 < 2 & <b>\nLog: http://127.0.0.1:8080/dags/a/runs/m__1%3A00/tasks/gate?try_number=3\n\n"
    "Clear it (see https://example.com/a).",
    created_at=datetime(2026, 11, 19, 21, 30, 5, tzinfo=UTC),
    sent_at=None,
)


def test_the_subject_says_level_and_book_and_the_text_all_that_is_known() -> None:
    message = message_of(ALERT, again=False)
    assert message.subject == "CRITICAL swing 2026-11-19: gate failed"
    assert message.text == f"{ALERT.body}\n\nAlert 17, raised 2026-11-19 21:30:05 UTC."


def test_a_subject_that_does_not_name_its_book_gets_it() -> None:
    about = replace(ALERT, subject="the ledger differs")
    assert message_of(about, again=False).subject == "CRITICAL swing: the ledger differs"
    assert message_of(replace(about, book=None), again=False).subject == "CRITICAL the ledger differs"


def test_an_emergency_says_how_it_is_ended_and_a_repetition_that_it_is_one() -> None:
    message = message_of(replace(ALERT, level="EMERGENCY"), again=True)
    assert message.subject == "EMERGENCY still not acknowledged: swing 2026-11-19: gate failed"
    assert message.text.endswith("repeated every hour until somebody says `nightdesk ack 17`.")


def test_the_html_has_the_same_words_with_links_and_nothing_of_them_is_markup() -> None:
    link = "http://127.0.0.1:8080/dags/a/runs/m__1%3A00/tasks/gate?try_number=3"
    assert message_of(ALERT, again=False).html == (
        "<p>Book: swing<br/>Error: 1 &lt; 2 &amp; &lt;b&gt;<br/>"
        f'Log: <a href="{link}">{link}</a></p>'
        '<p>Clear it (see <a href="https://example.com/a">https://example.com/a</a>).</p>'
        "<p>Alert 17, raised 2026-11-19 21:30:05 UTC.</p>"
    )
