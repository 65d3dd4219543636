"""The operator that asks vendors for a part of a book's symbols, before its ingest and beside others."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from desk_step import StepOperator
from nightdesk.core.errors import NightdeskError

if TYPE_CHECKING:
    from airflow.sdk import Context

#: The task that is mapped, one instance a part.
FETCH = "fetch"


def names_of(shards: int) -> tuple[str, ...]:
    """What Airflow calls the instances of the mapped task among the states of a run."""
    return tuple(f"{FETCH}_{number}" for number in range(shards)) if shards > 1 else ()


class ShardOperator(StepOperator):
    """Asks for a part of the bars that the ingest will want.

    What a vendor or a book refuses skips the task: the ingest meets the same, and says what to do.

    Parameters
    ----------
    shard : int
        Number of the part, from 0.
    """

    def __init__(self, *, shard: int, **kwargs: Any) -> None:
        super().__init__(step=FETCH, **kwargs)
        self.shard = shard

    def run_step(self, context: Context, when: date | datetime, *, dry_run: bool) -> dict[str, int | str]:
        from nightdesk.session.shards import fetch_shard

        try:
            with self.opened(context, when, dry_run=dry_run) as desk:
                return fetch_shard(desk, self.shard)
        except NightdeskError as error:
            raise AirflowSkipException(f"{error}. The ingest asks for these symbols itself") from None
