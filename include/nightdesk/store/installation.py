"""Which installation of the desk a database belongs to."""

from __future__ import annotations

from nightdesk.store.db import Connection, cursor, one


def installation_mark(conn: Connection) -> str:
    """The mark of this installation, six characters of ``[a-z0-9]``: made once, with the tables.

    A copy of the database has it too, and one that was restored from a backup.
    """
    with cursor(conn) as cur:
        cur.execute("SELECT mark FROM nightdesk.installation")
        return str(one(cur)[0])
