"""A dump on its way into a database: found, looked at, loaded whole, compared with its manifest."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from nightdesk.core.errors import Refused
from nightdesk.core.masking import mask_line
from nightdesk.machine.backup import sha256_of
from nightdesk.machine.backup_manifest import DUMP, MANIFEST, Manifest, read_manifest
from nightdesk.machine.backup_place import BackupPlace, find_backups
from nightdesk.machine.bound_programs import bound
from nightdesk.machine.pg_programs import Programs, failure, libpq, restore_programs
from nightdesk.store.backup_rows import closed_decisions, hash_kind
from nightdesk.store.db import Connection
from nightdesk.store.installation import installation_mark
from nightdesk.store.migrations import applied_names, known_names

NEWEST_BACKUP = "newest"

#: A line of pg_restore's list of what a dump holds: the last word is who gives rights to tables of later.
_GIVER = re.compile(r"^\d+; .* DEFAULT ACL nightdesk .* (\S+)$", re.MULTILINE)

#: A setting that pg_restore of this version and newer sets, and older servers do not know.
_NEW_SETTING, _KNOWN_SINCE = b"SET transaction_timeout = 0;\n", 17


@dataclass(frozen=True)
class Dump:
    """A dump that was looked at: here on disk, whole, and readable.

    Attributes
    ----------
    path : Path
    manifest : Manifest
    place : str
        Where it was found.
    givers : tuple of str
        Roles that give rights to tables of later in it.
    """

    path: Path
    manifest: Manifest
    place: str
    givers: tuple[str, ...] = ()


@contextmanager
def checked_dump(place: BackupPlace, source: str) -> Iterator[Dump]:
    """The dump that is meant, for the block.

    Parameters
    ----------
    place : BackupPlace
        Where the newest one is looked for.
    source : str
        ``newest``, or a dump or its manifest: a path, or ``s3://BUCKET/KEY``.

    Raises
    ------
    Refused
        When there is none, its manifest is cut or of another file, the dump is not what was written, it is of
        newer code, or pg_restore cannot read it.
    """
    if source == NEWEST_BACKUP:
        found = find_backups(place)
        if not found.backups:
            raise Refused(
                f"there is no backup in {place}" + "".join(f"\n{one}" for one in found.wrong) + "\n"
                "Name the file, or the place (`--from`, NIGHTDESK_BACKUP)"
            )
        name = found.backups[0].name
    else:
        place, name = _named(place, source)
    with TemporaryDirectory(prefix="nightdesk-restore-") as folder:
        yield _checked(place, name, Path(folder))


def _named(place: BackupPlace, source: str) -> tuple[BackupPlace, str]:
    """The place of a file that a person names, and the name of its manifest."""
    if not source.endswith((DUMP, MANIFEST)):
        raise Refused(f"{source} is no backup: expected the name of a {DUMP} or {MANIFEST} file, or `newest`")
    if "://" in source:
        folder, _, file = source.rpartition("/")
        place = BackupPlace(folder, place.environ)
    else:
        path = Path(source).expanduser()
        if not path.exists() and "/" not in source:  # as `nightdesk backups` shows it
            path = Path(place.address) / source if not place.is_remote else path
        folder, file = str(path.absolute().parent), path.name
        place = place if place.is_remote and "/" not in source else BackupPlace(folder, place.environ)
    return place, file.removesuffix(DUMP).removesuffix(MANIFEST) + MANIFEST


def _checked(place: BackupPlace, name: str, folder: Path) -> Dump:
    where = f"{place}/{name}"
    try:
        manifest = read_manifest(place.read(name), where)
        if manifest.name != name:
            raise Refused(f"{where} is the manifest of {manifest.file}: it was renamed, or is another one's")
        path = place.fetch(manifest.file, folder)
        size = path.stat().st_size
    except OSError as error:
        raise Refused(
            f"{where}: {error.strerror or error}. A backup is a dump with its manifest beside it; "
            "`nightdesk backups` lists them"
        ) from error
    if size != manifest.bytes:
        raise Refused(
            f"{place}/{manifest.file} has {size:,} bytes, {manifest.bytes:,} were written: it was cut or "
            "changed. Take another backup"
        )
    if sha256_of(path) != manifest.sha256:
        raise Refused(
            f"{place}/{manifest.file} is not what was written (its SHA-256 is another one): it was "
            "changed, or "
            "its disk is broken. Take another backup"
        )
    contents = _read_list(path, manifest)
    _must_be_known(manifest, where)
    return Dump(path, manifest, str(place), tuple(sorted(set(_GIVER.findall(contents)))))


def _must_be_known(manifest: Manifest, where: str) -> None:
    known = known_names()
    if manifest.newest_migration not in known:
        raise Refused(
            f"{where}: the backup was made by newer code ({manifest.code_version}): its schema is at "
            f"{manifest.newest_migration}, this code knows up to {known[-1]}. Update the code"
        )


def _read_list(path: Path, manifest: Manifest) -> str:
    """What pg_restore lists of the dump; the desk's own tables must be in it."""
    programs = restore_programs(manifest.programs, manifest.server)
    done = subprocess.run(
        [str(programs.folder / "pg_restore"), "--list", str(path)],
        capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != 0:
        raise Refused(f"{path}: pg_restore cannot read it: {mask_line(done.stderr.strip()[:300])}")
    if " TABLE DATA nightdesk migrations " not in done.stdout:
        raise Refused(f"{path} holds no tables of the desk: it is another database's")
    return done.stdout


def programs_of(dump: Dump, conn: Connection) -> Programs:
    """The programs that load a dump into a server; `Refused` where the server is older than the dump's."""
    server = conn.server_version // 10000
    if server < dump.manifest.server:
        raise Refused(
            f"the dump is of PostgreSQL {dump.manifest.server}, this server is {server}: restore it "
            "into one that "
            "is not older"
        )
    return restore_programs(dump.manifest.programs, server)


def load(
    dump: Dump, programs: Programs, url: str, server: int, *, rights: bool, jobs: int | None = None
) -> None:
    """Load a dump into a database without the desk's tables.

    Parameters
    ----------
    dump : Dump
    programs : Programs
        See `programs_of`.
    url : str
        The libpq address of the database.
    server : int
        Its major version.
    rights : bool
        Whether rights of roles are restored too; all of them must exist.
    jobs : int, optional
        So many connections at once, where a half-loaded database will be thrown away; else it is one
        transaction, all or nothing.

    Raises
    ------
    Refused, Transient
        When it fails.
    """
    common = ["--no-owner", "--exit-on-error", *([] if rights else ["--no-privileges"])]
    if programs.major >= _KNOWN_SINCE > server:
        _load_as_text(dump, programs, url, common)
        return
    together = ["--single-transaction"] if jobs is None else [f"--jobs={jobs}"]
    what = f"{dump.path.name} was not restored"
    programs.run("pg_restore", [*common, *together, str(dump.path)], url, what=what)


def _load_as_text(dump: Dump, programs: Programs, url: str, common: list[str]) -> None:
    """Load through psql, without the one setting that the server does not know; one transaction."""
    conninfo, environ = libpq(url)
    what = f"{dump.path.name} was not restored"
    reader = [str(programs.folder / "pg_restore"), *common, "--file=-", str(dump.path)]
    writer = [str(programs.folder / "psql"), "--no-password", "--no-psqlrc", "--quiet"]
    writer += ["--set=ON_ERROR_STOP=1", f"--dbname={conninfo}"]
    with TemporaryFile() as said:
        source = subprocess.Popen(bound(reader), stdout=subprocess.PIPE, stderr=said)
        sink = subprocess.Popen(
            bound(writer), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, env=environ
        )
        try:
            with suppress(BrokenPipeError), source, sink:
                _pass_on(source, sink)
        finally:
            for one in (source, sink):
                one.kill()
                one.wait()
        said.seek(0)
        words = said.read().decode(errors="replace")
    if sink.returncode != 0:
        raise failure(what, "psql", sink.returncode, words)
    if source.returncode != 0:
        raise failure(what, "pg_restore", source.returncode, words)


def _pass_on(source: subprocess.Popen[bytes], sink: subprocess.Popen[bytes]) -> None:
    """Give one program what the other says in one transaction, without the setting, which is at its head.

    psql's own --single-transaction commits at the end of its input, and so does half a dump when this process
    is killed: the end of the transaction is written here, after the last line.
    """
    assert source.stdout is not None
    assert sink.stdin is not None
    head = b"".join(source.stdout.readline() for _ in range(40))
    sink.stdin.write(b"BEGIN;\n")
    sink.stdin.write(head.replace(_NEW_SETTING, b"", 1))
    while piece := source.stdout.read(1 << 20):
        sink.stdin.write(piece)
    if source.wait() == 0:
        sink.stdin.write(b"COMMIT;\n")
    sink.stdin.close()


def compare_with_manifest(conn: Connection, manifest: Manifest) -> list[str]:
    """What a loaded database holds otherwise than the manifest says; to be asked before it is migrated."""
    wrong = []
    mark, names = installation_mark(conn), applied_names(conn)
    if mark != manifest.installation:
        wrong.append(f"it is of installation {mark}, the manifest says {manifest.installation}")
    if not names or names[-1] != manifest.newest_migration:
        wrong.append(f"its schema is at {names[-1:]}, the manifest says {manifest.newest_migration}")
        return wrong
    # Other tables, or another list of them, make other hashes.
    hashed = manifest.newest_migration == known_names()[-1] and manifest.hashed_by == hash_kind()
    found = closed_decisions(conn)
    for book in sorted({*found, *manifest.books}):
        ours, theirs = found.get(book), manifest.books.get(book)
        if ours is None or theirs is None:
            wrong.append(f"book {book} is {'not there' if ours is None else 'not in the manifest'}")
        elif ours.closed != theirs.closed:
            wrong.append(f"{book}: {ours.closed} closed decisions, the manifest says {theirs.closed}")
        elif hashed and ours.hashes != dict(theirs.hashes):
            wrong.append(f"{book}: its newest decisions are not those of the manifest")
    return wrong
