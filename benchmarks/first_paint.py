"""How soon a browser shows something of the cockpit, against Airflow's own home in the same browser run.

Two books with five years of decisions each stand in PostgreSQL. Each page is opened several times with a warm
cache, in turns; what counts is the browser's own "first contentful paint".
"""

from __future__ import annotations

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from tests.cockpit.decided_desk import DecidedDesk, decide
from tests.cockpit.served_cockpit import ServedCockpit, chromium, served, sign_in
from tests.cockpit.stretched_history import stretch
from tests.conftest import Databases, open_connection
from tests.session.new_desk import random_walks
from tests.session.quick_checks import check_quickly

from benchmarks.measurement import Measurement
from nightdesk.machine import postgres

if TYPE_CHECKING:
    from playwright.sync_api import Page

YEARS = 5
SESSIONS = 252 * YEARS
TURNS = 9

HOME = "/"
PAGES = {
    "the cockpit's overview": "/cockpit/",
    "a book with five years": "/cockpit/books/small?sessions=all",
}

#: Of the browser itself, in milliseconds since the navigation began; Airflow's page draws after it has asked.
_PAINT = """() => new Promise((done) => {
    new PerformanceObserver((list) => done(list.getEntries()[0].startTime))
        .observe({type: "paint", buffered: true});
    const known = performance.getEntriesByName("first-contentful-paint")[0];
    if (known) done(known.startTime);
})"""


def measure() -> list[Measurement]:
    """First paint of the overview and of a book, as shares of that of Airflow's home."""
    with TemporaryDirectory() as folder, postgres.ephemeral() as addresses:
        databases = Databases(addresses)
        try:
            desk = _old_desk(Path(folder), databases)
            with served(desk, databases, Path(folder) / "served") as cockpit, chromium() as browser:
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                sign_in(page, cockpit, "olga")
                found = _paints(page, cockpit)
        finally:
            databases.close()
    home = statistics.median(found[HOME])
    return [
        Measurement(
            f"first paint: {name}", statistics.median(found[path]), "Airflow's own home", home, limit=1.0
        )
        for name, path in PAGES.items()
    ]


def _old_desk(folder: Path, databases: Databases) -> DecidedDesk:
    with pytest.MonkeyPatch.context() as patch:
        check_quickly(patch)
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        desk = decide(folder / "desk", databases.new(), random_walks())
    stretch(desk.url, ("small", "twofold"), SESSIONS)
    with open_connection(desk.url) as conn, conn.cursor() as cur:
        cur.execute("SELECT count(*) FROM nightdesk.runs")
        assert cur.fetchone()[0] >= 2 * SESSIONS  # type: ignore[index] # a count
    return desk


def _paints(page: Page, cockpit: ServedCockpit) -> dict[str, list[float]]:
    """Seconds to first paint by path; the first turn only warms what is cached."""
    found: dict[str, list[float]] = {path: [] for path in (HOME, *PAGES.values())}
    for turn in range(TURNS + 1):
        for path, seconds in found.items():
            page.goto(f"{cockpit.address}{path}", wait_until="load")
            painted = page.evaluate(_PAINT) / 1000.0
            if turn:
                seconds.append(painted)
    return found
