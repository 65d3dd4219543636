"""`up`, `down`, `airflow` and `db`: the desk's own processes on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.options import Json
from nightdesk.cli.output import show

if TYPE_CHECKING:
    from nightdesk.store.db import Connection

db = typer.Typer(help="The database alone: start, stop, its address, its schema.", no_args_is_help=True)
app.add_typer(db, name="db")


@contextmanager
def database() -> Iterator[Connection]:
    """A connection to the desk's database.

    The embedded server is started and its schema brought up to date where that is needed. A server of the
    user's own is migrated by whoever owns it, and must be.
    """
    import os

    from nightdesk.core.errors import Refused
    from nightdesk.machine import postgres
    from nightdesk.store.connection import connect
    from nightdesk.store.migrations import check_schema, migrate

    own = bool(os.environ.get(postgres.DATABASE_VARIABLE))
    conn = connect(postgres.database_url())
    try:
        try:
            check_schema(conn)
        except Refused:
            if own:
                raise
            with closing(connect(postgres.owner_url())) as owner:
                migrate(owner)
        yield conn
    finally:
        conn.close()


@app.command(epilog=example("nightdesk up", "nightdesk up --foreground"))
def up(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, and keep the parts running: for systemd.")
    ] = False,
    json: Json = False,
) -> None:
    """Start the desk: PostgreSQL, Airflow, their supervisor, the DAGs of the books.

    Says the address of the web UI and the login, what the books decided, and what waits for a person. Running
    it again is harmless.
    """
    from nightdesk.machine import whole_desk

    if foreground:
        whole_desk.foreground()
        return
    lines: list[str] = []
    whole_desk.up(lines.append if json else typer.echo)
    if json:
        show({"said": lines}, as_json=True, text=lambda: ())


@app.command(epilog=example("nightdesk down"))
def down(json: Json = False) -> None:
    """End what `up` started, and nothing else."""
    from nightdesk.machine import whole_desk

    stopped = whole_desk.down()
    show(
        {"stopped": stopped},
        as_json=json,
        text=lambda: [f"stopped {', '.join(stopped)}" if stopped else "nothing was running"],
    )


@app.command(epilog=example("nightdesk health", "nightdesk health --json"))
def health(json: Json = False) -> None:
    """Look at every part of the desk from outside; status 1 when one is not well.

    The supervisor, PostgreSQL, Airflow's processes and their heartbeats, the newest session of each book, and
    alerts that wait to be sent. It starts nothing and works when all of it is dead: for cron.
    """
    import os
    from dataclasses import asdict

    from nightdesk.core.masking import mask
    from nightdesk.machine import whole_desk

    parts = whole_desk.health(os.environ)
    well = all(part.state == "well" for part in parts)
    show(
        {"well": well, "parts": [asdict(part) | {"words": mask(part.words)} for part in parts]},
        as_json=json,
        text=lambda: [
            f"{'' if part.state == 'well' else part.state.upper():<7} {part.name}: {mask(part.words)}"
            for part in parts
        ],
    )
    if not well:
        raise typer.Exit(1)


@app.command(
    epilog=example("nightdesk airflow dags list-runs daily__multi_asset"),
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True},
)
def airflow(
    arguments: Annotated[list[str], typer.Argument(metavar="ARGS", help="What Airflow is told.")],
) -> None:
    """Run a command of Airflow's own in the environment of the desk."""
    import os
    import sys

    from nightdesk.machine import postgres
    from nightdesk.machine.airflow import Airflow
    from nightdesk.machine.home import Home

    home = Home.find()
    environment = Airflow(home, postgres.start(home)).environment
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *arguments], environment)


