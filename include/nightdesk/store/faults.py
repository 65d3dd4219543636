"""What a fault of PostgreSQL means: a sentence for people, and whether trying again may heal it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import errors

from nightdesk.core.errors import NightdeskError, Refused, Transient

#: What a server that answered says and trying again will not heal.
_FINAL = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "permission denied",
    "no password",
)
#: What libpq says of a server that does not encrypt, or whose certificate is not the one that was asked for.
_UNTRUSTED = (
    "does not support SSL",
    "certificate verify failed",
    "does not match host name",
    "root certificate file",
)
_FULL = ("too many c", "remaining connection slots")

#: Faults of a statement that mean more than that it did not finish.
_MEANINGS: tuple[tuple[type[psycopg2.Error], type[NightdeskError], str], ...] = (
    (
        errors.ReadOnlySqlTransaction,
        Refused,
        "is read-only: a standby, or its default_transaction_read_only is on. "
        "Name the primary server, or let this one write",
    ),
    (
        errors.InsufficientPrivilege,
        Refused,
        "does not allow its user to do that. Grant it, or name another user "
        "(docs/security.md says what owner, writer and reader may)",
    ),
    (
        errors.ObjectNotInPrerequisiteState,
        Refused,
        "keeps what it holds, whoever asks: what was sent, booked and sealed is not rewritten",
    ),
    (errors.DiskFull, Transient, "has no room on its disk: nothing was written. Make room, then try again"),
    (
        errors.LockNotAvailable,
        Transient,
        "waited too long for rows or a table that another process holds. Let it end, then try again",
    ),
    (
        errors.QueryCanceled,
        Transient,
        "ended a statement that took too long, or that somebody cancelled. "
        "Try again when the machine is less busy",
    ),
)


def failed_connection(error: psycopg2.Error, where: str, name_of_address: str) -> NightdeskError:
    """What it means that no connection was made.

    Parameters
    ----------
    error : psycopg2.Error
        libpq's fault, which has no code: its words tell a server that is silent from one that refuses.
    where : str
        The server, for people, without the password.
    name_of_address : str
        The variable that names it.
    """
    reason = first_line(error)
    if any(words in str(error) for words in _UNTRUSTED):
        why = next(line for line in str(error).splitlines() if any(words in line for words in _UNTRUSTED))
        return Refused(
            f"PostgreSQL at {where} is not trusted: {why.strip()}. Nothing was sent to it. Correct sslmode, "
            f"sslrootcert or the host in {name_of_address}, or give the server a certificate for that name"
        )
    if "FATAL:" not in reason:
        return Transient(
            f"PostgreSQL at {where} cannot be reached: {reason}. "
            f"Start it (`make run` starts the embedded one) or correct {name_of_address}"
        )
    if is_full(error):
        return Transient(
            f"PostgreSQL at {where} has all its connections in use: {reason}. "
            "Try again, end what holds them, or raise its max_connections"
        )
    if any(words in reason for words in _FINAL):
        return Refused(f"PostgreSQL at {where} refuses: {reason}. Correct {name_of_address}")
    return Transient(f"PostgreSQL at {where} takes no connection now: {reason}. Try again")


def is_full(error: psycopg2.Error) -> bool:
    """Whether a server answered that all its connections are in use."""
    return any(words in first_line(error) for words in _FULL)


@contextmanager
def in_words(where: str | None) -> Iterator[None]:
    """Raise what a person or a retry can heal as `Refused` or `Transient`; defects keep their class."""
    try:
        yield
    except psycopg2.Error as error:
        for kind, meant, words in _MEANINGS:
            if isinstance(error, kind):
                raise meant(f"PostgreSQL at {where} {words} ({first_line(error)})") from error
        if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
            raise Transient(
                f"PostgreSQL at {where} did not finish: {first_line(error)}. Try again"
            ) from error
        raise


def first_line(error: Exception) -> str:
    """The first line of an error's words; its class where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
