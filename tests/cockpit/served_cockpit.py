"""The cockpit as a person meets it: Airflow's own API server, its login, a real browser."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.cockpit.decided_desk import DecidedDesk
from tests.conftest import PROJECT, Databases
from tests.end_to_end.browser import VARIABLE

from nightdesk.machine import postgres
from nightdesk.machine.airflow import Airflow
from nightdesk.machine.environment import Login, password_file
from nightdesk.machine.home import Home

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: Users of the desk under test by their role.
USERS = {"vic": "viewer", "olga": "op", "admin": "admin"}


@dataclass(frozen=True)
class ServedCockpit:
    """An API server with the cockpit of a desk behind it, and no other part of Airflow."""

    address: str
    logins: dict[str, Login]
    desk: DecidedDesk


@contextmanager
def served(desk: DecidedDesk, databases: Databases, folder: Path) -> Iterator[ServedCockpit]:
    """Serve the cockpit of a desk; ended with the block."""
    root = folder / "project"
    root.mkdir(parents=True)
    for name in ("plugins", "sql", "config"):
        (root / name).symlink_to(PROJECT / name)
    (root / "books").symlink_to(desk.root / "books")
    (root / "dags").mkdir()
    airflow_database = databases.bare()
    environ = {
        **os.environ,
        "NIGHTDESK_ROOT": str(root),
        "NIGHTDESK_HOME": str(folder / "home"),
        "NIGHTDESK_DATABASE_URL": desk.url,
        "NIGHTDESK_AIRFLOW_DATABASE_URL": airflow_database,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{one}:{role}" for one, role in USERS.items()),
    }
    environ.pop("NIGHTDESK_WEB_PORT", None)
    home = Home.find(environ)
    home.make_private()
    home.airflow.mkdir(parents=True, exist_ok=True)
    logins = {name: Login(name, f"word-of-{name}") for name in USERS}
    password_file(home).write_text(json.dumps({one.username: one.password for one in logins.values()}))
    airflow = Airflow(home, postgres.addresses(home, environ), environ)
    try:
        airflow.start_missing(("api-server",))
        _await(airflow)
        yield ServedCockpit(airflow.address, logins, replace(desk, home=home.state))
    finally:
        airflow.stop()
        databases.drop(airflow_database)


def _await(airflow: Airflow, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(f"{airflow.address}/api/v2/version", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"the API server does not answer: {airflow.last_words('api-server', 20)}")
        time.sleep(0.5)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped where there is none."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"no browser is found: install Chromium, or name one in {VARIABLE}")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, cockpit: ServedCockpit, name: str) -> None:
    """Log in as a person does."""
    login = cockpit.logins[name]
    page.goto(f"{cockpit.address}/auth/login")
    page.fill("input[name=username]", login.username)
    page.fill("input[name=password]", login.password)
    page.keyboard.press("Enter")
    page.get_by_test_id("nav-home-link").wait_for()
