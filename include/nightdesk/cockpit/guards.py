"""What the cockpit asks of whoever serves it: who the user is, and what the user may see and do."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request


@dataclass(frozen=True)
class Visitor:
    """The person behind a request.

    Parameters
    ----------
    name : str
        As kept with what the person does.
    may_see : callable
        Whether the person may look at a book of that name; of an empty name, at the desk as a whole.
    may_act : callable
        Whether the person may act on it.
    """

    name: str
    may_see: Callable[[str], bool]
    may_act: Callable[[str], bool]


#: DAG, form and user to the id of a run.
StartRun = Callable[[str, Mapping[str, Any], str], str]


@dataclass(frozen=True)
class Guards:
    """How a request tells its visitor.

    Parameters
    ----------
    visitor : callable
        A dependency of FastAPI that returns the `Visitor`, and raises ``HTTPException`` 401 where nobody is
        logged in or the login has expired.
    address : callable
        The address of a page of the server around the cockpit, by DAG and run: a link that leaves it.
    environ : callable
        The environment for actions: where the database is, and the secrets of accounts.
    start_run : callable, optional
        Starts a run of a DAG with a form, in the name of a user, and gives its id; None where the server
        around the cockpit runs none. It raises `Refused` in words.
    """

    visitor: Callable[..., Visitor]
    address: Callable[[str, str], str] = lambda dag_id, run_id: (
        f"/dags/{dag_id}/runs/{run_id}" if run_id else f"/dags/{dag_id}"
    )
    environ: Callable[[], Mapping[str, str]] = lambda: os.environ
    start_run: StartRun | None = None


def host_of(request: Request) -> str:
    """The host and port that a browser has asked, as its own address bar has them."""
    return request.headers.get("host", "").lower()
