"""What a year leaves behind: 250 sessions of a book decided in a database of their own, its tables measured.

    python tools/measure_year.py [SESSIONS] [BOOK]

prints what the longest tables hold, what a session adds, and what upkeep takes away. Bars are the sample
market's. Airflow's own rows are measured by the slow test in tests/machine/test_upkeep.py.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.machine import postgres
from nightdesk.machine.upkeep import MEGABYTE, clean_findings
from nightdesk.session.books import read_book
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, now
from nightdesk.store.migrations import migrate

SHOWN = 12


def sizes(conn: Connection) -> dict[str, tuple[int, int]]:
    """Bytes, with indexes, and rows of every table, the longest first."""
    with cursor(conn) as cur:
        cur.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
            "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind = 'r' ORDER BY 2 DESC"
        )
        found = cur.fetchall()
        rows = {}
        for name, size in found:
            cur.execute(f'SELECT count(*) FROM nightdesk."{name}"')
            [(count,)] = cur.fetchall()
            rows[name] = (size, count)
    return rows


def show(title: str, found: dict[str, tuple[int, int]], sessions: int) -> None:
    """Print the longest tables."""
    total = sum(size for size, _ in found.values())
    print(f"\n{title}: {total / MEGABYTE:,.1f} MB")
    for name, (size, rows) in list(found.items())[:SHOWN]:
        print(f"  {name:<24}{size / MEGABYTE:>9.2f} MB{rows:>11,} rows{rows / sessions:>10,.1f} a session")


def main() -> None:
    """Decide the sessions and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 250
    book = sys.argv[2] if len(sys.argv) > 2 else "multi_asset"
    calendar = get_calendar(read_book(Path("books") / f"{book}.yaml").calendar)
    with postgres.ephemeral() as addresses, tempfile.TemporaryDirectory() as home:
        os.environ |= {"NIGHTDESK_DATABASE_URL": addresses.nightdesk, "NIGHTDESK_HOME": home}
        conn = connect(addresses.nightdesk)
        migrate(conn)
        newest = calendar.latest_completed(now(conn))
        sessions = [as_date(one) for one in calendar.between(calendar.shift(newest, 1 - count), newest)]
        began, first = time.monotonic(), {}
        with open_context(book, sessions[0], feed="sample", conn=conn) as context:
            for number, session in enumerate(sessions, 1):
                run_session(context.at(session))
                if number == 1:
                    first = sizes(conn)
                if number % 25 == 0:
                    print(f"{number} sessions, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        show("after the first session", first, 1)
        with cursor(conn) as cur:
            cur.execute("VACUUM ANALYZE")
        show(f"after {count} sessions", sizes(conn), count)
        print(f"\nupkeep: {clean_findings(os.environ)}")
        with cursor(conn) as cur:
            cur.execute("VACUUM FULL")
        show("after upkeep and VACUUM FULL", sizes(conn), count)
        pages = [path.stat().st_size for path in Path(home).rglob("*") if path.is_file()]
        print(f"\npages and other files: {len(pages)}, {sum(pages) / MEGABYTE:,.1f} MB")
        conn.close()


if __name__ == "__main__":
    main()
