"""Whether parts by year pay for tables that grow: the desk's reads and writes of each, whole and in parts.

Years of bars and of factors of many symbols are laid into the desk's table and into a copy with a part a
year; each is read and written as the desk does, and planned. Run it by itself:
``python -m benchmarks.partitions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from nightdesk.machine import postgres
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, one
from nightdesk.store.migrations import migrate

FIRST_YEAR, ROUNDS, FACTORS = 2016, 7, 40


@dataclass(frozen=True)
class Growing:
    """A table that grows: what cuts it, how it is filled, what is asked of it, how much lies in it."""

    cut_by: str
    fill: str
    asks: Mapping[str, str]
    primary_key: str
    symbols: int
    years: int

    def said(self, text: str, table: str) -> str:
        """A statement on one of its two tables."""
        last = FIRST_YEAR + self.years - 1
        return text.format(table=table, symbols=self.symbols, first=FIRST_YEAR, last=last, factors=FACTORS)


_FILL_BARS = """
INSERT INTO {table} (symbol_id, session, known_at, source, open, high, low, close, volume)
SELECT symbol, day, day + interval '21 hours', 'files', 1, 2, 1, 2, 1e6
FROM generate_series('{first}-01-01'::date, '{last}-12-31'::date, '1 day') AS day,
     generate_series(1, {symbols}) AS symbol
WHERE extract(isodow FROM day) < 6
"""
_FILL_FACTORS = """
INSERT INTO {table} (book, as_of, session, symbol, factor_set_id, factor_values)
SELECT 'wide', day + interval '21 hours', day, 'S' || symbol, 1,
       array_fill(symbol + extract(doy FROM day)::double precision, ARRAY[{factors}])
FROM generate_series('{first}-01-01'::date, '{last}-12-31'::date, '1 day') AS day,
     generate_series(1, {symbols}) AS symbol
