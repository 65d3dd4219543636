"""The ledger of trials: numbered without a gap, chained, never changed; what counts is a distinct set."""

import math
from dataclasses import replace
from datetime import date
from threading import Thread

import pytest
from psycopg2 import errors
from tests.conftest import open_connection

from nightdesk.core.errors import Refused
from nightdesk.store.db import Connection, cursor, transaction
from nightdesk.store.trial_rows import (
    Trials,
    TriedSet,
    add_trials,
    newest_trials,
    trial_counts,
    trial_faults,
    trials_of,
)

SET = TriedSet(
    kind="sweep",
    book="b",
    asked_by="ann",
    config_hash="c1",
    rules_hash="r1",
    code_version="0.1.0+a",
    bars_hash="d1",
    first=date(2020, 1, 2),
    last=date(2021, 12, 31),
    feed="files",
    sessions=503,
    sharpe=0.1 + 0.2,
    annual_sharpe=(0.1 + 0.2) * math.sqrt(252),
    skewness=-1 / 3,
    kurtosis=1e-17,
    changes={"b.é": "1", "a": "[x, y]"},
)


def other(number: int, sharpe: float = 0.1, **changed: object) -> TriedSet:
    given = {"sharpe": sharpe, "annual_sharpe": sharpe * math.sqrt(252), **changed}
    return replace(SET, config_hash=f"c{number}", rules_hash=f"r{number}", **given)


def test_a_set_asked_again_is_a_row_and_no_trial(conn: Connection) -> None:
    assert add_trials(conn, [SET, other(2, sharpe=0.5)]) == (1, 2)
    assert add_trials(conn, [SET]) == (3,)
    assert add_trials(conn, []) == ()

    assert trials_of(conn, "b") == Trials("b", 2, 3, 2, pytest.approx((0.5 - SET.sharpe) ** 2 / 2))
    assert (trials_of(conn, "other").count, trials_of(conn, "other").asked) == (0, 0)
    assert [one["number"] for one in newest_trials(conn, "b", newest=2)] == [3, 2]
    assert newest_trials(conn)[0]["changes"] == SET.changes


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("config_hash", "c2"), ("code_version", "0.1.0+b"), ("bars_hash", "d2"),
        ("first", date(2020, 1, 3)), ("last", date(2022, 1, 3)), ("feed", "yahoo"),
    ],
)  # fmt: skip
def test_what_differs_in_one_thing_is_another_trial(conn: Connection, field: str, value: object) -> None:
    add_trials(conn, [SET, replace(SET, **{field: value})])
    found = trials_of(conn, "b")
    assert (found.count, found.rules) == (2, 1)
    assert math.isnan(found.sharpe_variance), "the same rules on another span are no spread"


def test_the_spread_is_of_the_newest_trial_of_each_set_of_rules(conn: Connection) -> None:
    add_trials(conn, [other(1, sharpe=9.0), other(2, sharpe=0.1), other(3, sharpe=math.nan)])
    add_trials(conn, [other(1, sharpe=0.3, last=date(2022, 6, 1))])
    assert trials_of(conn, "b").sharpe_variance == pytest.approx(0.02)
    assert [one.book for one in trial_counts(conn)] == ["b"]


def test_a_set_without_a_sharpe_ratio_is_kept_and_counts(conn: Connection) -> None:
    nothing = {"sharpe": math.nan, "annual_sharpe": math.nan, "skewness": math.nan, "kurtosis": math.nan}
    add_trials(conn, [replace(SET, **nothing)])
    assert trials_of(conn, "b").count == 1
    assert trial_faults(conn) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE nightdesk.trials SET sharpe = 0",
        "DELETE FROM nightdesk.trials",
        "TRUNCATE nightdesk.trials",
        "INSERT INTO nightdesk.trials SELECT (t).* FROM (SELECT t FROM nightdesk.trials t LIMIT 1) AS x",
    ],
)
def test_the_database_refuses_to_change_the_ledger_for_anybody(conn: Connection, statement: str) -> None:
    add_trials(conn, [SET, other(2)])
    with cursor(conn) as cur, pytest.raises(errors.ObjectNotInPrerequisiteState):
        cur.execute(statement)
    assert trials_of(conn, "b").asked == 2


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE nightdesk.trials SET sharpe = 0.30000000000000010 WHERE number = 2", "trial 2 was changed"),
        ("UPDATE nightdesk.trials SET changes = '{}' WHERE number = 2", "trial 2 was changed"),
        ("UPDATE nightdesk.trials SET book = 'c' WHERE number = 1", "trial 1 was changed"),
        ("DELETE FROM nightdesk.trials WHERE number = 1", "trial 1 is missing"),
        ("DELETE FROM nightdesk.trials WHERE number IN (2, 3)", "trial 2 to 3 is missing"),
        (
            "DELETE FROM nightdesk.trials WHERE number = 3; "
            "UPDATE nightdesk.trials SET number = 3 WHERE number = 4",
            "trial 3 does not follow trial 2 as that stands",
        ),
    ],
)
def test_a_gap_or_an_edit_behind_the_triggers_back_is_found_and_nothing_is_counted(
    conn: Connection, statement: str, fault: str
) -> None:
    add_trials(conn, [other(number) for number in range(1, 5)])
    with cursor(conn) as cur:
        cur.execute(f"SET session_replication_role = replica; {statement}; RESET session_replication_role")

    assert trial_faults(conn)[0] == fault
    with pytest.raises(Refused, match="is not whole: trial"):
        trials_of(conn, "b")


def test_two_writers_make_no_gap(database: str) -> None:
    """The second waits for the end of the first one's transaction, and follows it."""
    with open_connection(database) as first, open_connection(database) as second:
        found = []
        with transaction(first):
            add_trials(first, [SET])
            thread = Thread(target=lambda: found.extend(add_trials(second, [other(2)])))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            add_trials(first, [other(3)])
        thread.join(20)
        assert found == [3]
        assert trial_faults(first) == ()


def test_what_is_rolled_back_leaves_no_gap(conn: Connection) -> None:
    def half() -> None:
        with transaction(conn):
            add_trials(conn, [SET])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert add_trials(conn, [SET]) == (1,)
