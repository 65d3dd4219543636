"""The mails of a session, a week and a month: what they say, that they fit, and that no name is markup."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.alerts import mail_scenes as scenes
from tests.fakes.smtp import html_of, mail_server, text_of

from nightdesk.alerts.line_picture import BLUE, HEIGHT, MARGIN, WIDTH, line_png
from nightdesk.alerts.mail_message import mail_message
from nightdesk.alerts.mail_page import MOST_BYTES, daily_mail, period_mail, undecided_mail, web_links
from nightdesk.alerts.sending import receivers, send_mail, shows_mail
from nightdesk.store.mail_rows import StoredMail

GMAIL_CUTS_AT = 102_000
VOID = {"meta", "br", "img"}
NOW = scenes.CLOSE


class MailReader(HTMLParser):
    """Reads a mail: its words, its addresses, and whether every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.links, self.pictures, self.stack, self.tags = "", [], [], [], set()
        self.feed(html)
        self.close()
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.words += " "
        self.tags.add(tag)
        named = dict(attrs)
        self.links += [named["href"]] if "href" in named else []
        self.pictures += [named["src"]] if "src" in named else []
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack[-1:] != ["style"]:
            self.words += data


def every() -> dict[str, StoredMail]:
    return {
        "day": daily_mail(scenes.daily()),
        "crowded": daily_mail(scenes.crowded()),
        "empty": daily_mail(scenes.empty()),
        "hostile": daily_mail(scenes.hostile()),
        "undecided": undecided_mail(scenes.undecided()),
        "week": period_mail(scenes.period()),
        "month": period_mail(scenes.period("monthly")),
    }


MAILS = every()


def test_figures_of_strategies_are_a_line_a_symbol() -> None:
    mail = daily_mail(scenes.daily(figures=(scenes.figures("Sizing", 3),)))
    line = "score 0 0.10, score 1 0.11, score 2 0.12"
    assert "SIZING OF FIVE_SIGNALS\n- SYM0: score 0 0.00" in mail.body
    assert f"- SYM1: {line}" in mail.body
    read = MailReader(mail.html).words
    assert "Sizing of five_signals" in read
    assert f"SYM1 {line}" in read


def sent(mail: StoredMail) -> EmailMessage:
    found = message_from_bytes(
        mail_message(mail, ("Desk", "desk@example.com"), ("", "ops@example.com"), NOW).as_bytes(),
        policy=policy.default,
    )
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_is_whole_html_without_script_or_any_address_but_links(name: str) -> None:
    read = MailReader(MAILS[name].html)
    assert read.stack == []
    assert read.tags & {"script", "iframe", "form", "link", "svg", "object", "video"} == set()
    assert set(read.pictures) <= {"cid:equity", "cid:drawdown"}
    assert set(read.links) <= {scenes.LINKS.page, scenes.LINKS.run}
    assert re.findall(r"url\(|@import", MAILS[name].html) == []


@pytest.mark.parametrize("name", MAILS)
def test_every_coloured_element_has_its_colour_in_itself_and_one_for_the_dark(name: str) -> None:
    """A program that drops the sheet shows the light mail; one that keeps it finds a class on each colour."""
    for tag in re.findall(r"<(?:td|p|span|a|table|body)[^>]*(?:color:|background:)[^>]*>", MAILS[name].html):
        assert re.search(r'class="[^"]*\b(g|c|i|s|up|dn|wn|wg|lg|a)\b', tag), tag
    assert "color-scheme" in MAILS[name].html
    assert "prefers-color-scheme:dark" in MAILS[name].html


