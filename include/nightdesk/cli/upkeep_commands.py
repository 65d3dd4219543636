"""`upkeep`: logs rotated and old rows deleted, for a desk without Airflow or at once."""

from __future__ import annotations

from typing import Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Json
from nightdesk.cli.output import show, table
from nightdesk.machine.upkeep import KEPT_DAYS


@app.command(epilog=example("nightdesk upkeep"))
def upkeep(
    days: Annotated[
        int, typer.Option("--keep-days", metavar="N", min=1, help="How long logs and rows are kept.")
    ] = KEPT_DAYS,
    json: Json = False,
) -> None:
    """Rotate logs, and delete old ones and old rows.

    The DAG `upkeep` does the same each day. A part that fails does not keep the others from their work.
    """
    import os

    from nightdesk.core.errors import Refused
    from nightdesk.machine import postgres
    from nightdesk.machine.home import Home
    from nightdesk.machine.upkeep import keep_up

    with database():
        pass  # it answers, and has the schema of this code
    home = Home.find()
    found = postgres.start(home)
    environ = {**os.environ, postgres.DATABASE_VARIABLE: found.nightdesk}
    if found.reader:
        environ[postgres.READER_VARIABLE] = found.reader
    done, failed = keep_up(home, environ, days)
    show(
        {"done": done, "failed": failed},
        as_json=json,
        text=lambda: table(("part", "what it did"), list(done.items())),
    )
    if failed:
        raise Refused("\n".join(failed))
