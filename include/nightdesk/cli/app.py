"""The command tree, and what an error looks like on the command line."""

from __future__ import annotations

import errno

import typer
from typer.core import TyperGroup

from nightdesk.core.errors import NightdeskError
from nightdesk.core.masking import lines_only, mask

#: The order in which `nightdesk --help` tells of the commands.
ORDER = (
    *(
        "up",
        "down",
        "health",
        "worker",
        "airflow",
        "db",
        "users",
        "books",
        "plug-ins",
        "feeds",
        "facts",
        "ingest",
        "factors",
        "run",
        "replay",
        "backfill",
        "backtest",
        "backtests",
    ),
    *("checks", "members", "screen", "sweep", "sweeps", "trials", "stress", "audit"),
    *("gate", "promote", "rehearse", "record-tests"),
    *("status", "risk", "alerts", "ack", "mail", "trace", "verify", "tax"),
    *(
        "kill",
        "resume",
        "level",
        "override",
        "overrides",
        "recover",
        "rebuild-from-broker",
        "broker",
        "accounts",
        "transfer",
        "statement",
    ),
    *("accept", "action", "assign", "exercise", "notices", "adopt", "resend", "resolve"),
    *("export", "upkeep", "backup", "backups", "restore", "drill", "data-docs"),
    "metrics",
)


class Commands(TyperGroup):
    """Commands whose expected errors are a paragraph on standard error and status 1, no traceback."""

    # Typer always hands in its own Context; its base classes declare that one's parent, click's.
    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # its Context
        """Names in the order of a day's work."""
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override] # its Context
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (NightdeskError, OSError) as error:
            typer.echo(refusal(error), err=True)
        raise typer.Exit(1)


#: Errors of the system by which a disk says that it takes no more: they name no file.
FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def refusal(error: NightdeskError | OSError) -> str:
    """What is said on standard error of an expected error.

    One of the system that names no file is raised, but where a disk is full or broken: that is no defect.
    """
    if not isinstance(error, OSError):
        return f"nightdesk: {mask(lines_only(str(error)))}"
    if error.filename is None and error.errno in FULL_DISK:
        return (
            f"nightdesk: {error.strerror}: a disk that the command writes to takes no more. Make room "
            "(`df -h` shows where), then run the command again"
        )
    if error.filename is None:
        raise error
    return f"nightdesk: {mask(lines_only(f'{error.filename}: {error.strerror}'))}"


app = typer.Typer(
    cls=Commands,
    help="A trading desk that works after the close. Every command has --help with an example.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def example(*lines: str) -> str:
    """The closing part of a command's help: how it is used."""
    # The backspace keeps click from joining the lines into a paragraph.
    return "\b\n" + "\n".join(
        ["Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)]
    )
