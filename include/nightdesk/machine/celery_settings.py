"""What Celery is told for tasks such as the desk's, and whether it is used at all."""

from __future__ import annotations

from collections.abc import Mapping

EXECUTOR_VARIABLE = "AIRFLOW__CORE__EXECUTOR"
BROKER_VARIABLE = "AIRFLOW__CELERY__BROKER_URL"
RESULTS_VARIABLE = "AIRFLOW__CELERY__RESULT_BACKEND"

#: What Celery needs to be told for tasks such as the desk's; the reasons are in docs/scaling.md.
CELERY_SETTINGS = {
    # Tasks that wait for their turn hold a place: a worker has as many as runs of a book go side by side.
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "8",
    # A worker takes no more than it works on: what it had besides would be stuck behind its longest task.
    "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
    # A message is gone from the broker when its task has ended, and not when a worker has taken it.
    "AIRFLOW__CELERY__TASK_ACKS_LATE": "True",
    # What a lost worker had taken is given to another after this. It must be longer than the longest task.
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "7200",
    # A task's log is a file; written a second time by the worker, it would not be masked.
    "AIRFLOW__CELERY__TASK_LOGS_TO_STDOUT": "False",
}


def uses_celery(environ: Mapping[str, str]) -> bool:
    """Whether Airflow gives tasks to workers of Celery, alone or beside another executor."""
    named = environ.get(EXECUTOR_VARIABLE, "").split(",")
    return any(one.rpartition(":")[2].rpartition(".")[2].strip() == "CeleryExecutor" for one in named)
