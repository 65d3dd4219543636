"""What every DAG of the desk has in common: its id, its tags, its owner, how often its tasks are tried."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from desk_form import refuse_unknown_keys
from desk_step import RETRY_POLICY


class Tag(StrEnum):
    """Every tag that a DAG may carry."""

    DAILY = "daily"
    HOURLY = "hourly"
    TRADING = "trading"
    REFUSED = "refused"
    ALERTS = "alerts"
    APPROVAL = "approval"
    REPLAY = "replay"
    SCREEN = "screen"
    UPKEEP = "upkeep"
    RESEARCH = "research"


#: Each DAG adds who is told when a task of it fails for good.
DEFAULTS = {
    "owner": "desk",
    "retries": 4,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=5),
    "retry_policy": RETRY_POLICY,
    "execution_timeout": timedelta(minutes=10),
    "pre_execute": refuse_unknown_keys,
}
