"""The memory of sources, the findings of the checks, and the spells that follow from them."""

import threading
from datetime import UTC, date, datetime
from typing import Any

import psycopg2
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.feeds.breaker import Circuit, SourceHealth
from nightdesk.feeds.chain import HealthStore
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection
from nightdesk.store.health_rows import Health, quarantine_spells, read_findings
from nightdesk.store.rows import Changed, replace_rows

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)


def finding(
    symbol: str, outcome: str = "quarantined", check: str = "price_jump", **more: Any
) -> dict[str, Any]:
    row = {
        "check_name": check,
        "symbol": symbol,
        "value": 0.6,
        "limit_value": 0.5,
        "outcome": outcome,
        "detail": "",
    }
    return row | more


def day(number: int) -> date:
    return date(2024, 1, number)


def save_findings(conn: Connection, book: str, session: date, findings: list[dict[str, Any]]) -> Changed:
    key = {"book": book, "as_of": get_calendar().close_at(session), "session": session}
    return replace_rows(conn, "quality_runs", key, findings)


def spells(conn: Connection) -> list[tuple[str, str, int, int, bool]]:
    return [
        (one["symbol"], one["reason"], one["first_session"].day, one["last_session"].day, one["ongoing"])
        for one in quarantine_spells(conn, "b", day(1), day(31))
    ]


def test_the_breaker_of_a_source_is_shared_by_all_processes(database: str, conn: Connection) -> None:
    store: HealthStore = Health(conn)
    assert store.load("yahoo") is None
    health = SourceHealth()
    for _ in range(5):
        health = health.failed(NOON, "HTTP 500")
    store.save("yahoo", health.as_row())
    other = connect(database)
    found = SourceHealth.from_row(Health(other).load("yahoo"))
    other.close()
    assert found == health
    assert found.circuit(NOON) is Circuit.OPEN


def test_a_breaker_that_closes_again_is_remembered_as_closed(conn: Connection) -> None:
    store = Health(conn)
    store.save("yahoo", SourceHealth().failed(NOON, "HTTP 500").as_row())
    store.save("yahoo", SourceHealth().succeeded(NOON).as_row())
    assert SourceHealth.from_row(store.load("yahoo")) == SourceHealth(last_success=NOON)


def test_two_processes_that_meet_a_new_source_at_once_do_not_collide(database: str) -> None:
    faults: list[Exception] = []

    def save(error: str) -> None:
        connection = connect(database)
        try:
            for _ in range(20):
                Health(connection).save("yahoo", SourceHealth().failed(NOON, error).as_row())
        except Exception as fault:  # noqa: BLE001 (whatever it is, the test shows it)
            faults.append(fault)
        connection.close()

    threads = [threading.Thread(target=save, args=(f"error {n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert faults == []


def test_findings_of_a_session_are_replaced_and_read_with_the_bad_ones_first(conn: Connection) -> None:
    save_findings(conn, "b", day(2), [finding("SPY", "passed"), finding("GLD"), finding("TLT")])
    changed = save_findings(
        conn, "b", day(2), [finding("SPY", "passed"), finding("TLT", "warned", value=None)]
    )
    assert (changed.updated, changed.deleted) == (1, 1)
    assert [
        (one["symbol"], one["outcome"], one["value"])
        for one in read_findings(conn, "b", get_calendar().close_at(day(2)))
    ] == [
        ("TLT", "warned", None),
        ("SPY", "passed", 0.6),
    ]


def test_an_outcome_outside_the_vocabulary_is_a_defect(conn: Connection) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        save_findings(conn, "b", day(2), [finding("SPY", "odd")])


def test_a_spell_lasts_over_decided_sessions_and_ends_by_itself(conn: Connection) -> None:
    bad = {2: "A", 3: "AB", 4: "B", 5: "A", 8: "AB"}
    for number in (8, 3, 5, 2, 4):  # checked in any order
        rows = [finding(symbol) for symbol in bad[number]]
        save_findings(conn, "b", day(number), [finding("*", "passed", "failed_share"), *rows])
    assert spells(conn) == [
        ("A", "price_jump", 2, 3, False),
        ("B", "price_jump", 3, 4, False),
        ("A", "price_jump", 5, 8, True),
        ("B", "price_jump", 8, 8, True),
    ]
    save_findings(conn, "b", day(9), [finding("*", "passed", "failed_share"), finding("B")])
    assert spells(conn)[2:] == [("A", "price_jump", 5, 8, False), ("B", "price_jump", 8, 9, True)]


def test_one_spell_names_every_check_that_failed_in_it(conn: Connection) -> None:
    save_findings(conn, "b", day(2), [finding("A"), finding("A", check="malformed")])
    save_findings(conn, "b", day(3), [finding("A", check="missing_sessions")])
    save_findings(conn, "another", day(3), [finding("A", "passed")])
    assert spells(conn) == [("A", "malformed, missing_sessions, price_jump", 2, 3, True)]


def test_a_spell_says_how_long_it_lasts_and_what_its_newest_finding_was(conn: Connection) -> None:
    for number, words in ((2, "held at 100"), (3, "still held at 100")):
        save_findings(conn, "b", day(number), [finding("A", detail=words)])
    [spell] = quarantine_spells(conn, "b", day(1), day(31))
    assert (spell["sessions"], spell["detail"]) == (2, "still held at 100")


def test_a_rerun_that_finds_the_data_healed_takes_the_spell_back(conn: Connection) -> None:
    save_findings(conn, "b", day(2), [finding("A")])
    save_findings(conn, "b", day(2), [finding("A", "passed")])
    assert spells(conn) == []
