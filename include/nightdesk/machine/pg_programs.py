"""PostgreSQL's own programs for dumps: which fits a server, how it is called, and what its failure means."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from psycopg2.extensions import make_dsn, parse_dsn

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.core.masking import mask_line
from nightdesk.machine.bound_programs import bound
from nightdesk.machine.cluster import programs_folder
from nightdesk.store.db import address

_NEEDED = ("pg_dump", "pg_restore", "psql")

#: Words of a program about a disk or folder that takes no more.
_NO_ROOM = ("No space left", "Disk quota", "File too large", "Read-only file system")
#: Words of a program whose server went away, starts, or is busy.
_PASSING = (
    "server closed the connection", "terminating connection", "connection to server", "could not connect",
    "the database system is", "lock timeout", "could not receive data", "connection not open", "no "
    "connection to",
    "lost synchronization",
    "SSL connection has been closed", "could not send data", "too many c",
)  # fmt: skip


@dataclass(frozen=True)
class Programs:
    """The programs of one version of PostgreSQL.

    Parameters
    ----------
    folder : Path
        Where they are.
    major : int
        Their major version.
    """

    folder: Path
    major: int

    def run(
        self,
        name: str,
        arguments: Sequence[str],
        url: str,
        *,
        what: str,
        seconds: float | None = None,
        stdin: IO[bytes] | None = None,
    ) -> None:
        """Run a program on a database to its end; it ends with this process (`bound`).

        Its password goes by the environment: the arguments of a process can be read by everybody.

        Parameters
        ----------
        name, arguments
            The program, and what it is told beside the database.
        url : str
            The libpq address of the database.
        what : str
            What is being done, for messages.
        seconds : float, optional
            After so long it is ended, and that is a passing fault.
        stdin : file, optional
            What it reads.

        Raises
        ------
        Refused, Transient
            When it fails, with its own words.
        """
        conninfo, environ = libpq(url)
        command = [str(self.folder / name), "--no-password", f"--dbname={conninfo}", *arguments]
        with TemporaryFile() as said:
            try:
                done = subprocess.run(
                    bound(command),
                    env=environ,
                    stdin=subprocess.DEVNULL if stdin is None else stdin,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise Transient(f"{what}: {name} did not end within {seconds:.0f} s and was ended") from None
            said.seek(0)
            words = said.read().decode(errors="replace")
        if done.returncode != 0:
            raise failure(f"{what} (database {address(url)})", name, done.returncode, words)


def libpq(url: str) -> tuple[str, dict[str, str]]:
    """The address of a database without its password, and an environment that has that."""
    parts = parse_dsn(url)
    password = parts.pop("password", None)
    # What libpq's own variables say (PGPASSFILE, PGSSLROOTCERT) counts for the desk's connections too.
    environ = {**os.environ, "LC_ALL": "C", **({} if password is None else {"PGPASSWORD": password})}
    return make_dsn(**parts), environ


def failure(what: str, name: str, status: int, words: str) -> NightdeskError:
    """What it means that a program of PostgreSQL failed."""
    said = mask_line(" ".join(words.split())[:600]) or "it said nothing"
    if status < 0:
        return Transient(
            f"{what}: {name} was killed by signal {-status}. Nothing half-done is left: try again"
        )
    if any(one in words for one in _NO_ROOM):
        return Refused(f"{what}: there is no room for it: {said}. Make room there, or name another place")
    if any(one in words for one in _PASSING):
        return Transient(f"{what}: {name} lost the server or waited too long for it: {said}. Try again")
    return Refused(f"{what}: {name} failed with status {status}: {said}")


def dump_programs(server: int) -> Programs:
    """Those that can dump a server of a major version: its own version where it is there, else a newer one.

    Raises
    ------
    Refused
        When all that are here are older, or none is here: an older pg_dump cannot read a newer server.
    """
    fit = [one for one in _here() if one.major >= server]
    same = [one for one in fit if one.major == server]
    if same or fit:
        return (same or sorted(fit, key=lambda one: one.major))[0]
    known = ", ".join(f"{one.major} in {one.folder}" for one in _here()) or "none"
    raise Refused(
        f"the server is PostgreSQL {server}, and a dump of it takes pg_dump of version {server} or newer; "
        f"found here: {known}. Install the client of PostgreSQL {server}, and have its programs on PATH"
    )


def restore_programs(dumped_by: int, server: int) -> Programs:
    """Those that read a dump and write to a server: the server's version where it reads the dump, else newer.

    Raises
    ------
    Refused
        When all that are here are older than those that made the dump.
    """
    fit = [one for one in _here() if one.major >= dumped_by]
    same = [one for one in fit if one.major == server]
    if same or fit:
        return (same or sorted(fit, key=lambda one: one.major))[0]
    known = ", ".join(f"{one.major} in {one.folder}" for one in _here()) or "none"
    raise Refused(
        f"the dump was made by pg_dump {dumped_by}, and is read by pg_restore of that version or newer; "
        f"found here: {known}. Install the client of PostgreSQL {dumped_by}, and have its programs on PATH"
    )


def _here() -> list[Programs]:
    """The programs of the wheel, and those on PATH."""
    found = []
    with suppress(Refused):
        found.append(programs_folder())
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        found.append(Path(on_path).parent)
    versions = [Programs(folder, _major(folder)) for folder in found if _is_whole(folder)]
    return [one for one in versions if one.major]


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _NEEDED)


@cache
def _major(folder: Path) -> int:
    """The major version of the programs in a folder; 0 where they do not say."""
    try:
        done = subprocess.run(
            [str(folder / "pg_dump"), "--version"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else 0
