"""Write down the columns of the named queries that steps ask ahead: ``sql/queries/columns.json``.

    python tools/write_columns.py

To be run when one of them changes; ``tests/store/test_ahead.py`` fails until it was.
"""

from __future__ import annotations

import json
import re

from nightdesk.machine import postgres
from nightdesk.session.reading_ahead import ASKED_AHEAD
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, sql_folder
from nightdesk.store.migrations import migrate
from nightdesk.store.queries import query


def described(conn: Connection, name: str) -> list[tuple[str, int]]:
    """Name and type of each column of a query."""
    text = query(name)
    with cursor(conn) as cur:
        cur.execute(
            f"SELECT * FROM (\n{text}\n) AS q LIMIT 0", dict.fromkeys(re.findall(r"%\((\w+)\)s", text))
        )
        return [(one.name, one.type_code) for one in cur.description or ()]


def main() -> None:
    """Describe them on a new database."""
    with postgres.ephemeral() as addresses:
        conn = connect(addresses.nightdesk, checked=False)
        try:
            migrate(conn)
            found = {name: described(conn, name) for name in sorted(ASKED_AHEAD)}
        finally:
            conn.close()
    lines = [f"{json.dumps(name)}: {json.dumps(columns)}" for name, columns in found.items()]
    path = sql_folder() / "queries" / "columns.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{path}: {len(found)} queries")


if __name__ == "__main__":
    main()
