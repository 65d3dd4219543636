"""`users`: who may log in to the web UI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.options import Json
from nightdesk.cli.output import show, table

users = typer.Typer(help="Who may log in to the web UI, and what they may do there.", no_args_is_help=True)
app.add_typer(users, name="users")

_COUNTS = "it counts from the next start of the API server: `nightdesk down`, then `nightdesk up`"


@users.command("list", epilog=example("nightdesk users list"))
def list_users(json: Json = False) -> None:
    """Name the users and their roles; no passwords."""
    from nightdesk.machine.environment import users as known
    from nightdesk.machine.home import Home
    from nightdesk.machine.web_door import ROLES

    found = known(Home.find())
    # A role may also have been written into the settings by hand.
    may: Mapping[str, str] = {str(role): words for role, words in ROLES.items()}
    rows = [(name, role, may.get(role, "")) for name, role in sorted(found.items())]
    show(
        {"users": [{"name": name, "role": role} for name, role, _ in rows]},
        as_json=json,
        text=lambda: table(("user", "role", "may"), rows),
    )


@users.command("add", epilog=example("nightdesk users add kim --role viewer"))
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the person, small letters.")],
    role: Annotated[str, typer.Option(metavar="ROLE", help="viewer, user, op or admin.")] = "viewer",
    json: Json = False,
) -> None:
    """Give a person a login, or another role; prints the password.

    Each role may what those before it may: a viewer looks, a user runs, an op acts in the cockpit, an admin
    may do all.
    """
    from nightdesk.machine.home import Home
    from nightdesk.machine.web_door import add_user

    made = add_user(Home.find(), name, role)
    show(
        {"name": made.username, "role": role, "password": made.password},
        as_json=json,
        text=lambda: [f"{made.username} / {made.password}, as {role}: {_COUNTS}"],
    )


@users.command("remove", epilog=example("nightdesk users remove kim"))
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the person.")],
    json: Json = False,
) -> None:
    """Take a login away."""
    from nightdesk.machine.home import Home
    from nightdesk.machine.web_door import remove_user

    remove_user(Home.find(), name)
    show({"removed": name}, as_json=json, text=lambda: [f"{name} has no login any more: {_COUNTS}"])