@app.command(epilog=example("nightdesk worker", "nightdesk worker --concurrency 4 --name second"))
def worker(
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Tasks at once.", show_default="8, or what Airflow is set to"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What it is called beside others.", show_default="machine and process")
    ] = None,
) -> None:
    """Be a worker of this machine's desk, for tasks that go through a broker, until it is ended.

    With CeleryExecutor as Airflow's executor. Ctrl-C or SIGTERM ends it once its tasks have ended.
    """
    from nightdesk.machine.workers import become_worker

    become_worker(name=name, concurrency=concurrency)


@db.command("start", epilog=example("nightdesk db start"))
def start(json: Json = False) -> None:
    """Start the embedded PostgreSQL, or check your own.

    Your own is the one that NIGHTDESK_DATABASE_URL names.
    """
    from nightdesk.machine import postgres
    from nightdesk.store.db import address

    shown = address(postgres.start().nightdesk)
    show({"address": shown}, as_json=json, text=lambda: [f"PostgreSQL answers at {shown}"])


@db.command("stop", epilog=example("nightdesk db stop"))
def stop(json: Json = False) -> None:
    """End the embedded PostgreSQL, never your own."""
    from nightdesk.core.errors import Refused
    from nightdesk.machine import postgres, supervisor
    from nightdesk.machine.home import Home

    watching = supervisor.process_id(Home.find())
    if watching is not None:
        raise Refused(
            f"the desk is up, and its supervisor (process {watching}) would start PostgreSQL again: "
            "`nightdesk down` ends all of it"
        )
    stopped = postgres.stop()
    show(
        {"stopped": stopped},
        as_json=json,
        text=lambda: ["PostgreSQL has stopped" if stopped else "the embedded PostgreSQL was not running"],
    )


@db.command("url", epilog=example('psql "$(nightdesk db url)"', "nightdesk db url --role reader"))
def url(
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="owner (migrates), writer (runs the desk) or reader (looks).")
    ] = "writer",
    json: Json = False,
) -> None:
    """Print the database's address, password included.

    For psql and other clients. Where a role has no user of its own, it is the desk's.
    """
    from nightdesk.core.errors import BadRequest
    from nightdesk.machine import postgres

    postgres.database_url()  # a server of the desk's own is started
    found = postgres.addresses()
    known = {"owner": found.owner, "writer": found.nightdesk, "reader": found.reader}
    if role not in known:
        raise BadRequest(f"--role {role}: expected one of {', '.join(known)}")
    address = known[role] or found.nightdesk
    show({"url": address}, as_json=json, text=lambda: [address])


@db.command("roles", epilog=example("nightdesk db roles", "nightdesk db roles | psql ..."))
def roles(json: Json = False) -> None:
    """Print the statements that set up the owner's, writer's and reader's roles.

    For an administrator of the database, where who migrates may not make roles. Nothing is asked or changed.
    """
    from nightdesk.store.roles import statements

    text = statements()
    show({"statements": text}, as_json=json, text=lambda: text.splitlines())


@db.command("migrate", epilog=example("nightdesk db migrate"))
def migrate(json: Json = False) -> None:
    """Bring the schema up to date, and the rights of the database's roles; make this code the desk's.

    Applied migrations are left alone; workers of older code are refused from then on. It logs in as the
    owner: NIGHTDESK_OWNER_DATABASE_URL, where that is set.
    """
    from nightdesk.machine import postgres
    from nightdesk.store.code_rows import announce_code
    from nightdesk.store.connection import connect
    from nightdesk.store.migrations import migrate as apply
    from nightdesk.store.roles import lacking_roles
    from nightdesk.version import code_version

    with closing(connect(postgres.owner_url())) as conn:
        applied, lacking = apply(conn), lacking_roles(conn)
        announce_code(conn, code_version())
    lines = [f"applied {name}" for name in applied] or ["the schema is up to date"]
    if lacking:
        lines.append(
            f"the roles {', '.join(lacking)} are not there, and this user may not make them: one user does "
            "all. `nightdesk db roles` prints what an administrator of the database runs"
        )
    show({"applied": list(applied), "lacking_roles": list(lacking)}, as_json=json, text=lambda: lines)
