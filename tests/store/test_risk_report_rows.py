"""Risk reports come back from the database as they went in."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from tests.risk.test_risk_report import report

from nightdesk.risk import RiskReport
from nightdesk.store.db import Connection, cursor, transaction
from nightdesk.store.risk_report_rows import newest_risk_report, read_risk_report, risk_report_rows
from nightdesk.store.rows import diff_rows, replace_rows

AS_OF = datetime(2024, 1, 2, 21, tzinfo=UTC)
KEY: dict[str, Any] = {"book": "two", "as_of": AS_OF, "session": date(2024, 1, 2)}


@pytest.fixture
def started(conn: Connection) -> Connection:
    """A database without the rows of runs that a report belongs to: these tests are of the report alone."""
    with cursor(conn) as cur:
        cur.execute("SET session_replication_role = replica")
    return conn


def keep(conn: Connection, told: RiskReport) -> bool:
    with transaction(conn):
        changed = [replace_rows(conn, table, KEY, rows) for table, rows in risk_report_rows(told).items()]
    return any(changed)


CASES = {
    "several": report(0.5, 0.3, -0.1),
    "one": report(0.0, 0.4, 0.0),
    "none": report(0.0, 0.0, 0.0),
    "unknown": report(0.5, 0.3, 0.0, returns=np.full((60, 3), np.nan)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_report_comes_back_as_it_was(started: Connection, name: str) -> None:
    keep(started, CASES[name])
    found = read_risk_report(started, "two", AS_OF)
    assert found is not None
    assert repr(found) == repr(CASES[name])
    assert np.array_equal(found.picture.matrix, CASES[name].picture.matrix, equal_nan=True)


def test_a_second_write_of_the_same_changes_nothing_and_another_replaces_it_whole(
    started: Connection,
) -> None:
    keep(started, CASES["several"])
    assert not keep(started, CASES["several"])
    told = risk_report_rows(CASES["one"])
    differ = {table for table, rows in told.items() if diff_rows(started, table, KEY, rows)}
    assert differ == told.keys()
    keep(started, CASES["one"])
    assert repr(read_risk_report(started, "two", AS_OF)) == repr(CASES["one"])


def test_a_session_without_a_report_has_none_and_the_newest_up_to_a_day_is_found(started: Connection) -> None:
    assert read_risk_report(started, "two", AS_OF) is None
    assert newest_risk_report(started, "two") is None
    keep(started, CASES["one"])
    assert newest_risk_report(started, "two") == AS_OF
    assert newest_risk_report(started, "two", AS_OF - timedelta(days=1)) is None