@pytest.mark.parametrize(
    "words",
    [
        "−$330.45 · −0.37 % today",
        "In quarantine TLT since 2026-11-20.",
        "Sample data.",
        "time_series_momentum realised +$120.10, open +$412.22 +$528.96 fees $3.36",
        "GLD rsi_mean_reversion 40 at $168.331234, cost $160.25; entered 2026-11-19, 1 session ago +$323.25",
        "Buy GLD 20 at $168.084 momentum_60 of 3.1 % $3,361.68 fees $3.36",
        "Buy QQQ submitted momentum_60 of 6.2 % is above the entry threshold of 2 %",
        "TSLA liquidity 2.1 % of ADV20 above 1 % rejected 9 → 0",
        "IWM time_series_momentum correlated 0.93 with SPY, the limit is 0.85 dropped",
        "Heat: positions in this regime limit 80.00 % 62.00 %",
        "VaR 95 %, one day beyond it on average (CVaR) 1.87 % 1.23 % $1,381.85",
        "Level 1: the book is 6.1 % below its peak",
        "TLT price_jump moved 52.1 %, the limit is 50 % quarantined",
        "3 rows left out: volume below 0.",
        "Bars from polygon (3 bars, degraded: two of five requests failed); yahoo (14 bars, healthy).",
    ],
)
def test_the_mail_of_a_session_says(words: str) -> None:
    assert words in MailReader(MAILS["day"].html).words


def test_the_text_says_the_same_figures() -> None:
    text = MAILS["day"].body
    for words in (
        "$90,143.02",
        "+$528.96",
        "entered 2026-11-19, 1 session ago",
        "TSLA, rejected by liquidity",
        "QQQ",
    ):
        assert words in text
    assert "<" not in text.replace("<script>", "")


def test_an_empty_day_says_that_there_was_nothing() -> None:
    read = MailReader(MAILS["empty"].html).words
    for words in ("first session", "the book holds cash only", "no order was filled", "nothing to trade"):
        assert words in read
    assert MAILS["empty"].equity is None


def test_a_failed_day_says_what_failed_and_what_to_do() -> None:
    read = MailReader(MAILS["undecided"].html).words
    assert "Not decided settle failed, so the session is not decided." in read
    assert (
        "settle Refused: the account holds 12 XLE that the ledger does not know failed 1 failed try" in read
    )
    assert "nightdesk run multi_asset --session 2026-11-20" in read


def test_a_week_tells_each_session_the_best_the_worst_and_its_costs() -> None:
    read = MailReader(MAILS["week"].html).words
    for words in (
        "Best session +0.74 % 2026-11-17", "Worst session −1.27 % 2026-11-19", "Trades 4", "Fees $5.44",
        "Slippage +$9.40 3.92 bp", "Deepest 10.11 % 2026-11-20", "SPY +0.81 %",
        "Thu 19 Nov −1.27 % drawdown 9.78 %; 0 trades −$1,164.03 $90,473.47",
    ):  # fmt: skip
        assert words in read


def test_a_week_says_whether_its_target_in_euros_was_met_and_by_which_rate() -> None:
    aimed = "above 50.00 EUR, $54.00 (at 1.08 dollars a euro, of 2026-11-30)"
    mail = MAILS["week"]
    assert f"Profit a session aimed at {aimed} −$12.50 (−11.57 EUR) missed" in MailReader(mail.html).words
    assert f"Profit a session −$12.50 (−11.57 EUR), aimed at {aimed}: missed" in mail.body


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_is_not_cut_off_by_gmail(name: str) -> None:
    assert len(MAILS[name].html.encode()) <= MOST_BYTES < GMAIL_CUTS_AT


def test_thirty_positions_are_all_shown_and_what_is_left_out_is_counted() -> None:
    read = MailReader(MAILS["crowded"].html).words
    assert all(f" {name} " in read for name in ("GLD", "SYM10", "SYM29"))
    many = replace(
        scenes.crowded(),
        page=replace(
            scenes.crowded().page,
            positions=tuple(scenes.position(n, symbol=f"P{n}" + "X" * 40) for n in range(400)),
        ),
    )
    huge = daily_mail(many)
    assert len(huge.html.encode()) <= MOST_BYTES
    shown = len(set(re.findall(r"<b>P\d+X", huge.html)))
    assert f"{400 - shown} more positions: the page of the session shows all." in huge.html
    assert 0 < shown < 400


