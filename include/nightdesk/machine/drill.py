"""The drill: the newest backup in a server of its own, verified, and its newest decisions made again.

All of it happens in a folder and an embedded server that are gone at the end, also what a drill left that was
killed. It has no key of a broker and nobody's address: it reaches nothing but the backup.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.machine import postgres
from nightdesk.machine.backup_place import BackupPlace
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.home import Home, exclusive
from nightdesk.machine.loading_dumps import (
    NEWEST_BACKUP,
    Dump,
    checked_dump,
    compare_with_manifest,
    load,
    programs_of,
)
from nightdesk.operations.decide_again import DecidedAgain, decide_again, unreached
from nightdesk.operations.integrity import BookVerified, verify_all
from nightdesk.store.backup_rows import HASHED_DECISIONS, begin_drill, end_drill
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection
from nightdesk.store.message_rows import Level, raise_alert
from nightdesk.store.migrations import migrate

#: The database of the drill's server.
_DATABASE = "nightdesk"
#: So many lines of what was found are told.
_LINES = 20


class DrillFailed(Refused):
    """The newest backup could not be restored, or does not decide as it did; people were told."""


@dataclass
class DrillFound:
    """What a drill finds, as far as it came.

    Attributes
    ----------
    file, made_at
        The backup.
    restore_seconds, verify_seconds, decide_seconds : float or None
        How long each part took.
    verified : tuple of BookVerified
    again : tuple of DecidedAgain
    faults : list of str
        Why it failed; empty when it did not.
    notes : list of str
        What could not be compared.
    """

    file: str | None = None
    made_at: datetime | None = None
    restore_seconds: float | None = None
    verify_seconds: float | None = None
    decide_seconds: float | None = None
    verified: tuple[BookVerified, ...] = ()
    again: tuple[DecidedAgain, ...] = ()
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether the backup is one that the desk can be restored from."""
        return not self.faults

    @property
    def level(self) -> Level:
        """How grave it is."""
        if self.faults:
            return "CRITICAL"
        return "WARNING" if self.notes else "INFO"

    def judge(self) -> None:
        """Turn what was verified and decided again into faults and notes."""
        for one in self.verified:
            self.faults += [f"{one.book} does not verify: {each}" for each in one.found.differences[:3]]
        for again in self.again:
            if again.is_same:
                continue
            if again.changed and not again.failed:
                # Other code, or another file of the book, may decide otherwise: no fault of the backup.
                self.notes.append(f"not to be compared: {again}")
            else:
                self.faults.append(f"decided otherwise: {again}")

    @property
    def compared(self) -> tuple[DecidedAgain, ...]:
        """The decisions that could be compared."""
        return tuple(one for one in self.again if one.is_same or not one.changed)

    def words(self) -> str:
        """All of it for a person."""
        compared = self.compared
        lines = [
            f"backup {self.file} of {self.made_at:%Y-%m-%d %H:%M} UTC"
            if self.made_at
            else "no backup was read"
        ]
        if self.restore_seconds is not None:
            lines.append(f"restored in {self.restore_seconds:.1f} s")
        if self.verify_seconds is not None:
            lines.append(f"{len(self.verified)} books verified in {self.verify_seconds:.1f} s")
        if self.decide_seconds is not None:
            same = sum(one.is_same for one in compared)
            lines.append(
                f"{same} of {len(compared)} decisions the same again, in {self.decide_seconds:.1f} s"
            )
        more = len(self.faults) + len(self.notes) - _LINES
        lines += [*self.faults, *self.notes][:_LINES] + ([f"and {more} more"] if more > 0 else [])
        return "\n".join(lines)