WHERE extract(isodow FROM day) < 6
"""

#: What the desk asks of each table, or writes into it.
_BARS = {
    "all bars of all symbols": "SELECT count(close) FROM {table} WHERE symbol_id = ANY("
    "(SELECT array_agg(n) FROM generate_series(1, {symbols}) n)::integer[]) "
    "AND session BETWEEN '{first}-01-01' AND '{last}-12-31' AND superseded_at IS NULL",
    "320 sessions of all symbols": "SELECT count(close) FROM {table} WHERE symbol_id = ANY("
    "(SELECT array_agg(n) FROM generate_series(1, {symbols}) n)::integer[]) "
    "AND session BETWEEN '{last}-01-01' AND '{last}-12-31' AND superseded_at IS NULL",
    "all bars of 15 symbols": "SELECT count(close) FROM {table} WHERE symbol_id = ANY("
    "(SELECT array_agg(n) FROM generate_series(1, 15) n)::integer[]) "
    "AND session BETWEEN '{first}-01-01' AND '{last}-12-31' AND superseded_at IS NULL",
    "first and last day of 15 symbols": "SELECT min(s.first), max(s.last) "
    "FROM generate_series(1, 15) n, LATERAL (SELECT min(session) AS first, max(session) AS last "
    "FROM {table} b WHERE b.symbol_id = n AND superseded_at IS NULL) s",
    "one day more of all symbols": "INSERT INTO {table} (symbol_id, session, known_at, source, "
    "open, high, low, close, volume) SELECT n, '{last}-12-31'::date + 1, now(), 'files', 1, 2, 1, 2, 1 "
    "FROM generate_series(1, {symbols}) n",
}
_FACTORS = {
    "the factors of a decision": "SELECT count(factor_values) FROM {table} "
    "WHERE book = 'wide' AND as_of = '{last}-06-03 21:00Z'",
    "of 15 symbols of it": "SELECT count(factor_values) FROM {table} "
    "WHERE book = 'wide' AND as_of = '{last}-06-03 21:00Z' AND symbol = ANY("
    "(SELECT array_agg('S' || n) FROM generate_series(1, 15) n)::text[])",
    "replaced for a decision": "WITH gone AS (DELETE FROM {table} WHERE book = 'wide' "
    "AND as_of = '{last}-06-03 21:00Z' AND symbol LIKE 'none%' RETURNING 1) "
    "INSERT INTO {table} (book, as_of, session, symbol, factor_set_id, factor_values) "
    "SELECT book, as_of, session, symbol, factor_set_id, factor_values FROM {table} "
    "WHERE book = 'wide' AND as_of = '{last}-06-03 21:00Z' AND (SELECT count(*) FROM gone) >= 0 "
    "ON CONFLICT (book, as_of, symbol) DO UPDATE SET factor_values = excluded.factor_values",
    "cleared from a decision on": "DELETE FROM {table} "
    "WHERE book = 'wide' AND as_of >= '{last}-12-20 21:00Z'",
}
TABLES = {
    "bars": Growing("session", _FILL_BARS, _BARS, "PRIMARY KEY (symbol_id, session, version)", 500, 10),
    "factors": Growing("as_of", _FILL_FACTORS, _FACTORS, "PRIMARY KEY (book, as_of, symbol)", 300, 6),
}


def main() -> None:
    """Print the milliseconds of each statement on the whole table and on parts, planning beside execution."""
    with postgres.ephemeral() as addresses, closing(connect(addresses.nightdesk)) as conn:
        migrate(conn)
        with cursor(conn) as cur:
            cur.execute("SET session_replication_role = replica")
        for name, growing in TABLES.items():
            both = (f"nightdesk.{name}", f"parted_{name}")
            _make(conn, name, growing)
            for table in both:
                began = perf_counter()
                _run(conn, growing.said(growing.fill, table))
                _run(conn, f"ANALYZE {table}")
                print(f"{table}: filled in {perf_counter() - began:.1f} s, {_megabytes(conn, table):.0f} MB")
            for what, text in growing.asks.items():
                whole, parts = (_milliseconds(conn, growing.said(text, table)) for table in both)
                print(
                    f"{name:8s} {what:34s} whole {whole[0]:6.2f} + {whole[1]:8.2f} ms   "
                    f"parts {parts[0]:6.2f} + {parts[1]:8.2f} ms"
                )


def _make(conn: Connection, name: str, growing: Growing) -> None:
    columns = f"LIKE nightdesk.{name} INCLUDING DEFAULTS, {growing.primary_key}"
    _run(conn, f"CREATE TABLE parted_{name} ({columns}) PARTITION BY RANGE ({growing.cut_by})")
    for year in range(FIRST_YEAR, FIRST_YEAR + growing.years + 1):
        span = f"FROM ('{year}-01-01') TO ('{year + 1}-01-01')"
        _run(conn, f"CREATE TABLE parted_{name}_{year} PARTITION OF parted_{name} FOR VALUES {span}")


def _run(conn: Connection, text: str) -> None:
    with cursor(conn) as cur:
        cur.execute(text)


def _milliseconds(conn: Connection, text: str) -> tuple[float, float]:
    """Planning and execution, the middle of some rounds; what is written is undone."""
    found = []
    for _ in range(ROUNDS):
        with cursor(conn) as cur:
            cur.execute("BEGIN")
            cur.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {text}")
            told = one(cur)[0][0]
            cur.execute("ROLLBACK")
        found.append((told["Planning Time"], told["Execution Time"]))
    return median(one[0] for one in found), median(one[1] for one in found)


def _megabytes(conn: Connection, table: str) -> float:
    with cursor(conn) as cur:
        cur.execute(
            "SELECT sum(pg_total_relation_size(relid)) / 1e6 FROM pg_partition_tree(%s) "
            "UNION ALL SELECT pg_total_relation_size(%s) / 1e6 ORDER BY 1 DESC NULLS LAST LIMIT 1",
            (table, table),
        )
        return float(one(cur)[0])


if __name__ == "__main__":
    main()
