"""A real Prometheus on loopback, with the rules of the project, that scrapes what a test serves."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
CONFIG = PROJECT / "config" / "prometheus"
RULES = CONFIG / "rules" / "nightdesk.yml"


def program(name: str) -> str:
    """Where `prometheus` or `promtool` is; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package prometheus)")
    return found


class PrometheusServer:
    """A running one.

    Parameters
    ----------
    url : str
        Where it answers.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, promql: str) -> list[dict[str, Any]]:
        """The series that an expression gives now; what it says of a wrong one fails the test."""
        said = self._get("query", query=promql)
        assert said["status"] == "success", f"{promql}: {said}"
        result = said["data"]["result"]
        return result if said["data"]["resultType"] == "vector" else [{"metric": {}, "value": result}]

    def gives(self, promql: str, *, any_series: bool) -> bool:
        """Whether an expression gives series, or none; a scrape that came too late is waited out."""
        ends = time.monotonic() + 20.0
        while bool(self.query(promql)) != any_series and time.monotonic() < ends:
            time.sleep(0.5)
        return bool(self.query(promql)) == any_series

    def firing(self) -> dict[str, set[str]]:
        """What fires now: summaries by the name of the alert."""
        found: dict[str, set[str]] = {}
        for one in self._get("alerts")["data"]["alerts"]:
            if one["state"] == "firing":
                found.setdefault(one["labels"]["alertname"], set()).add(one["annotations"]["summary"])
        return found

    def targets(self) -> dict[str, str]:
        """The health of each target by its job."""
        found = self._get("targets")["data"]["activeTargets"]
        return {one["labels"]["job"]: one["health"] for one in found}

    def _get(self, what: str, **params: str) -> dict[str, Any]:
        return httpx.get(f"{self.url}/api/v1/{what}", params=params, timeout=10, trust_env=False).json()


@contextmanager
def prometheus(
    folder: Path, port: int, *, change: Callable[[dict[str, Any]], None] | None = None
) -> Iterator[PrometheusServer]:
    """Run it on the project's own files, quicker: it scrapes and judges every two seconds.

    Parameters
    ----------
    folder : Path
        Where its files are.
    port : int
        Where the exporter listens.
    change : callable, optional
        Is given each rule, to change it.
    """
    binary = program("prometheus")
    own = _free_port()
    said = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
    said["global"] = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"}
    jobs = {one["job_name"]: one for one in said["scrape_configs"]}
    jobs["nightdesk"]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
    jobs["prometheus"]["static_configs"][0]["targets"] = [f"127.0.0.1:{own}"]
    (folder / "rules").mkdir()
    for path in sorted((CONFIG / "rules").glob("*.yml")):
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            for rule in group["rules"]:
                (change or (lambda _: None))(rule)
        (folder / "rules" / path.name).write_text(yaml.safe_dump(rules))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(said))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(binary, f"--config.file={folder / 'prometheus.yml'}"),
                *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{own}"),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = PrometheusServer(f"http://127.0.0.1:{own}")
    try:
        wait_for(lambda: server.targets().get("nightdesk") == "up", "Prometheus has read the exporter")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait until something is so; the test fails where it never is."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if is_so():
                return
        except (httpx.TransportError, json.JSONDecodeError):
            pass  # not up yet
        time.sleep(0.2)
    pytest.fail(f"not within {seconds:g} s: {what}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
