"""A broker for Celery: Debian's Redis, run and asked by the very commands of docker-compose.yaml."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from tests.compose_file import SECRETS, command_of, health_check_of, settings_of


@dataclass(frozen=True)
class Broker:
    """A running Redis on a port of its own of this machine."""

    process: subprocess.Popen[bytes]
    port: int
    password: str

    def __post_init__(self) -> None:
        self.await_well()

    @property
    def variables(self) -> dict[str, str]:
        """What .env would say, for docker-compose.yaml."""
        return dict.fromkeys(SECRETS, "unused") | {"REDIS_PASSWORD": self.password}

    @property
    def url(self) -> str:
        """Its address as compose has it, but for the machine and the port."""
        given = settings_of("worker", self.variables)["AIRFLOW__CELERY__BROKER_URL"]
        return given.replace("@redis:6379", f"@127.0.0.1:{self.port}")

    def await_well(self, timeout: float = 20.0) -> None:
        """Wait until the health check of compose finds it well."""
        check = health_check_of("redis", {})
        environ = os.environ | {"REDISCLI_AUTH": self.password, "REDIS_PORT": str(self.port)}
        deadline = time.monotonic() + timeout
        while subprocess.run(check, env=environ, capture_output=True, check=False).returncode:
            assert self.process.poll() is None, "redis-server has ended"
            assert time.monotonic() < deadline, "redis-server is not well"
            time.sleep(0.1)


@contextmanager
def broker() -> Iterator[Broker]:
    """A broker that keeps nothing on disk; gone at the end."""
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server here: Debian has it in the package redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    password = secrets.token_hex(16)
    process = subprocess.Popen(
        command_of("redis", {}),
        env=os.environ | {"REDIS_PASSWORD": password, "REDIS_PORT": str(port), "REDIS_BIND": "127.0.0.1"},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield Broker(process, port, password)
    finally:
        process.terminate()
        process.wait(10)