def drill(
    home: Home,
    environ: Mapping[str, str],
    *,
    place: str | None = None,
    source: str = NEWEST_BACKUP,
    newest: int = HASHED_DECISIONS,
) -> DrillFound:
    """Rehearse a restore; what was found is a row of `drills`, and told: INFO, or CRITICAL where it failed.

    Parameters
    ----------
    home : Home
        The desk.
    environ : mapping of str to str
    place : str, optional
        Where backups are; default: that of the environment, else ``backups`` of the desk.
    source : str
        A backup there, or ``newest``.
    newest : int
        How many decisions of each book are made again.

    Raises
    ------
    Refused
        When another drill is under way here.
    Transient
        When the desk's database does not answer.
    """
    found, where = DrillFound(), BackupPlace.find(home, environ, place)
    url = postgres.database_url(home, environ)
    with _alone(home):
        with closing(connect(url, environ, checked=True)) as conn:
            number = begin_drill(conn, str(where))
        try:
            _rehearse(home, environ, where, source, newest, found)
        except (NightdeskError, OSError) as error:
            found.faults.append(str(error))
        except Exception as error:
            found.faults.append(f"{type(error).__name__}: {error}")
            raise
        finally:
            # The drill takes minutes: the connection of its beginning may have ended since.
            with closing(connect(url, environ, checked=True)) as conn:
                _record(conn, number, found)
    return found


def _rehearse(
    home: Home, environ: Mapping[str, str], place: BackupPlace, source: str, newest: int, found: DrillFound
) -> None:
    with checked_dump(place, source) as dump, _own_server(home) as cluster:
        found.file, found.made_at = dump.manifest.file, dump.manifest.made_at
        began = time.monotonic()
        url = cluster.url(_DATABASE)
        with closing(connect(url, checked=False)) as conn:
            _restore_here(conn, dump, url)
        found.restore_seconds = time.monotonic() - began
        with closing(connect(url, checked=True)) as conn:
            began = time.monotonic()
            found.verified = verify_all(conn)
            found.verify_seconds = time.monotonic() - began
            began = time.monotonic()
            alone = unreached(home.environment(environ))
            for users in (postgres.OWNER_VARIABLE, postgres.READER_VARIABLE):
                alone.pop(users, None)  # they name the desk's own database
            alone |= {"NIGHTDESK_HOME": str(_folder(home) / "home"), postgres.DATABASE_VARIABLE: url}
            found.again = decide_again(conn, alone, newest)
            found.decide_seconds = time.monotonic() - began
    found.judge()


def _restore_here(conn: Connection, dump: Dump, url: str) -> None:
    programs, server = programs_of(dump, conn), conn.server_version // 10000
    load(dump, programs, url, server, rights=False, jobs=2)
    wrong = compare_with_manifest(conn, dump.manifest)
    if wrong:
        raise Refused(f"{dump.manifest.file} does not hold what its manifest says: {'; '.join(wrong)}")
    migrate(conn)


def _record(conn: Connection, number: int, found: DrillFound) -> None:
    compared = found.compared
    end_drill(
        conn,
        number,
        outcome="ok" if found.is_well else "failed",
        file=found.file,
        made_at=found.made_at,
        books=len(found.verified),
        decisions=len(compared),
        differing=sum(not one.is_same for one in compared),
        restore_seconds=found.restore_seconds,
        verify_seconds=found.verify_seconds,
        decide_seconds=found.decide_seconds,
        words=found.words(),
    )
    subject = (
        "The drill is done: the newest backup restores, verifies and decides as it did"
        if found.is_well
        else "The drill failed: the desk could not be restored from its newest backup as it was"
    )
    todo = (
        ""
        if found.is_well
        else "\n\nMake a backup now (`nightdesk backup`) and try again (`nightdesk drill`); until that is "
        "well do not count on the backups. docs/backup.md says what each finding means."
    )
    raise_alert(conn, f"drill {number} {found.file}", found.level, subject, f"{found.words()}{todo}")


def _folder(home: Home) -> Path:
    """Where all of a drill is: one a desk, so that what a killed one left is found."""
    return home.state / "drill"


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    try:
        with exclusive(home.run / "drill.lock", timeout=0.0):
            yield
    except Transient as error:
        if "holds" not in str(error):
            raise
        raise Refused("another drill of this desk is under way: let it end") from error


@contextmanager
def _own_server(home: Home) -> Iterator[Cluster]:
    """A server that nobody else knows, with an empty database; it and its folder are gone at the end."""
    folder = _folder(home)
    cluster = Cluster(folder / "postgres", durable=False)
    _clear(cluster, folder)
    try:
        folder.mkdir(parents=True)
        (folder / "home").mkdir()
        cluster.start((_DATABASE,))
        yield cluster
    finally:
        _clear(cluster, folder)


def _clear(cluster: Cluster, folder: Path) -> None:
    if folder.exists():
        cluster.destroy()
    shutil.rmtree(folder, ignore_errors=True)
