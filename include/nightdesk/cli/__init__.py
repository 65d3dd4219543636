"""The `nightdesk` command: the desk's engine without Airflow, to look, to repair, to research and to test.

A command imports what it needs when it runs, so `nightdesk --help` answers at once. A result goes to standard
output (one JSON document with ``--json``), progress and errors to standard error. Exit status: 0 done, 1
refused or failed, 2 wrong usage.
"""

import os
import sys

from nightdesk.cli import (
    accounts,
    action,
    alerts,
    backfill,
    books,
    broker,
    data,
    feeds,
    look,
    machine,
    quarantine,
    research,
    risk,
    sessions,
    stress,
    sweep,
    switch,
    tax,
    trace,
    upkeep,
)
from nightdesk.cli.app import app, refusal
from nightdesk.errors import NightdeskError

__all__ = [
    "accounts",
    "action",
    "alerts",
    "app",
    "backfill",
    "books",
    "broker",
    "data",
    "feeds",
    "look",
    "machine",
    "main",
    "quarantine",
    "research",
    "risk",
    "sessions",
    "stress",
    "sweep",
    "switch",
    "tax",
    "trace",
    "upkeep",
]


def main() -> None:
    """Entry point of the `nightdesk` command: the project's `.env` is read, and the command run.

    What it writes, its user alone can read.
    """
    os.umask(0o077)
    try:
        _take_env_file()
    except (NightdeskError, OSError) as error:
        message = refusal(error)
        # Whoever stops a book or the desk is not held up by a wrong line.
        if not {"kill", "down"} & {*sys.argv[1:2]}:
            sys.exit(message)
        sys.stderr.write(f"{message}\n")
    app(prog_name="nightdesk")


def _take_env_file() -> None:
    from nightdesk.machine.env_file import FILE, read_env_file
    from nightdesk.machine.home import Home

    try:
        root = Home.find().root
    except NightdeskError:
        return  # The command that needs a project says so.
    found = read_env_file(root / FILE)
    found.fill(os.environ)
    found.refuse_faults()
