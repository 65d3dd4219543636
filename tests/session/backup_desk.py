"""A small desk with a project of its own, so that its backups can be made, restored and rehearsed."""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from psycopg2.extensions import make_dsn, parse_dsn
from tests.conftest import PROJECT
from tests.session.small_desk import SmallDesk

from nightdesk.machine.backup import BackupMade, make_backup
from nightdesk.machine.home import Home


@dataclass(frozen=True)
class BackupDesk:
    """A desk, the folders of its project, and the environment that its commands have."""

    desk: SmallDesk
    home: Home
    environ: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where its backups are."""
        return Path(self.environ["NIGHTDESK_BACKUP"])

    def backup(self, **options: object) -> BackupMade:
        return make_backup(self.home, self.environ, **options)  # type: ignore[arg-type]

    def files(self) -> list[str]:
        """What is in the folder of its backups, hidden files too."""
        return sorted(one.name for one in self.folder.iterdir()) if self.folder.exists() else []

    def databases(self) -> set[str]:
        """Names of the databases that restores have made beside its own."""
        own = parse_dsn(self.desk.url)["dbname"]
        found = self.desk.rows("SELECT datname FROM pg_database WHERE datname LIKE %s", f"{own}_%")
        return {str(name) for (name,) in found}

    def url_of(self, name: str) -> str:
        """The address of another database of its server."""
        return make_dsn(**{**parse_dsn(self.desk.url), "dbname": name})


def backup_desk(desk: SmallDesk, folder: Path) -> BackupDesk:
    """The desk with a project in `folder`, whose book is its own."""
    root = folder / "project"
    (root / "books").mkdir(parents=True)
    (root / "sql").symlink_to(PROJECT / "sql")
    (root / "books" / "small.yaml").symlink_to(desk.book)
    environ = {
        **os.environ,
        "NIGHTDESK_ROOT": str(root),
        "NIGHTDESK_HOME": str(folder / "state"),
        "NIGHTDESK_DATABASE_URL": desk.url,
        "NIGHTDESK_BACKUP": str(folder / "backups"),
    }
    return BackupDesk(desk, Home.find(environ), environ)


@contextmanager
def killing(program: str, argument: str, after: float = 0.0) -> Iterator[list[int]]:
    """Kill the first child that runs `program` with an argument that begins so; which one it was."""
    killed: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set() and not killed:
            for child in psutil.Process().children(recursive=True):
                try:
                    command = child.cmdline()
                    if (
                        command
                        and Path(command[0]).name == program
                        and any(one.startswith(argument) for one in command)
                    ):
                        time.sleep(after)
                        child.kill()
                        killed.append(child.pid)
                except psutil.Error:
                    continue
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()
