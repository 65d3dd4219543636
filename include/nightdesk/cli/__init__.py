"""The `nightdesk` command: the desk's engine without Airflow, to look, to repair, to research and to test.

A command imports what it needs when it runs, so `nightdesk --help` answers at once. A result goes to standard
output (one JSON document with ``--json``), progress and errors to standard error. Exit status: 0 done, 1
refused or failed, 2 wrong usage.
"""

import os
import sys

from nightdesk.cli import (
    account_commands,
    action_commands,
    alert_commands,
    audit_commands,
    backfill_commands,
    backtest_commands,
    backup_commands,
    book_commands,
    broker_commands,
    contract_commands,
    data_docs_commands,
    export_commands,
    fact_commands,
    factor_commands,
    feed_commands,
    gate_commands,
    kept_backtest_commands,
    kept_sweep_commands,
    machine_commands,
    mail_commands,
    member_commands,
    metric_commands,
    override_commands,
    plug_in_commands,
    quarantine_commands,
    rehearse_command,
    risk_commands,
    screen_commands,
    session_commands,
    statement_commands,
    status_commands,
    stress_commands,
    sweep_commands,
    switch_commands,
    tax_commands,
    trace_commands,
    trial_commands,
    upkeep_commands,
    user_commands,
)
from nightdesk.cli.app import app, refusal
from nightdesk.core.errors import NightdeskError

__all__ = [
    "account_commands",
    "action_commands",
    "alert_commands",
    "app",
    "audit_commands",
    "backfill_commands",
    "backtest_commands",
    "backup_commands",
    "book_commands",
    "broker_commands",
    "contract_commands",
    "data_docs_commands",
    "export_commands",
    "fact_commands",
    "factor_commands",
    "feed_commands",
    "gate_commands",
    "kept_backtest_commands",
    "kept_sweep_commands",
    "machine_commands",
    "mail_commands",
    "main",
    "member_commands",
    "metric_commands",
    "override_commands",
    "plug_in_commands",
    "quarantine_commands",
    "rehearse_command",
    "risk_commands",
    "screen_commands",
    "session_commands",
    "statement_commands",
    "status_commands",
    "stress_commands",
    "sweep_commands",
    "switch_commands",
    "tax_commands",
    "trace_commands",
    "trial_commands",
    "upkeep_commands",
    "user_commands",
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
