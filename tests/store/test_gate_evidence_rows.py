"""Evidence in the store: kept whole, read the newest first, and never changed."""

import math

import pytest
from psycopg2 import errors

from nightdesk.store.db import Connection, cursor
from nightdesk.store.gate_evidence_rows import KINDS, evidence_of, keep_evidence


def test_evidence_is_read_as_it_was_kept_the_newest_first(conn: Connection) -> None:
    keep_evidence(conn, "b", "backtest", "c1", "0.1.0+a", {"sharpe": 0.8, "spans": [{"from": "2019-01-02"}]})
    keep_evidence(conn, "b", "stress", "c1", "0.1.0+a", {"passed": False})
    keep_evidence(conn, "other", "stress", "c1", "0.1.0+a", {"passed": True})
    keep_evidence(conn, "", "code", "", "0.1.0+a", {"tests": 12})

    found = evidence_of(conn, "b")

    assert [(one.kind, one.number) for one in found] == [("code", 4), ("stress", 2), ("backtest", 1)]
    assert found[2].figures == {"sharpe": 0.8, "spans": [{"from": "2019-01-02"}]}
    assert [one.number for one in evidence_of(conn, "b", "stress")] == [2]
    assert [one.number for one in evidence_of(conn, "b", newest=1)] == [4]


def test_a_figure_that_is_no_number_is_kept_as_not_known(conn: Connection) -> None:
    keep_evidence(conn, "b", "backtest", "c", "v", {"sharpe": math.nan, "of": {"x": [math.inf, 1.0]}})

    assert evidence_of(conn, "b")[0].figures == {"sharpe": None, "of": {"x": [None, 1.0]}}


@pytest.mark.parametrize(
    ("book", "kind", "rules"), [("", "backtest", "c"), ("b", "code", ""), ("b", "paper", "")]
)
def test_evidence_of_a_book_names_it_and_evidence_of_the_code_does_not(
    conn: Connection, book: str, kind: str, rules: str
) -> None:
    with pytest.raises(ValueError, match=f"evidence of kind {kind}"):
        keep_evidence(conn, book, kind, rules, "v", {})  # type: ignore[arg-type]


def test_the_kinds_of_the_table_are_those_of_the_code(conn: Connection) -> None:
    for kind in KINDS:
        named = "" if kind == "code" else "b"
        keep_evidence(conn, named, kind, named, "v", {})
    with cursor(conn) as cur, pytest.raises(errors.CheckViolation):
        cur.execute(
            "INSERT INTO nightdesk.gate_evidence (book, kind, rules_hash, code_version, figures) "
            "VALUES ('b', 'hearsay', 'c', 'v', '{}')"
        )