def test_no_name_becomes_markup_or_a_header() -> None:
    mail = MAILS["hostile"]
    assert "<script>" not in mail.html
    assert "<img src=http" not in mail.html
    assert "&lt;script&gt;" in mail.html
    for text in (mail.subject, mail.html, mail.body, mail.summary):
        assert "\r" not in text
    message = sent(mail)
    assert message["Bcc"] is None
    assert "Bcc: everyone" in message["Subject"]
    forged = replace(mail, subject="fine\r\nBcc: everyone@example.com\r\n\r\n<p>body</p>")
    assert sent(forged)["Bcc"] is None
    for name, address in (
        ("x\r\nBcc: a@example.com", "ops@example.com"),
        ("", "ops@example.com\r\nBcc: a@x.com"),
    ):
        try:
            made = mail_message(mail, ("", "desk@example.com"), (name, address), NOW)
        except ValueError:
            continue
        assert message_from_bytes(made.as_bytes(), policy=policy.default)["Bcc"] is None


def test_the_message_nests_its_parts_as_mail_programs_want_it() -> None:
    message = sent(MAILS["day"])
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png", "image/png",
    ]  # fmt: skip
    pictures = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in pictures] == ["<equity>", "<drawdown>"]
    assert {part.get_content_disposition() for part in pictures} == {"inline"}
    assert pictures[0].get_content() == MAILS["day"].equity
    assert html_of(message).splitlines() == MAILS["day"].html.splitlines()
    assert text_of(message).splitlines() == MAILS["day"].body.splitlines()
    assert list(message.iter_attachments()) == []
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_mail_that_is_sent_again_is_the_same_message() -> None:
    again = daily_mail(scenes.daily())
    assert again == MAILS["day"]
    assert sent(again)["Message-ID"] == sent(MAILS["day"])["Message-ID"]
    assert sent(MAILS["empty"])["Message-ID"] != sent(MAILS["day"])["Message-ID"]


@pytest.mark.parametrize("length", range(50, 110))
def test_a_subject_of_any_length_arrives_as_it_is(length: int) -> None:
    subject = ("multi_asset 2026-11-20: " + "word " * 30)[:length].rstrip()
    for text in (subject, subject.replace("word", "w−rd")):
        assert sent(replace(MAILS["empty"], subject=text))["Subject"] == text


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
def test_a_mail_goes_by_tls_and_login_as_the_address_says(tmp_path, implicit: bool) -> None:
    with mail_server(tmp_path, implicit=implicit) as server:
        environ = {"NIGHTDESK_ALERT_MAIL": server.url("ops@example.com", "dev@example.com")}
        found = receivers("mail", environ)
        assert [send_mail(one, MAILS["day"], NOW) for one in found] == [None, None]
        assert server.logins == ["desk", "desk"]
    assert [to for to, _ in server.received] == ["ops@example.com", "dev@example.com"]
    for to, message in server.received:
        assert message["To"] == to
        assert message["From"] == "desk@example.com"
        assert message.get_body(("related", "html")).get_content_type() == "multipart/related"


def test_why_a_server_does_not_take_a_mail_is_said_without_its_secrets(tmp_path) -> None:
    with mail_server(None) as server:
        environ = {"NIGHTDESK_ALERT_MAIL": server.url("ops@example.com", password="wrong-pass-of-mail")}
        (receiver,) = receivers("mail", environ)
        refused = send_mail(receiver, MAILS["day"], NOW)
        assert refused is not None
        assert "535" in refused
        assert "wrong-pass" not in refused
        (receiver,) = receivers("mail", {"NIGHTDESK_ALERT_MAIL": server.url("ops@example.com")})
        server.to_text = "552 5.3.4 message too big"
        assert "message too big" in (send_mail(receiver, MAILS["day"], NOW) or "")
    assert send_mail(receiver, MAILS["day"], NOW) is not None  # the server is gone
    assert server.received == []


def test_a_chat_and_an_address_that_asks_for_pgp_are_not_shown_the_mail() -> None:
    environ = {
        "NIGHTDESK_ALERT_CHAT": "json://127.0.0.1:9/",
        "NIGHTDESK_ALERT_MAIL": "mailto://a:b@127.0.0.1:25/c@example.com?from=d@example.com",
    }
    assert [shows_mail(one) for one in receivers("chat", environ)] == [False]
    (mail,) = receivers("mail", environ)
    assert shows_mail(mail)
    mail.service.pgp_mode = "encrypt"
    assert not shows_mail(mail)


