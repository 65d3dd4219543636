"""`nightdesk mail`: shows, writes or sends the mail of a session, a week or a month."""

import email
from email import policy

import pytest
from tests.fakes.smtp import html_of, mail_server
from tests.session.conftest import desk, desk_after, kept_desks, make_desk, walks
from tests.session.small_desk import session

__all__ = ["desk", "desk_after", "kept_desks", "make_desk", "walks"]


@pytest.fixture
def small(desk_after, monkeypatch):
    """A desk that has decided three sessions; the command finds its database."""
    found = desk_after(3)
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", found.url)
    return found


def test_the_newest_session_is_shown_as_text(nightdesk, small):
    lines = nightdesk("mail", small.book).stdout.splitlines()
    assert lines[0].startswith(f"Subject: small {session(2)}: ")
    assert "POSITIONS" in lines
    assert f"Session {session(2)} of book small" in lines[-1]
    assert nightdesk.document("mail", small.book, "--session", session(1))["session"] == str(session(1))


def test_a_file_is_one_that_mail_programs_open(nightdesk, small, tmp_path):
    path = tmp_path / "week.eml"
    result = nightdesk("mail", small.book, "--weekly", "--to", path)
    assert f"written to {path}" in result.stderr
    message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    assert message["Subject"].startswith("small week 9 of 2022: ")
    assert "Not complete." in html_of(message)
    assert [part["Content-ID"] for part in message.walk() if part.get_content_maintype() == "image"] == [
        "<equity>",
        "<drawdown>",
    ]


def test_it_is_sent_to_the_mail_addresses_of_the_route(nightdesk, small, monkeypatch):
    with mail_server(None) as server:
        monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", server.url("ops@example.com", "dev@example.com"))
        result = nightdesk("mail", small.book, "--monthly", "--send")
        assert result.stdout.startswith("sent to ops@example.com, dev@example.com: small March 2022: ")
        assert len(server.received) == 2
        server.to_recipients["dev@example.com"] = "550 5.1.1 no such user"
        said = nightdesk.refusal("mail", small.book, "--send")
    assert "dev@example.com: " in said
    assert "no such user" in said
    assert "It has reached ops@example.com" in said
    assert small.rows("SELECT count(*) FROM nightdesk.alerts WHERE alert_key LIKE 'mail %%'") == [(0,)]


@pytest.mark.parametrize("target", [None, "json://127.0.0.1:9/"])
def test_without_a_mail_address_it_says_which_variable_to_set(nightdesk, small, monkeypatch, target):
    if target is not None:
        monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", target)
    said = nightdesk.refusal("mail", small.book, "--send")
    assert "nobody would have the mail of small: set NIGHTDESK_ALERT_MAIL" in said


def test_what_cannot_be_asked_for_is_refused(nightdesk, small, tmp_path):
    nightdesk("mail", small.book, "--weekly", "--monthly", status=2)
    nightdesk("mail", small.book, "--send", "--to", tmp_path / "a.eml", status=2)
    nightdesk("mail", small.book, "--session", "yesterday", status=2)
    assert "lies before" in nightdesk.refusal("mail", small.book, "--session", "2022-02-28")
    assert "no files can be written there" in nightdesk.refusal(
        "mail", small.book, "--to", "/proc/none/a.eml"
    )


def test_a_session_that_was_never_begun_is_said_to_be_undecided(nightdesk, small):
    said = nightdesk("mail", small.book, "--session", session(3)).stdout
    assert said.startswith(f"Subject: small {session(3)}: not decided")
    assert "No step of this session was begun." in said
    assert f"at the close of {session(2)}" in said


def test_a_book_that_has_begun_nothing_has_no_mail(nightdesk, desk, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", desk.url)
    assert "book small has begun no session" in nightdesk.refusal("mail", desk.book)
