"""The `nightdesk` command: the desk's engine without Airflow, to look, to repair, to research and to test.

A command imports what it needs when it runs, so `nightdesk --help` answers at once. A result goes to standard
output (one JSON document with ``--json``), progress and errors to standard error. Exit status: 0 done, 1
refused or failed, 2 wrong usage.
"""

from nightdesk.cli import (
    action,
    alerts,
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
)
from nightdesk.cli.app import app

__all__ = [
    "action",
    "alerts",
    "app",
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
]


def main() -> None:
    """Entry point of the `nightdesk` command."""
    app(prog_name="nightdesk")
