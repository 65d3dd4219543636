"""Which code is the desk's: the version that was announced, or was first seen at work, last."""

from __future__ import annotations

from dataclasses import dataclass

from nightdesk.store.db import Connection, cursor
from nightdesk.store.queries import query


@dataclass(frozen=True)
class KnownCode:
    """What the database knows of code when an attempt begins.

    Attributes
    ----------
    current : str or None
        The version of the package that is the desk's; None before any has worked.
    is_known : bool
        Whether the version of whoever asks has worked, or was announced, before.
    """

    current: str | None
    is_known: bool


def package_of(code_version: str) -> str:
    """The version of the package in one that may name plug-ins too: ``0.1.0+3f9c`` of ``0.1.0+3f9c.ab12``."""
    number, plus, digests = code_version.partition("+")
    return f"{number}{plus}{digests.partition('.')[0]}"


def known_code(conn: Connection, package: str) -> KnownCode:
    """What is known of a version of the package."""
    with cursor(conn) as cur:
        cur.execute(query("known_code"), {"package": package})
        return KnownCode(*(cur.fetchone() or (None, False)))


def announce_code(conn: Connection, package: str) -> None:
    """Say that a version of the package is the desk's from now on; nothing is written where it is already.

    A worker of any other version that has worked before is one of older code then.
    """
    with cursor(conn) as cur:
        cur.execute(query("announce_code"), {"package": package})


def first_seen_code(conn: Connection, package: str) -> None:
    """Remember a version that works for the first time, which makes it the desk's."""
    with cursor(conn) as cur:
        cur.execute(query("first_seen_code"), {"package": package})
