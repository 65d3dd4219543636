"""No secret of the environment reaches a table, whatever an error or a vendor's answer holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from nightdesk.risk import Override
from nightdesk.store.broker_rows import add_recovery, note_silence
from nightdesk.store.db import Connection, cursor, one
from nightdesk.store.feed_silence_rows import note_feed_silence
from nightdesk.store.health_rows import Health
from nightdesk.store.kill_switch_rows import set_kill_switch
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import move_order
from nightdesk.store.override_rows import add_override, end_overrides
from nightdesk.store.run_rows import StoredRun, begin_step, end_step
from nightdesk.store.statement_rows import add_statement, note_statement

SECRET = 'hush "hush" <&>'
WORDS = f"the server said {SECRET} to us"
SESSION, NOW = date(2026, 11, 19), datetime(2026, 11, 19, 21, tzinfo=UTC)
FAULT = {"failures": 1, "opened_at": None, "last_success": None, "last_failure": NOW, "last_error": WORDS}
RUN = StoredRun("swing", SESSION, NOW, None, "open", "0.1.0", "abc")

WRITES: dict[str, Callable[[Connection], object]] = {
    "alerts": lambda conn: raise_alert(conn, "key", "INFO", WORDS, WORDS),
    "run_steps": lambda conn: end_step(
        conn, begin_step(conn, RUN, "gate"), "failed", error=WORDS, differences=[WORDS]
    ),
    "order_events": lambda conn: move_order(
        conn, "an-order", NOW, SESSION, "rejected", WORDS,
        answer={"message": WORDS, "qty": "5", "seen": [WORDS]},
    ),
    "broker_health": lambda conn: note_silence(conn, "swing", "main", NOW, WORDS),
    "feed_silences": lambda conn: note_feed_silence(conn, "swing", NOW, NOW, WORDS),
    "statement_health": lambda conn: note_statement(conn, "swing", "main", NOW, WORDS),
    "broker_statements": lambda conn: add_statement(
        conn, "swing", "main",
        {"first_day": SESSION, "last_day": SESSION, "generated_at": NOW, "executions": 0, "movements": 0,
         "left_out": {WORDS: 1}},
    ),
    "recoveries": lambda conn: add_recovery(conn, "swing", NOW, NOW, {"steps": [WORDS]}),
    "feed_health": lambda conn: Health(conn).save("yahoo", FAULT),
    "risk_events": lambda conn: set_kill_switch(
        conn, "swing", on=True, reason=WORDS, who="kim", session=SESSION
    ),
    "overrides": lambda conn: add_override(
        conn, "swing", Override(None, "close_only", NOW, SESSION, SESSION, "kim", WORDS)
    ),
    "override_ends": lambda conn: end_overrides(conn, [1], from_as_of=NOW, who="kim", reason=WORDS),
}  # fmt: skip


@pytest.mark.parametrize("table", WRITES)
def test_what_is_stored_hides_the_secrets_of_the_environment(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setenv("NIGHTDESK_ACCOUNT_SWING_SECRET", SECRET)
    with cursor(conn) as cur:
        # What a row refers to is not the matter here: foreign keys are not checked in this role.
        cur.execute("SET session_replication_role = replica")
        WRITES[table](conn)
        cur.execute(f"SELECT string_agg(t::text, ' ') FROM nightdesk.{table} t")
        stored = str(one(cur)[0])
    assert "the server said *** to us" in stored
    assert "hush" not in stored
