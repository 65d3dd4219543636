"""The users of the embedded server: one a role, each with a password of its own.

They are made when the server is started and they cannot log in; their passwords are in a file of the desk's
home that nobody else can read.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import Literal

from nightdesk.machine.cluster import Cluster
from nightdesk.machine.home import Home, exclusive, read_json, write_json

Role = Literal["owner", "writer", "reader"]
DATABASE = "nightdesk"

#: The user and the group of each role.
USERS: dict[Role, tuple[str, str]] = {
    "owner": ("desk_owner", "nightdesk_owner"),
    "writer": ("desk_writer", "nightdesk_writer"),
    "reader": ("desk_reader", "nightdesk_reader"),
}


def url_of(home: Home, role: Role) -> str:
    """The libpq address of a role's user in the desk's database; the superuser's where users are yet to be
    made.
    """
    cluster = Cluster(home.postgres)
    passwords = read_json(home.database_logins) or {}
    if role not in passwords:
        return cluster.url(DATABASE)
    return cluster.url(DATABASE, USERS[role][0], passwords[role])


def ensure_logins(home: Home, *, anew: bool = False) -> bool:
    """Make the users of a server that runs, and hand the desk's tables to the owner's role.

    Parameters
    ----------
    home : Home
        The desk.
    anew : bool
        Whether it is done where the users can log in too: after somebody else has made the tables, by a
        restored dump for one.

    Returns
    -------
    bool
        Whether anything was to be done.
    """
    with exclusive(home.run / "logins.lock"):
        passwords = read_json(home.database_logins) or {}
        whole = USERS.keys() <= passwords.keys()
        if whole and not anew and all(_can_log_in(url_of(home, role)) for role in USERS):
            return False
        if not whole:
            passwords = {role: secrets.token_urlsafe(24) for role in USERS}
        _make(Cluster(home.postgres), passwords)
        write_json(home.database_logins, passwords)
        return True


def _can_log_in(url: str) -> bool:
    import psycopg2

    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def _make(cluster: Cluster, passwords: dict[Role, str]) -> None:
    """The groups, a user in each, the tables' owner; as the server's superuser, in one transaction."""
    import psycopg2
    from psycopg2 import sql

    from nightdesk.store.roles import GROUPS_FILE, OWNERSHIP_FILE, document

    cluster.ask_passwords_of([user for user, _ in USERS.values()])
    with (
        closing(psycopg2.connect(cluster.url(DATABASE), connect_timeout=5)) as conn,
        conn,
        conn.cursor() as cur,
    ):
        # A statement with a password in it is in no log, whatever the server logs.
        cur.execute("SET LOCAL log_statement = 'none'; SET LOCAL log_min_error_statement = 'panic'")
        cur.execute(document(GROUPS_FILE))
        for role, (user, group) in USERS.items():
            names = {"user": sql.Identifier(user), "group": sql.Identifier(group)}
            cur.execute("SELECT to_regrole(%s) IS NULL", (user,))
            if (cur.fetchone() or (True,))[0]:
                cur.execute(sql.SQL("CREATE ROLE {user} LOGIN").format(**names))
            cur.execute(
                sql.SQL("ALTER ROLE {user} LOGIN PASSWORD {password}; GRANT {group} TO {user}").format(
                    **names, password=sql.Literal(passwords[role])
                )
            )
        cur.execute(document(OWNERSHIP_FILE))
        cur.execute("SELECT pg_reload_conf()")
