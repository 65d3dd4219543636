"""Workers of Celery: whether the tasks of a desk go to them, what ties them to it, and who is there.

With Airflow's `AIRFLOW__CORE__EXECUTOR=CeleryExecutor` in the environment the scheduler puts tasks into a
broker, from which workers take them: processes that `nightdesk worker` starts on this machine, containers of
`docker-compose.yaml`, or others. Broker and workers are not the desk's to start or end.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from nightdesk.core.errors import Refused, Transient
from nightdesk.core.masking import mask
from nightdesk.machine import postgres
from nightdesk.machine.celery_settings import BROKER_VARIABLE, EXECUTOR_VARIABLE, uses_celery
from nightdesk.machine.home import Home
from nightdesk.machine.parts import Part

if TYPE_CHECKING:
    from nightdesk.store.code_rows import KnownCode

#: Seconds that a broker, and all workers behind it, are waited for.
BROKER_SECONDS, WORKERS_SECONDS = 3.0, 2.0


def check_broker(environ: Mapping[str, str]) -> None:
    """Make sure that the broker answers, where tasks go through one.

    Raises
    ------
    Refused
        When the environment names no broker, or a broker refuses.
    Transient
        When nothing answers there.
    """
    if not uses_celery(environ):
        return
    url = environ.get(BROKER_VARIABLE)
    if not url:
        raise Refused(
            f"{EXECUTOR_VARIABLE} is {environ[EXECUTOR_VARIABLE]}, and {BROKER_VARIABLE} names no broker: "
            "set it to that of one, such as redis://:password@127.0.0.1:6379/0, or take the LocalExecutor"
        )
    fault = _fault_of(url)
    if fault is not None:
        raise Transient(f"the broker of Celery ({BROKER_VARIABLE}) does not answer: {fault}. Start it first")


def names_of_workers(environ: Mapping[str, str]) -> list[str]:
    """The workers that answer a broker's ping, by name."""
    from celery import Celery

    with Celery(broker=environ[BROKER_VARIABLE], set_as_current=False) as app:
        app.conf.broker_connection_timeout = BROKER_SECONDS
        return sorted(app.control.inspect(timeout=WORKERS_SECONDS).ping() or {})


def parts_of_celery(environ: Mapping[str, str]) -> list[Part]:
    """How broker and workers stand; none where tasks do not go through them."""
    if not uses_celery(environ):
        return []
    try:
        check_broker(environ)
    except (Refused, Transient) as error:
        return [
            Part("broker", "unwell", str(error)),
            Part("workers", "doubt", "not known without the broker"),
        ]
    found = names_of_workers(environ)
    broker = Part("broker", "well", "answers")
    if not found:
        return [broker, Part("workers", "dead", f"none answers, so no task is begun: {HOW_TO_START}")]
    return [broker, Part("workers", "well", f"{len(found)} answer: {', '.join(found)}")]


HOW_TO_START = "start one with `nightdesk worker`"


def worker_command(environment: Mapping[str, str], name: str | None, concurrency: int | None) -> list[str]:
    """The command that is a worker of a desk, on the disk of which its logs are read.

    Parameters
    ----------
    environment : mapping of str to str
        That of the desk's processes.
    name : str, optional
        Under which it is known beside others; default: the machine's and the process's.
    concurrency : int, optional
        How many tasks it works on at once; default: what the environment says.
    """
    known_as = name or f"{socket.gethostname()}-{os.getpid()}"
    at_once = concurrency or int(environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"])
    airflow = [sys.executable, "-m", "airflow", "celery", "worker", "--skip-serve-logs"]
    return [*airflow, "--celery-hostname", known_as, "--concurrency", str(at_once)]


def become_worker(
    *, home: Home | None = None, name: str | None = None, concurrency: int | None = None
) -> None:
    """Be a worker of this machine's desk until SIGTERM, after which it ends what it works on.

    Raises
    ------
    Refused
        When tasks do not go to workers, no broker is named, the desk was never started, or this code is not
        the desk's.
    Transient
        When broker or database do not answer.
    """
    from nightdesk.machine.airflow import Airflow

    home = Home.find() if home is None else home
    if not uses_celery(os.environ):
        raise Refused(
            f"tasks of this desk do not go to workers: set {EXECUTOR_VARIABLE}=CeleryExecutor and "
            f"{BROKER_VARIABLE}, here and for `nightdesk up`, best in .env"
        )
    check_broker(os.environ)
    addresses = postgres.addresses(home, os.environ)
    _check_database(addresses.nightdesk)
    environment = Airflow(home, addresses).environment
    command = worker_command(environment, name, concurrency)
    sys.stdout.flush()
    os.chdir(home.root)
    os.execve(command[0], command, environment)


def _check_database(url: str) -> None:
    """Refuse a worker that cannot work: without a database, or with code that is not the desk's."""
    from nightdesk.store.code_rows import known_code
    from nightdesk.store.connection import connect
    from nightdesk.store.migrations import check_schema
    from nightdesk.version import code_version, is_older

    fault = postgres.fault_of(url)
    if fault is not None:
        raise Transient(
            f"the desk's database does not answer ({fault}): start the desk first, `nightdesk up`"
        )
    own = code_version()
    with closing(connect(url)) as conn:
        check_schema(conn)
        known: KnownCode = known_code(conn, own)
    if is_older(own, known.current, is_known=known.is_known):
        raise Refused(
            f"this code is {own}, and the desk's is {known.current}: bring it up to date. Where it is the "
            "right one, `nightdesk db migrate` makes it the desk's"
        )


def _fault_of(url: str) -> str | None:
    """Why a broker does not answer, in a line without its password; None when it does."""
    from kombu import Connection
    from kombu.exceptions import OperationalError

    try:
        with Connection(url, connect_timeout=BROKER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    except (OperationalError, OSError) as error:
        return mask(f"{Connection(url).as_uri()}: {error}".partition("\n")[0])
    except (KeyError, ValueError, ImportError) as error:
        raise Refused(
            f"{BROKER_VARIABLE} is not an address of a broker ({type(error).__name__}): expected one such as "
            "redis://:password@127.0.0.1:6379/0, with special characters percent-encoded"
        ) from None
    return None
