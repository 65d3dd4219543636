"""A real web browser, for tests that look at pages as a person does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from nightdesk.machine.environment import Login

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Where a browser is found that stands at no usual place.
VARIABLE = "NIGHTDESK_BROWSER"
#: A page of a busy desk takes its time.
TIMEOUT_SECONDS = 90
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def signed_in(address: str, login: Login, zone: str = "America/New_York") -> Iterator[Page]:
    """A page of Airflow's web UI, somebody signed in; the test is skipped where no browser is found.

    Parameters
    ----------
    address : str
        Of the web UI.
    login : Login
        Who signs in.
    zone : str
        The time zone of the browser's machine.
    """
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"no browser is found: install Chromium, or name one in {VARIABLE}")
    with driver.sync_playwright() as started:
        # Without a sandbox of its own it runs as root too, as in a container; it only sees the test's desk.
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 900}, timezone_id=zone)
            page.set_default_timeout(TIMEOUT_SECONDS * 1000)
            page.goto(address)
            page.fill("input[name=username]", login.username)
            page.fill("input[name=password]", login.password)
            page.keyboard.press("Enter")
            page.get_by_test_id("nav-home-link").wait_for()
            yield page
        finally:
            browser.close()
