"""`nightdesk alerts` and `ack`, and the alerts that `status` shows."""

import getpass
import json

import pytest
from tests.fakes.smtp import mail_server, text_of

from nightdesk.store.message_rows import alerts_of, raise_alert


@pytest.fixture
def raised(conn):
    """Two alerts, of a book that was never started and of the desk itself."""
    raise_alert(conn, "a", "CRITICAL", "swing: gate failed", "Error: a body", book="swing")
    raise_alert(conn, "b", "EMERGENCY", "the desk burns", "a body")
    return [row["alert_id"] for row in reversed(alerts_of(conn))]


@pytest.fixture
def mail(monkeypatch):
    with mail_server(None) as server:
        monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", server.url("ops@example.com"))
        yield server


def test_on_a_quiet_desk_there_is_nothing_to_list(nightdesk, conn):
    assert nightdesk("alerts").stdout == "no alert was ever raised\n"


def test_alerts_are_listed_newest_first_with_their_numbers(nightdesk, raised):
    lines = nightdesk("alerts").stdout.splitlines()
    assert lines[0].split() == ["number", "level", "raised,", "UTC", "sent", "subject"]
    assert [line.split()[:2] for line in lines[1:]] == [
        [str(raised[1]), "EMERGENCY"],
        [str(raised[0]), "CRITICAL"],
    ]
    assert [line.split()[4] for line in lines[1:]] == ["no", "no"]
    assert [row["book"] for row in nightdesk.document("alerts", "swing")["alerts"]] == ["swing"]
    assert len(nightdesk.document("alerts", "--newest", 1)["alerts"]) == 1


def test_what_waits_is_sent_on_request_and_what_was_refused_says_why(nightdesk, raised, mail):
    mail.to_text = "451 4.7.1 try again later"
    lines = nightdesk("alerts", "--send").stdout.splitlines()
    assert lines[0] == "0 sent, 1 failed, 2 wait"
    assert "waits" in lines[2]
    assert lines[-1].startswith(f"alert {raised[1]} to ops@example.com, tried once: ")
    assert "try again later" in lines[-1]
    mail.to_text = None
    found = nightdesk.document("alerts", "--send")
    assert found["delivered"] == {"sent": 1, "failed": 0, "waiting": 1, "nowhere": []}
    assert mail.subjects() == ["CRITICAL swing: gate failed"]
    [brought] = found["alerts"][1]["deliveries"]
    assert (brought["route"], brought["receiver"], brought["times_sent"]) == ("mail", "ops@example.com", 1)


def test_the_routes_can_be_tried(nightdesk, conn, mail):
    assert nightdesk("alerts", "--test").stdout.startswith("1 sent, 0 failed, 0 wait\n")
    assert mail.subjects() == ["WARNING a test of the alerts"]
    assert "Nothing is wrong" in text_of(mail.received[0][1])


def test_a_test_that_nobody_would_have_fails_names_the_variable_and_raises_nothing(nightdesk, conn):
    said = nightdesk.refusal("alerts", "--test")
    assert "nobody would have the test: set NIGHTDESK_ALERT_MAIL or NIGHTDESK_ALERT_CHAT" in said
    assert alerts_of(conn) == []


def test_a_test_that_somebody_lacks_fails_with_the_reason(nightdesk, conn, mail):
    mail.to_text = "451 4.7.1 try again later"
    result = nightdesk("alerts", "--test", status=1)
    assert result.stdout.startswith("0 sent, 1 failed, 1 wait\n")
    assert "try again later" in result.stdout
    assert result.stderr == "nightdesk: the test has not reached ops@example.com\n"


def test_the_routes_of_a_book_can_be_tried(nightdesk, conn, mail, project, monkeypatch):
    book = project / "books" / "multi_asset.yaml"
    book.write_text(book.read_text() + "\nalerts: {routes: {WARNING: [mail, pager]}}\n")
    done = nightdesk("alerts", "multi_asset", "--test")
    assert mail.subjects() == ["WARNING multi_asset: a test of the alerts"]
    assert done.stdout.splitlines()[1].startswith("the route pager leads nowhere: set NIGHTDESK_ALERT_PAGER")
    monkeypatch.delenv("NIGHTDESK_ALERT_MAIL")
    assert "set NIGHTDESK_ALERT_MAIL or NIGHTDESK_ALERT_PAGER" in nightdesk.refusal(
        "alerts", "multi_asset", "--test"
    )


def test_an_alert_is_acknowledged_by_number_with_the_name_of_the_person(nightdesk, conn, raised):
    said = nightdesk("ack", raised[1]).stdout
    who = getpass.getuser()
    assert said.startswith(f"alert {raised[1]} (the desk burns) was acknowledged by {who} at ")
    assert f"known to {who}" in nightdesk("alerts").stdout
    again = nightdesk.document("ack", raised[1])
    assert (again["alert_id"], again["acknowledged_by"]) == (raised[1], who)
    assert alerts_of(conn)[0]["acknowledged_at"].isoformat() == again["acknowledged_at"]


def test_a_number_that_no_alert_has_is_refused(nightdesk, conn):
    assert "there is no alert 404: `nightdesk alerts` lists them" in nightdesk.refusal("ack", 404)


def test_what_is_no_number_is_wrong_usage(nightdesk):
    assert "Invalid value for 'ALERT'" in nightdesk("ack", "all", status=2).stderr


def test_status_shows_open_alerts_with_their_numbers_until_they_are_acknowledged(nightdesk, raised):
    text = nightdesk("status").stdout
    assert f"alert {raised[0]} CRITICAL" in text
    assert f"alert {raised[1]} EMERGENCY" in text
    nightdesk("ack", raised[1])
    assert [row["alert_id"] for row in nightdesk.document("status")["alerts"]] == [raised[0]]


def test_an_error_shows_no_secret(nightdesk, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_ACCOUNT_X_KEY", "planted-secret")
    assert "there is no book '***'" in nightdesk.refusal("books", "planted-secret")


def test_a_document_of_alerts_is_json(nightdesk, raised):
    assert json.loads(nightdesk("alerts", "--json").stdout)["delivered"] is None
