"""What a vendor, a broker or a person wrote cannot pass for a line of ours, wherever it is shown."""

import io
import logging
from datetime import date

from nightdesk.alerts.message import message_of
from nightdesk.cli.output import table
from nightdesk.core.masking import MaskingFilter, lines_only, mask_line, one_line
from nightdesk.store.db import Connection, cursor
from nightdesk.store.delivery_rows import Alert
from nightdesk.store.kill_switch_rows import set_kill_switch
from nightdesk.store.message_rows import alerts_of, raise_alert

FORGED = "no funds\r\nCRITICAL all is well\x1b[2K\x1b]0;title\x07\x1b[31m\u2028next\u202egnp.exe\x00"


def test_line_breaks_and_what_steers_a_terminal_do_not_survive() -> None:
    assert one_line(FORGED) == "no funds CRITICAL all is well next gnp.exe "
    assert one_line("a\tb\x9b31mc\x85d") == "a bc d"
    assert one_line("größer als 3 €: „ja“ × 2") == "größer als 3 €: „ja“ × 2"
    assert lines_only("one\n\ttwo\r\x1b[1mthree\x1b") == "one\n\ttwo three"


def test_a_secret_that_a_break_divides_or_that_holds_one_is_hidden() -> None:
    environ = {"SMTP_PASSWORD": "ele phant", "API_TOKEN": "two\nlines"}
    assert mask_line("it is ele\nphant of two\nlines", environ) == "it is *** of ***"


def test_a_cell_of_a_table_is_one_line() -> None:
    assert list(table(("order", "reason"), [("1", FORGED), ("2", "")]))[1:] == [
        "1      no funds CRITICAL all is well next gnp.exe",
        "2",
    ]


def test_an_event_in_the_log_is_one_line_and_another_programs_table_stays() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(MaskingFilter())
    for name in ("nightdesk.dag", "sqlalchemy"):
        log = logging.Logger(name)  # noqa: LOG001 (no other test shall see its handler)
        log.addHandler(handler)
        log.warning("refused reason=%s", "a\nb")
    assert stream.getvalue() == "refused reason=a b\nrefused reason=a\nb\n"


def test_an_alert_has_a_subject_of_one_line_in_the_store_and_in_a_mail(conn: Connection) -> None:
    raise_alert(conn, "k", "CRITICAL", f"small: {FORGED}", f"first\nsecond {FORGED}")
    [row] = alerts_of(conn)
    assert row["subject"] == "small: no funds CRITICAL all is well next gnp.exe "
    assert row["body"].startswith("first\nsecond no funds \nCRITICAL all is well")
    assert "\x1b" not in row["body"]
    alert = Alert(1, "CRITICAL", "small", None, FORGED, "body", row["created_at"], None)
    assert len(message_of(alert, again=False).subject.splitlines()) == 1


def test_a_persons_reason_is_kept_as_one_line(conn: Connection) -> None:
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.books (book, inception, origin, initial_capital, broker, account) "
            "VALUES ('small', '2026-01-02', '2026-01-02', 1000, 'paper', 'small')"
        )
    set_kill_switch(conn, "small", on=True, reason=FORGED, who="me\nyou", session=date(2026, 1, 2))
    with cursor(conn) as cur:
        cur.execute("SELECT reason, who FROM nightdesk.risk_events")
        assert cur.fetchall() == [("no funds CRITICAL all is well next gnp.exe ", "me you")]
