"""What a command has tried, counted among the trials where the desk's database is at hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightdesk.cli.output import say

if TYPE_CHECKING:
    from nightdesk.store.db import Connection


@dataclass(frozen=True)
class CountedTrials:
    """How many rows a command has added to the ledger of trials, and why none where it has added none."""

    rows: int = 0
    why_not: str = ""

    def document(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"counted": self.rows, "why_not": self.why_not or None}


def count_in_ledger(
    write: Callable[[Connection, str], Sequence[int]], there_is_one: bool = True
) -> CountedTrials:
    """Write what was tried; where that cannot be, say so in a line: no result is lost for it.

    Parameters
    ----------
    write : callable
        Given a connection and the person who asks; the numbers of the rows.
    there_is_one : bool
        Whether there is anything to count.
    """
    from nightdesk.core.errors import NightdeskError
    from nightdesk.core.masking import mask

    if not there_is_one:
        return CountedTrials(why_not="nothing has a result")
    try:
        with database_at_hand() as conn:
            if conn is not None:
                return CountedTrials(len(write(conn, person())))
        why_not = "the desk's database is not at hand (`nightdesk up`, or NIGHTDESK_DATABASE_URL)"
    except NightdeskError as error:
        why_not = mask(str(error))
    say(f"not counted among the trials: {why_not}")
    return CountedTrials(why_not=why_not)


def person() -> str:
    """Who runs the command."""
    import getpass

    return getpass.getuser()


@contextmanager
def database_at_hand() -> Iterator[Connection | None]:
    """A connection to the desk's database where it has an address or runs; None else. It starts nothing."""
    from nightdesk.cli.machine_commands import database
    from nightdesk.machine.cluster import Cluster
    from nightdesk.machine.home import Home
    from nightdesk.machine.postgres import DATABASE_VARIABLE

    if os.environ.get(DATABASE_VARIABLE) or Cluster(Home.find().postgres).server() is not None:
        with database() as conn:
            yield conn
    else:
        yield None
