"""`backup`, `backups`, `restore` and `drill`: copies of the desk's database, and showing that they serve."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Json
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.machine.restore import Restored
    from nightdesk.store.backup_rows import StoredBackup, StoredDrill

#: As in `nightdesk.machine.backup` and `nightdesk.store.backup_rows`, which are not imported for the help.
KEEP_DAYS, DECISIONS = 30, 5

Place = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="PLACE",
        help="A folder, or s3://BUCKET/PREFIX; default: NIGHTDESK_BACKUP, else .nightdesk/backups.",
        show_default=False,
    ),
]


@app.command(epilog=example("nightdesk backup", "nightdesk backup --to s3://BUCKET/nightdesk --keep-days 90"))
def backup(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="PLACE",
            help="A folder, or s3://BUCKET/PREFIX; default: NIGHTDESK_BACKUP, else .nightdesk/backups.",
            show_default=False,
        ),
    ] = None,
    keep_days: Annotated[
        int,
        typer.Option(
            "--keep-days", metavar="N", min=1, help="How long backups there are kept; the newest stays."
        ),
    ] = KEEP_DAYS,
    json: Json = False,
) -> None:
    """Make a backup of the desk's tables: a dump of pg_dump and a manifest beside it.

    It is there when it is whole, or not at all. The DAG `upkeep` does the same each day.
    """
    import os

    from nightdesk.machine.backup import make_backup
    from nightdesk.machine.home import Home

    with database():
        pass  # it answers, and has the schema of this code
    made = make_backup(Home.find(), os.environ, to=to, keep_days=keep_days)
    show(
        {"place": made.place, "deleted": made.deleted, **asdict(made.manifest)},
        as_json=json,
        text=lambda: [made.words()],
    )


@app.command(epilog=example("nightdesk backups", "nightdesk backups --from s3://BUCKET/nightdesk --json"))
def backups(place: Place = None, json: Json = False) -> None:
    """List the backups of a place, newest first, with what in it is none; then attempts and drills.

    The database need not answer: then what it remembers is left out.
    """
    import os

    from nightdesk.core.errors import NightdeskError
    from nightdesk.machine import postgres
    from nightdesk.machine.backup_place import BackupPlace, find_backups
    from nightdesk.machine.home import Home
    from nightdesk.store.backup_rows import stored_backups, stored_drills
    from nightdesk.store.connection import connect

    home = Home.find()
    where = BackupPlace.find(home, os.environ, place)
    found = find_backups(where)
    attempts: list[StoredBackup] = []
    drills: list[StoredDrill] = []
    try:
        conn = connect(postgres.known_url(home), checked=True)
        try:
            attempts, drills = stored_backups(conn, 10), stored_drills(conn, 5)
        finally:
            conn.close()
    except NightdeskError as error:
        unknown = f"what the database remembers is left out: {error}"
    else:
        unknown = ""

    def text() -> Iterator[str]:
        yield f"{len(found.backups)} backups in {where}"
        yield from (one.words() for one in found.backups)
        yield from (f"NOT A BACKUP {one}" for one in found.wrong)
        yield from ["", *_attempts(attempts)] if attempts else []
        yield from ["", *_drills(drills)] if drills else []
        yield from ["", unknown] if unknown else []

    show(
        {
            "place": str(where),
            "backups": [asdict(one) for one in found.backups],
            "wrong": found.wrong,
            "attempts": [asdict(one) for one in attempts],
            "drills": [asdict(one) for one in drills],
        },
        as_json=json,
        text=text,
    )


@app.command(
    epilog=example(
        "nightdesk restore newest",
        "nightdesk restore newest --replace",
        "nightdesk restore newest --into postgresql://desk@db.example.com/copy_of_nightdesk",
    )
)
def restore(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A dump or its manifest, here or s3://BUCKET/KEY; or `newest`."),
    ],
    into: Annotated[
        str | None,
        typer.Option(
            "--into", metavar="URL", help="An empty database in place of the desk's.", show_default=False
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Take the place of the desk's tables; they are kept beside it.",
            show_default=False,
        ),
    ] = False,
    adopting: Annotated[
        str | None,
        typer.Option(
            "--adopt-installation",
            metavar="REASON",
            help="Take the backup of another installation; why is kept with your name.",
            show_default=False,
        ),
    ] = None,
    place: Place = None,
    json: Json = False,
) -> None:
    """Restore a backup, verify every book, and say what to do next.

    Into the desk's own database where that is empty, with --replace in its place, or into another one. It is
    looked at from all sides before anything is touched, and a database that is replaced is kept under another
    name. Status 1 where a book does not verify.
    """
    import os

    from nightdesk.machine.home import Home
    from nightdesk.machine.restore import Wish
    from nightdesk.machine.restore import restore as restored

    wish = Wish(file, getpass.getuser(), into, replace, adopting)
    done = restored(Home.find(), os.environ, wish, place=place)
    wrong = [one for one in done.verified if one.found.differences]
    show(
        {
            **asdict(done),
            "verified": {one.book: [str(each) for each in one.found.differences] for one in done.verified},
        },
        as_json=json,
        text=lambda: _said(done, own=into is None),
    )
    if wrong:
        raise typer.Exit(1)


@app.command(epilog=example("nightdesk drill"))
def drill(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A backup; by default the newest.")] = "newest",
    place: Place = None,
    decisions: Annotated[
        int,
        typer.Option("--decisions", metavar="N", min=1, help="So many of each book are made again."),
    ] = DECISIONS,
    json: Json = False,
) -> None:
    """Rehearse a restore: the newest backup elsewhere, verified, its newest decisions made again.

    What was found is kept and told as an alert; the server and its files are gone at the end. The DAG `drill`
    does the same each week. Status 1 when it failed.
    """
    import os

    from nightdesk.machine.drill import drill as rehearse
    from nightdesk.machine.home import Home

    with database():
        pass
    found = rehearse(Home.find(), os.environ, place=place, source=file, newest=decisions)
    show(
        {
            "outcome": "ok" if found.is_well else "failed",
            "file": found.file,
            "made_at": found.made_at,
            "restore_seconds": found.restore_seconds,
            "verify_seconds": found.verify_seconds,
            "decide_seconds": found.decide_seconds,
            "faults": found.faults,
            "notes": found.notes,
        },
        as_json=json,
        text=lambda: [("ok" if found.is_well else "FAILED"), *found.words().splitlines()],
    )
    if not found.is_well:
        raise typer.Exit(1)


def _said(done: Restored, *, own: bool) -> Iterator[str]:
    yield f"restored {done.dump}, the state of {done.made_at:%Y-%m-%d %H:%M:%S} UTC, into {done.into}"
    if done.kept_as is not None:
        yield f"the database that was there is kept as {done.kept_as}: drop it when you are sure"
    if done.migrated:
        yield f"applied {len(done.migrated)} newer migrations, {done.migrated[-1]} the last"
    yield from done.notes
    for one in done.verified:
        found = one.found
        yield (
            f"{one.book}: {found.sessions:,} decisions and {found.entries:,} entries verified"
            if not found.differences
            else f"{one.book}: DOES NOT VERIFY: {found.differences[0]}; stop it with `nightdesk kill` first"
        )
    yield from ["", *_next(done, own=own)]


def _next(done: Restored, *, own: bool) -> Iterator[str]:
    """What to do next."""
    if not own:
        yield "this is a copy: do not let it trade beside the desk that it is of, since both have one mark"
        return
    yield "what to do next (docs/operations.md, The database was restored):"
    for one in done.verified:
        yield f"  nightdesk status {one.book}    # which decisions are missing since"
    yield "  nightdesk recover    # orders of which it is not known whether they arrived"
    yield "  nightdesk rebuild-from-broker BOOK    # each at a real broker: orders that left since"
    yield "  nightdesk replay BOOK --from D    # each on paper: the sessions that are missing"
    yield "  say again what people said since: kill, resume, level, accept, action, adopt"
    yield "  nightdesk up    # then switch the DAGs on"


def _attempts(attempts: list[StoredBackup]) -> Iterator[str]:
    return table(
        ("began", "became", "place"),
        [
            (
                f"{one.began_at:%Y-%m-%d %H:%M:%S}",
                one.error or (one.file or "goes on") + (", deleted since" if one.deleted_at else ""),
                one.place,
            )
            for one in attempts
        ],
    )


def _drills(drills: list[StoredDrill]) -> Iterator[str]:
    return table(
        ("drill", "outcome", "backup", "decisions", "differing"),
        [
            (
                f"{one.began_at:%Y-%m-%d %H:%M:%S}",
                one.outcome or "goes on, or was killed",
                one.file or "none",
                "" if one.decisions is None else str(one.decisions),
                "" if one.differing is None else str(one.differing),
            )
            for one in drills
        ],
        right=("decisions", "differing"),
    )
