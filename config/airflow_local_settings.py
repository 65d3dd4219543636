"""What Airflow's long-lived processes do once for all that they start: they import modules, and mask.

The scheduler forks its workers and the workers fork their tasks, so does a worker of Celery, and the DAG
processor forks what parses a file: a module that is imported here costs a task nothing.

The desk's own package is among them, and an edit of it reaches the next task all the same: each forked
process looks whether a file of the package or of the plugins has changed since, and if so forgets what was
imported.

Each line of a task's log is written a second time, by the worker that watches the task, to the output of the
scheduler. Airflow hides secrets in the first only; here the output hides what was hidden there.
"""

import importlib
import importlib.util
import os
import sys
from pathlib import Path

__all__: list[str] = []

PARSING = ("airflow.sdk", "numpy", "pydantic", "yaml")
MODULES = (
    *PARSING,
    "pandas",
    "scipy.stats",
    "jinja2",
    "httpx",
    "psycopg2.extras",
    "exchange_calendars",
    "great_expectations",
)

PACKAGE = "nightdesk"
OWN_PARSING = (
    "session.books",
    "session.book_dags",
    "machine.home",
    "feeds.news_sources",
    "feeds.spellings",
    "feeds.vendor_pools",
)
OWN = (
    *OWN_PARSING,
    "session.entry",
    "session.steps",
    "session.ingest",
    "session.member_list",
    "session.quality_step",
    "session.signals",
    "session.settle",
    "session.decide",
    "session.submit",
    "session.report",
    "session.close",
    "operations.run_note",
    "operations.task_failures",
    "machine.reaching",
    "store.delivery_rows",
)

#: The worker is forked from the process that imports, the task from the worker: those look for edits. What a
#: task forks itself goes on with the modules that it has.
LOOKING_GENERATIONS = 2

IS_SCHEDULER = sys.argv[1:2] == ["scheduler"]
IS_PARSER = sys.argv[1:2] == ["dag-processor"]
RUNS_TASKS = IS_SCHEDULER or sys.argv[1:3] == ["celery", "worker"]


class OwnPackage:
    """The desk's own package, imported ahead of the processes that use it."""

    def __init__(self) -> None:
        found = importlib.util.find_spec(PACKAGE)
        plugins = os.environ.get("AIRFLOW__CORE__PLUGINS_FOLDER")
        self._folders = [] if found is None else [Path(one) for one in found.submodule_search_locations or ()]
        self._folders += [Path(plugins)] if plugins else []
        self._seen: object = None
        self._generation = 0

    def load(self, modules: tuple[str, ...]) -> None:
        """Import modules of it, and see to it that no forked process uses them once a file has changed."""
        self._seen = self._files()
        try:
            for module in modules:
                importlib.import_module(f"{PACKAGE}.{module}")
            _complete_models()
            if modules == OWN:
                # A digest of all of its files, which each task stores.
                sys.modules[f"{PACKAGE}.version"].code_version()
                calendar = sys.modules[f"{PACKAGE}.core.calendar"].get_calendar("XNYS")
                # Its hours take each task of an hourly book 0.04 s.
                _ = calendar.hours_begun
        except Exception:  # noqa: BLE001 (whoever needs it says so, where it is needed)
            self._forget()
        os.register_at_fork(after_in_child=self._look)

    def _look(self) -> None:
        """In a forked process: forget all that was imported where a file has changed since."""
        self._generation += 1
        if self._generation <= LOOKING_GENERATIONS and self._files() != self._seen:
            self._forget()

    def _forget(self) -> None:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name.partition(".")[0] == PACKAGE or (file and Path(file).parent in self._folders):
                del sys.modules[name]

    def _files(self) -> object:
        """Each file with the instant of its last change; equal to nothing where they change meanwhile."""
        found, folders = [], [os.fspath(one) for one in self._folders]
        try:
            while folders:
                with os.scandir(folders.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir():
                            if entry.name != "__pycache__":
                                folders.append(entry.path)
                        else:
                            stat = entry.stat()
                            found.append((entry.path, stat.st_ctime_ns, stat.st_size))
        except OSError:
            return object()  # equal to nothing
        return sorted(found)


def _complete_models() -> None:
    """Have pydantic build what it would build in each task, where a model first checks something."""
    from pydantic import BaseModel

    waiting = [BaseModel]
    while waiting:
        for model in waiting.pop().__subclasses__():
            waiting.append(model)
            if model.__module__.partition(".")[0] == PACKAGE:
                model.model_rebuild(raise_errors=False)


if RUNS_TASKS or IS_PARSER:
    for module in MODULES if RUNS_TASKS else PARSING:
        try:
            importlib.import_module(module)
        except ImportError:
            # Whoever needs it will say so, where it is needed.
            continue
    # Building a calendar takes each task 0.3 s; asked for in the very same words, it is found made.
    exchange_calendars = sys.modules.get("exchange_calendars")
    if RUNS_TASKS and exchange_calendars is not None:
        exchange_calendars.get_calendar("XNYS", start="1990-01-02")
    OwnPackage().load(OWN if RUNS_TASKS else OWN_PARSING)

# A worker of Celery writes no log of a task to its output: AIRFLOW__CELERY__TASK_LOGS_TO_STDOUT.
if IS_SCHEDULER:
    from airflow.sdk._shared.secrets_masker import RedactedIO

    sys.stdout = RedactedIO()
