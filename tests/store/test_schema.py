"""What every table of the schema must have, and every named query must do."""

import re

import psycopg2
import pytest

from nightdesk.store.db import Connection, cursor, sql_folder


def test_every_table_and_column_says_what_it_is(conn: Connection) -> None:
    with cursor(conn) as cur:
        cur.execute(
            "SELECT relname || coalesce('.' || attname, '') FROM pg_class "
            "LEFT JOIN LATERAL (SELECT attname, attnum FROM pg_attribute WHERE attrelid = pg_class.oid "
            "AND attnum > 0 AND NOT attisdropped UNION ALL SELECT NULL, 0) AS parts ON true "
            "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind IN ('r', 'v', 'm', 'p') "
            "AND coalesce(col_description(pg_class.oid, attnum), '') = '' "
            "AND NOT (attnum = 0 AND obj_description(pg_class.oid) IS NOT NULL)"
        )
        assert cur.fetchall() == []


def test_every_table_has_a_primary_key(conn: Connection) -> None:
    with cursor(conn) as cur:
        cur.execute(
            "SELECT relname FROM pg_class "
            "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)"
        )
        assert cur.fetchall() == []


def named_queries() -> list[tuple[str, str]]:
    """All but those on the tables that live within one write of bars; they are tested with that write."""
    texts = [path.read_text() for path in sorted((sql_folder() / "queries").glob("*.sql"))]
    found = re.findall(r"^-- name: *(\S+)\n(.*?)(?=^-- name:|\Z)", "\n".join(texts), re.M | re.S)
    return [(name, text.strip().rstrip(";")) for name, text in found if "incoming_" not in text]


@pytest.mark.parametrize(("name", "text"), named_queries())
def test_every_named_query_fits_the_schema(conn: Connection, name: str, text: str) -> None:
    with cursor(conn) as cur:
        cur.execute(f"EXPLAIN {text}", dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
        assert cur.fetchone() is not None


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("targets", "quantity"), ("gated", "quantity"), ("orders", "quantity"), ("orders", "reference_price"),
        ("order_intents", "quantity"), ("fills", "quantity"), ("fills", "price"), ("fills", "commission"),
        ("ledger_entries", "quantity"), ("ledger_entries", "cash"), ("positions", "quantity"),
        ("positions", "cost"), ("portfolio", "cash"), ("paper_accounts", "cash"),
        ("paper_positions", "quantity"), ("paper_orders", "quantity"), ("paper_fills", "price"),
    ],
)  # fmt: skip
def test_an_amount_that_is_not_rounded_is_refused(conn: Connection, table: str, column: str) -> None:
    with cursor(conn) as cur:
        cur.execute(f"CREATE TEMPORARY TABLE copy_of (LIKE nightdesk.{table} INCLUDING CONSTRAINTS)")
        cur.execute(
            "SELECT string_agg(format('ALTER COLUMN %I DROP NOT NULL', attname), ', ') FROM pg_attribute "
            "WHERE attrelid = 'pg_temp.copy_of'::regclass AND attnum > 0"
        )
        cur.execute(f"ALTER TABLE copy_of {cur.fetchone()[0]}")
        cur.execute(f"INSERT INTO copy_of ({column}) VALUES (1.5)")
        with pytest.raises(psycopg2.errors.CheckViolation):
            cur.execute(f"INSERT INTO copy_of ({column}) VALUES (1.5 + 1e-9)")