def pixels(png: bytes) -> np.ndarray:
    """A PNG of the desk's kind, read by another way: chunks by their lengths, checked by their sums."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, part = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + part)
        parts[kind] = part
        at += 12 + length
    assert struct.unpack(">IIBB", parts[b"IHDR"][:10]) == (WIDTH, HEIGHT, 8, 3)
    lines = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(HEIGHT, 1 + WIDTH)
    colours = np.frombuffer(parts[b"PLTE"], np.uint8).reshape(256, 3)
    opacity = np.frombuffer(parts[b"tRNS"], np.uint8)[:, None]
    return np.concatenate([colours, opacity], axis=1)[lines[:, 1:]]


def test_the_picture_is_a_line_where_the_values_are() -> None:
    drawn = pixels(line_png([0.0, 1.0, 0.0], 0.0, 1.0, 3, BLUE))
    solid = (drawn[..., 3] > 200) & (drawn[..., 2] > 180)
    tops = [int(np.flatnonzero(solid[:, x])[0]) for x in (6, WIDTH // 2, WIDTH - 8)]
    assert abs(tops[1] - MARGIN) <= 3
    assert min(tops[0], tops[2]) > HEIGHT - MARGIN - 12
    assert drawn[0, 0, 3] == 0, "what nothing is drawn on is transparent"
    assert line_png([0.0, 1.0, 0.0], 0.0, 1.0, 3, BLUE) == line_png([0.0, 1.0, 0.0], 0.0, 1.0, 3, BLUE)


def test_a_picture_needs_two_values_and_a_range() -> None:
    for values, low, high in (([1.0], 0.0, 1.0), ([1.0, 1.0], 1.0, 1.0)):
        with pytest.raises(ValueError, match="no line through"):
            line_png(values, low, high, 3, BLUE)


@pytest.mark.parametrize("path", [(), scenes.history(1), scenes.history(2), scenes.history(250)])
def test_a_book_of_any_age_has_a_mail(path) -> None:
    made = daily_mail(scenes.daily(history=path))
    assert (made.equity is None) == (len(path) < 2)
    assert (made.html.count("cid:equity"), made.html.count("cid:drawdown")) == (
        (1, 1) if len(path) > 1 else (0, 0)
    )


def test_a_flat_book_has_pictures_too() -> None:
    flat = tuple(replace(one, nav=scenes.daily().page.nav, drawdown=0.0) for one in scenes.history(30))
    assert daily_mail(scenes.daily(history=flat)).drawdown is not None


def test_links_lead_into_the_web_ui_and_nowhere_else() -> None:
    task = "daily__multi_asset/scheduled__2026-11-20T21:30:00+00:00/report/1"
    assert web_links("http://127.0.0.1:8080/", "multi_asset", NOW, task) == scenes.LINKS
    assert web_links("http://127.0.0.1:8080", "multi_asset", NOW, None).run == ""
    for base in ("", "javascript:alert(1)", "ftp://x", "http://user:pass@host", "desk.example.com"):
        assert not web_links(base, "multi_asset", NOW, task).page


def test_the_mail_tells_of_the_screen_and_of_pairs() -> None:
    mail = scenes.daily(
        screen=("Screen of 2026-11-29, 3 days old: 64 members.", "Off: <ABC> (price)."),
        pairs=("KO/PEP is out after 4 sessions, +$12.00 with all costs: z +0.40.",),
    )
    written = daily_mail(mail)
    for words in ("Screen of 2026-11-29, 3 days old", "KO/PEP is out after 4 sessions, +$12.00"):
        assert words in written.body
        assert words in written.html
    assert "SCREEN OF THE UNIVERSE" in written.body
    assert "&lt;ABC&gt;" in written.html
    assert "PAIRS" not in daily_mail(scenes.daily()).body
