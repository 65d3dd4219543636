"""Real conversations with a mail server: what arrives, and that a refusal is never taken for a success."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.smtp import PASSWORD, FakeMail, html_of, mail_server, text_of
from tests.fakes.webhook import webhook

from nightdesk.alerts import sending
from nightdesk.alerts.message import Message
from nightdesk.alerts.sending import Receiver, receivers, send

OPS, DEV, BOSS = "ops@example.com", "dev@example.com", "boss@example.com"
MESSAGE = Message("CRITICAL", "CRITICAL swing: gate failed", "Book: swing\nError: 1 < 2 ü\n\nAlert 17.")


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[FakeMail]:
    with mail_server(tmp_path) as server:
        yield server


def at(server: FakeMail, *addresses: str, **settings: str) -> tuple[Receiver, ...]:
    return receivers("mail", {"NIGHTDESK_ALERT_MAIL": server.url(*addresses, **settings)})


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
def test_a_mail_arrives_over_tls_with_a_login_as_text_and_as_html(tmp_path: Path, implicit: bool) -> None:
    with mail_server(tmp_path, implicit=implicit) as server:
        (receiver,) = at(server, OPS)
        assert send(receiver, MESSAGE) is None
    [(address, got)] = server.received
    assert (address, got["To"], got["From"]) == (OPS, OPS, "desk@example.com")
    assert got["Subject"] == MESSAGE.subject
    assert text_of(got) == "Book: swing\nError: 1 < 2 ü\nAlert 17."
    assert html_of(got) == MESSAGE.html
    assert server.logins == ["desk"]


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_the_address_says_otherwise(
    mail: FakeMail,
) -> None:
    (receiver,) = at(mail, OPS, verify="yes")
    assert "certificate verify failed" in str(send(receiver, MESSAGE))
    assert mail.received == []


def test_a_wrong_password_is_an_error_that_does_not_show_it(
    mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", mail.url(OPS, password="not-the-password"))
    (receiver,) = at(mail, OPS, password="not-the-password")
    error = send(receiver, MESSAGE)
    assert error is not None
    assert "535" in error
    assert "not-the-password" not in error


@pytest.mark.parametrize("answer", ["550 5.1.1 no such user", "451 4.3.0 try again later"])
def test_a_recipient_that_the_server_refuses_is_an_error_with_its_words(mail: FakeMail, answer: str) -> None:
    mail.to_recipients[OPS] = answer
    (receiver,) = at(mail, OPS)
    code, _, words = answer.partition(" ")
    error = send(receiver, MESSAGE)
    assert error is not None
    assert code in error
    assert words in error
    assert mail.received == []


def test_a_text_that_the_server_refuses_is_an_error(mail: FakeMail) -> None:
    mail.to_text = "554 5.7.1 looks like spam"
    (receiver,) = at(mail, OPS)
    assert "looks like spam" in str(send(receiver, MESSAGE))


def test_of_several_recipients_each_is_a_receiver_of_its_own_copies_too(mail: FakeMail) -> None:
    mail.to_recipients[DEV] = "550 5.1.1 no such user"
    found = at(mail, OPS, DEV, cc=BOSS)
    assert [one.name for one in found] == [OPS, DEV, BOSS]
    assert [send(one, MESSAGE) is None for one in found] == [True, False, True]
    assert [(address, got["To"], got["Cc"]) for address, got in mail.received] == [
        (OPS, OPS, None),
        (BOSS, BOSS, None),
    ]


def test_a_server_that_is_down_is_an_error_at_once_and_no_fault_once_it_is_up(mail: FakeMail) -> None:
    (receiver,) = at(mail, OPS)
    mail.stop()
    assert "refused" in str(send(receiver, MESSAGE))
    mail.start()
    assert send(receiver, MESSAGE) is None


def test_a_server_that_takes_the_text_and_says_nothing_holds_the_sender_up_for_one_time_out(
    mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.5)
    mail.silent = True
    (receiver,) = at(mail, OPS)
    began = time.monotonic()
    assert "timed out" in str(send(receiver, MESSAGE))
    assert time.monotonic() - began < 3


def test_a_server_that_does_not_even_greet_holds_the_sender_up_for_one_time_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        server = FakeMail(None, port=mute.getsockname()[1])
        (receiver,) = at(server, OPS)
        began = time.monotonic()
        assert "timed out" in str(send(receiver, MESSAGE))
        assert time.monotonic() - began < 3


def test_the_time_out_of_every_address_is_bounded(mail: FakeMail) -> None:
    (receiver,) = at(mail, OPS, cto="600", rto="600")
    assert receiver.service.socket_connect_timeout == sending.TIMEOUT_SECONDS
    assert receiver.service.socket_read_timeout == sending.TIMEOUT_SECONDS


def test_mails_are_not_slowed_down(mail: FakeMail) -> None:
    (receiver,) = at(mail, OPS)
    began = time.monotonic()
    assert [send(receiver, MESSAGE) for _ in range(3)] == [None] * 3
    assert time.monotonic() - began < 3


def test_a_webhook_is_a_receiver_whose_address_shows_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook() as hook, caplog.at_level(logging.DEBUG):
        address = hook.url("T0K3Nofthehook")
        monkeypatch.setenv("NIGHTDESK_ALERT_CHAT", address)
        (receiver,) = receivers("chat", {"NIGHTDESK_ALERT_CHAT": address})
        assert send(receiver, MESSAGE) is None
        hook.status = 500
        error = send(receiver, MESSAGE)
    path, body = hook.received[0]
    assert path == "/T0K3Nofthehook"
    assert "1 < 2" in body
    assert receiver.name == "JSON 1"
    assert error is not None
    assert "500" in error
    assert "T0K3Nofthehook" not in error + caplog.text + repr(receiver)


def test_several_addresses_of_a_route_are_several_receivers(mail: FakeMail) -> None:
    environ = {
        "NIGHTDESK_ALERT_ALL": f"{mail.url(OPS)}\n json://127.0.0.1/one tgram://123456789:abcdefg_hij/1/2/"
    }
    names = [one.name for one in receivers("all", environ)]
    assert names == [OPS, "JSON 2", "Telegram 3", "Telegram 4"]


def test_a_route_without_an_address_has_nobody() -> None:
    assert receivers("mail", {}) == ()
    assert receivers("mail", {"NIGHTDESK_ALERT_MAIL": "  "}) == ()


def test_an_address_that_is_none_is_told_whenever_it_should_be_used_and_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    environ = {"NIGHTDESK_ALERT_MAIL": f"nonsense://desk:{PASSWORD}@example.com"}
    with caplog.at_level(logging.DEBUG):
        (receiver,) = receivers("mail", environ)
        error = send(receiver, MESSAGE)
    assert error is not None
    assert error.startswith("address 1 of NIGHTDESK_ALERT_MAIL is none that Apprise understands")
    assert "word-of-the-mail" not in error + caplog.text
