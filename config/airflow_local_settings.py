"""What Airflow's scheduler does once for all of its tasks: it imports the modules that they use, and masks.

The scheduler forks its workers and the workers fork their tasks, and so does a worker of Celery: a module of
others that is imported here costs a task nothing. The desk's own package is never imported here: tasks would
run an old version of it after an edit.

Each line of a task's log is written a second time, by the worker that watches the task, to the output of the
scheduler. Airflow hides secrets in the first only; here the output hides what was hidden there.
"""

import importlib
import sys

__all__: list[str] = []

MODULES = (
    "airflow.sdk",
    "numpy",
    "pandas",
    "scipy.stats",
    "pydantic",
    "yaml",
    "jinja2",
    "psycopg2.extras",
    "exchange_calendars",
    "great_expectations",
)

IS_SCHEDULER = sys.argv[1:2] == ["scheduler"]

if IS_SCHEDULER or sys.argv[1:3] == ["celery", "worker"]:
    for module in MODULES:
        try:
            importlib.import_module(module)
        except ImportError:
            # Whoever needs it will say so, where it is needed.
            continue
    # Building a calendar takes each task 0.3 s; asked for in the very same words, it is found made.
    exchange_calendars = sys.modules.get("exchange_calendars")
    if exchange_calendars is not None:
        exchange_calendars.get_calendar("XNYS", start="1990-01-02")

# A worker of Celery writes no log of a task to its output: AIRFLOW__CELERY__TASK_LOGS_TO_STDOUT.
if IS_SCHEDULER:
    from airflow.sdk._shared.secrets_masker import RedactedIO

    sys.stdout = RedactedIO()
