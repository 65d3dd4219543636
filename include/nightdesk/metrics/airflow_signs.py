"""Airflow's signs of life, as its API server tells them to anyone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from nightdesk.core.errors import NightdeskError, Refused
from nightdesk.metrics.families import Sample
from nightdesk.metrics.samples import sample

#: The address of Airflow's API server, where it is not one of this desk's home.
VARIABLE = "NIGHTDESK_AIRFLOW_URL"
TIMEOUT_SECONDS = 2.0
LARGEST_ANSWER = 20_000
PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


def airflow_address(environ: Mapping[str, str]) -> str | None:
    """Where Airflow's API server answers; None where this machine knows of none.

    Raises
    ------
    Refused
        When the variable holds no address of HTTP.
    """
    import httpx

    named = (environ.get(VARIABLE) or "").strip()
    if not named:
        return _recorded(environ)
    try:
        url = httpx.URL(named)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise Refused(
            f"{VARIABLE} is not an address of HTTP: expected http://host:port, as in the compose file"
        )
    return named.rstrip("/")


def _recorded(environ: Mapping[str, str]) -> str | None:
    """The address of the API server that `nightdesk up` has started here, where it has."""
    from nightdesk.machine import postgres
    from nightdesk.machine.airflow import Airflow
    from nightdesk.machine.home import Home

    try:
        home = Home.find(environ)
    except NightdeskError:
        return None
    if not (home.run / "web.json").exists():
        return None
    return Airflow(home, postgres.addresses(home, environ), environ).address


def airflow_samples(address: str | None) -> Iterator[Sample]:
    """Samples of what Airflow says of its parts; none without an address."""
    if address is None:
        return
    said = _monitor(address)
    yield from sample("nightdesk_airflow_up", said is not None)
    for part in PARTS if said else ():
        found = (said or {}).get(part)
        if not isinstance(found, Mapping):
            continue
        yield from sample("nightdesk_airflow_healthy", found.get("status") == "healthy", component=part)
        yield from sample(
            "nightdesk_airflow_heartbeat_timestamp_seconds",
            _instant(found.get(f"latest_{part}_heartbeat")),
            component=part,
        )


def _monitor(address: str) -> dict[str, Any] | None:
    """Airflow's word on its parts; None where nobody answers in time, or says something else."""
    import json

    import httpx

    body = b""
    try:
        with httpx.stream(
            "GET", f"{address}/api/v2/monitor/health", timeout=TIMEOUT_SECONDS, trust_env=False
        ) as answer:
            if not answer.is_success:
                return None
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > LARGEST_ANSWER:
                    return None
        said = json.loads(body)
    except (httpx.HTTPError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _instant(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return None if found.tzinfo is None else found
