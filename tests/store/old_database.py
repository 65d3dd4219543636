"""A database as the desk left it before decisions were named by their instants, with the data of both books.

`tests/golden/database_030.sql.gz` holds the rows of a database at migration 030 in which multi_asset and
equity_swing have decided three sessions from 2016-06-23 on, with orders open after the last one; bars,
headlines and pages are left out. It was written by `pg_dump --data-only` from the code of that time.
"""

import gzip
import io
import re
from pathlib import Path

from tests.conftest import PROJECT

from nightdesk.store.db import Connection, cursor, sql_folder
from nightdesk.store.migrations import migrate

DUMP = PROJECT / "tests" / "golden" / "database_030.sql.gz"
NEWEST = "030_task_failures.sql"

_BLOCK = re.compile(r"^(COPY .*? FROM stdin);\n(.*?)^\\\.$|^(SELECT .*?);$", re.MULTILINE | re.DOTALL)


def old_migrations(folder: Path) -> Path:
    """The migrations up to 030, in a folder of their own."""
    folder.mkdir(parents=True)
    for path in sorted((sql_folder({}) / "migrations").glob("*.sql")):
        if path.name <= NEWEST:
            (folder / path.name).write_text(path.read_text())
    return folder


def make_old(conn: Connection, folder: Path) -> None:
    """Bring an empty database to where the desk had left it."""
    migrate(conn, old_migrations(folder))
    with cursor(conn) as cur:
        # The order of the tables is that of their names: foreign keys are not checked in this role.
        cur.execute("SET session_replication_role = replica")
        for copy, rows, statement in _BLOCK.findall(gzip.decompress(DUMP.read_bytes()).decode()):
            if copy:
                cur.copy_expert(f"{copy}", io.StringIO(rows))
            else:
                cur.execute(statement)
        cur.execute("SET session_replication_role = DEFAULT")
