"""Where a desk lives on disk: the project's folders and the folder of its state.

Every other part of this room takes a `Home`, so a second desk (a test's, say) lives beside the user's in a
folder of its own and shares nothing with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightdesk.core.errors import Refused, Transient


@dataclass(frozen=True)
class Home:
    """The folders of one desk.

    Parameters
    ----------
    root : Path
        The project: dags, plugins, books, config.
    state : Path
        What the running desk writes: database, logs, reports, secrets, records of its processes.
    """

    root: Path
    state: Path

    @property
    def postgres(self) -> Path:
        return self.state / "postgres"

    @property
    def airflow(self) -> Path:
        return self.state / "airflow"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def reports(self) -> Path:
        return self.state / "reports"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def up(self) -> Path:
        """Says that the desk is meant to run, and when all of it was last well; gone when it is not."""
        return self.run / "up.json"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets.json"

    @property
    def users(self) -> Path:
        """The roles of the people who may log in to the web UI, by their names."""
        return self.airflow / "users.json"

    @property
    def database_logins(self) -> Path:
        """The passwords of the embedded server's users, by their roles."""
        return self.state / "database.json"

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """`environ` for a process of this desk."""
        return {**environ, "NIGHTDESK_ROOT": str(self.root), "NIGHTDESK_HOME": str(self.state)}

    def make_private(self) -> None:
        """Let the desk's user alone into the folders of reports, logs and records; makes those lacking.

        The folder of the state itself keeps its mode: the database's user may have to pass it, and it may
        hold what is not the desk's.
        """
        for folder in (self.airflow, self.logs, self.reports, self.run):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)

    @classmethod
    def find(cls, environ: Mapping[str, str] | None = None) -> Home:
        """The desk of this process.

        Parameters
        ----------
        environ : mapping of str to str, optional
            The environment; ``NIGHTDESK_ROOT`` names the project, ``NIGHTDESK_HOME`` the folder of its state
            (default: ``.nightdesk`` in the project).

        Raises
        ------
        Refused
            When no project can be found: neither beside the package nor in the working directory.
        """
        environ = os.environ if environ is None else environ
        root = _project_root(environ.get("NIGHTDESK_ROOT") or None)
        state = Path(environ.get("NIGHTDESK_HOME") or root / ".nightdesk").expanduser().resolve()
        return cls(root=root, state=state)


def _project_root(named: str | None) -> Path:
    if named is not None:
        root = Path(named).expanduser().resolve()
        if not root.is_dir():
            raise Refused(f"NIGHTDESK_ROOT names {root}, which is not a folder")
        return root
    beside_package = Path(__file__).resolve().parents[3]
    for folder in (beside_package, Path.cwd()):
        if (folder / "pyproject.toml").is_file() and (folder / "include" / "nightdesk").is_dir():
            return folder.resolve()
    raise Refused(
        f"no Nightdesk project in {beside_package} or {Path.cwd()}: "
        "work in the project's folder, or name it in NIGHTDESK_ROOT"
    )


@contextmanager
def exclusive(
    path: Path, *, timeout: float = 300.0, tell: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock file `path`; another process that wants it waits.

    The kernel releases the lock when its holder ends, however it ends: a stale lock cannot exist.

    Parameters
    ----------
    path : Path
        The lock file; its folder is made when missing.
    timeout : float
        Seconds to wait before `Transient` is raised.
    tell : callable
        Called once when it has to wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout
    told = False
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Transient(
                        f"another nightdesk process holds {path} since {timeout:.0f} s: let it end, try again"
                    ) from None
                if not told:
                    tell()
                    told = True
                time.sleep(0.05)
        yield


def read_json(path: Path) -> Any:
    """The document in `path`; None when the file is missing, empty or torn."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def write_json(path: Path, document: Any) -> None:
    """Replace `path` by `document` in one step, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file)
    draft.replace(path)
