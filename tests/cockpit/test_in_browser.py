"""The cockpit in a real browser, behind Airflow's own login: each view, each action, who is refused."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.cockpit.decided_desk import SMALL, TWOFOLD, DecidedDesk
from tests.cockpit.decided_hours import BOOK as HOURS
from tests.cockpit.decided_hours import decide_hours
from tests.cockpit.resting_rows import plant_resting, plant_unprotected
from tests.cockpit.screened_rows import plant_check, plant_pair, plant_screens
from tests.cockpit.served_cockpit import ServedCockpit, chromium, served, sign_in
from tests.cockpit.stretched_history import stretch
from tests.conftest import Databases, open_connection
from tests.end_to_end.browser import TIMEOUT_SECONDS
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import STRATEGY

from nightdesk.cockpit.person_actions import ALL
from nightdesk.core.screen_weeks import screened_before
from nightdesk.store.kill_switch_rows import kill_switch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SESSIONS = 250

#: What the strategy of the hourly book, and its sizing, show of each symbol.
FIGURES = json.dumps({"score_momentum": -0.4321, "adv": 104_839_859.0, "trend": "BEARISH", "beta": None})

#: Every view, with what must stand on it.
VIEWS = {
    "/": "Overview",
    f"/books/{SMALL}": "small",
    f"/books/{SMALL}/screen": "Screen",
    f"/books/{SMALL}/screen?which=failed&of=price&by=price&falling=yes": "Screen",
    f"/books/{SMALL}/pairs": "Pairs",
    f"/books/{SMALL}/pairs/{STRATEGY}/BTC-USD/SPY": "BTC-USD/SPY",
    f"/books/{TWOFOLD}": "Two <strategies>",
    f"/books/{SMALL}/risk": "Risk",
    f"/books/{SMALL}/decision": "Decision",
    f"/books/{SMALL}/orders": "Orders",
    f"/books/{SMALL}/session": "Session",
    f"/books/{HOURS}": "by the hour",
    f"/books/{HOURS}/risk": "Risk",
    f"/books/{HOURS}/decision": "Decision",
    f"/books/{HOURS}/orders": "Orders",
    f"/books/{HOURS}/session": "Session",
    f"/books/{HOURS}/trace/AAPL": "AAPL",
    "/symbols/AAPL": "AAPL",
    "/symbols/GLD": "GLD",
    "/data": "Data",
    "/alerts": "Alerts",
    "/approvals": "Approvals",
    "/backtests": "Backtests",
    "/settings": "Books",
    "/actions": "Actions",
    **{f"/actions/{one.name}?book={SMALL}": one.title for one in ALL},
}


#: Every picture of the page is drawn.
DRAWN = (
    """[...document.querySelectorAll("figure[data-chart] .canvas")].every((one) => one.firstElementChild)"""
)
#: What axe-core looks at: the page, not the stored mail within it, in which it does not run.
CHECKED = {"resultTypes": ["violations"], "iframes": False}


@pytest.fixture(scope="module")
def cockpit(
    decided_desk: DecidedDesk, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedCockpit]:
    """The cockpit of two books with 250 sessions each, and of one with fifteen hours on margin."""
    folder, url = tmp_path_factory.mktemp("served"), databases.copy(decided_desk.url)
    with pytest.MonkeyPatch.context() as patch:
        check_quickly(patch)
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        hours = decide_hours(folder / "hours", url)
    for book in (decided_desk.root / "books").iterdir():
        (hours.root / "books" / book.name).symlink_to(book)
    desk = replace(decided_desk, url=url, root=hours.root)
    with open_connection(url) as conn, conn.cursor() as cur:
        for table in ("signals", "targets"):
            cur.execute(f"UPDATE nightdesk.{table} SET figures = %s WHERE book = %s", (FIGURES, HOURS))
    stretch(desk.url, (SMALL, TWOFOLD), SESSIONS)
    _plant_screens_and_pairs(desk)
    _plant_protections(desk)
    with served(desk, databases, folder / "served") as found:
        yield found
    databases.drop(desk.url)


def _plant_screens_and_pairs(desk: DecidedDesk) -> None:
    """Three weeks of screens of the small book, one pair that it has left and one that it holds."""
    rows = desk.rows("SELECT as_of, session FROM nightdesk.runs WHERE book = %s ORDER BY as_of", SMALL)
    decisions = [(as_of, day) for as_of, day in rows]
    plant_screens(desk.url, SMALL, screened_before(decisions[-1][0]))
    plant_check(desk.url, SMALL, decisions[-1][1], {"SYM010": "price 4.10 is not within 5 to 500 $"})
    swing = [2.6 * math.sin(place / 9) * math.cos(place / 31) for place in range(len(decisions))]
    for pair, opened, left in ((("GLD", "QQQ"), 243, None), (("BTC-USD", "SPY"), 215, 224)):
        plant_pair(desk.url, SMALL, STRATEGY, pair, decisions, opened=opened, left=left, z_of=swing)


def _plant_protections(desk: DecidedDesk) -> None:
    """A stop that rests for one position of the small book, and one for which none can."""
    [decision] = desk.rows(
        "SELECT as_of, session FROM nightdesk.runs WHERE book = %s AND status = 'closed' "
        "ORDER BY as_of DESC LIMIT 1",
        SMALL,
    )
    plant_resting(desk.url, SMALL, STRATEGY, "QQQ", decision, Decimal("105.1"))
    plant_unprotected(desk.url, SMALL, STRATEGY, "GLD", decision, "the broker takes no stop for it")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def signed_in(browser: Browser, cockpit: ServedCockpit) -> dict[str, Any]:
    """The cookies of each user after a login, and nothing else that Airflow's pages have kept.

    They keep the theme that they drew in, or not yet, and the cockpit would draw in it too.
    """
    states = {}
    for name in cockpit.logins:
        context = browser.new_context()
        sign_in(context.new_page(), cockpit, name)
        states[name] = {"cookies": context.storage_state()["cookies"], "origins": []}
        context.close()
    return states


@pytest.fixture
def open_as(browser: Browser, signed_in: dict[str, Any], cockpit: ServedCockpit) -> Iterator[Any]:
    """Opens a page as a user; at the end nothing may have been asked of another host, nor have failed."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def opened(name: str, *, theme: str = "light", width: int = 1440) -> Page:
        context = browser.new_context(
            storage_state=signed_in[name], color_scheme=theme, viewport={"width": width, "height": 900},
            reduced_motion="reduce",
        )  # fmt: skip
        context.set_default_timeout(TIMEOUT_SECONDS * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda request: (
                faults.append(request.url)
                if not request.url.startswith((cockpit.address, "data:", "blob:"))
                else None
            ),
        )
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 400), ("dark", 400)])
def test_every_view(open_as: Any, cockpit: ServedCockpit, theme: str, width: int) -> None:
    """Each is there, fits the width, and axe-core finds nothing serious, contrast included."""
    from axe_playwright_python.sync_playwright import Axe

    page, found = open_as("olga", theme=theme, width=width), {}
    for path, words in VIEWS.items():
        answer = page.goto(f"{cockpit.address}/cockpit{path}")
        if answer.status != 200:
            found[path] = [f"status {answer.status}: {page.inner_text('body')[:200]}"]
            continue
        page.wait_for_function(DRAWN)
        assert words.lower() in page.inner_text("h1").lower(), path
        assert page.evaluate("document.documentElement.dataset.theme") == theme, path
        wide = page.evaluate("document.documentElement.scrollWidth")
        faults = [f"{wide} pixels wide"] if wide > width else []
        faults += [
            f"{one['id']}: {one['nodes'][0]['html'][:120]}"
            for one in Axe().run(page, options=CHECKED).response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        if faults:
            found[path] = faults
    assert found == {}


def test_positions_tell_what_rests_at_the_broker(open_as: Any, cockpit: ServedCockpit) -> None:
    page = open_as("olga", width=400)
    page.goto(f"{cockpit.address}/cockpit/books/{SMALL}")
    table = page.get_by_role("region", name="Positions")
    table.get_by_role("columnheader", name="At the broker").scroll_into_view_if_needed()
    text = table.inner_text()
    assert re.search(r"rests, for .+ units: stop \$105\.10", text), text
    assert "is without protection: the broker takes no stop for it" in text
    # The symbol stays in sight while the columns pass beneath it.
    assert table.evaluate("one => one.scrollLeft") > 0
    symbol, around = table.get_by_role("rowheader", name="QQQ").bounding_box(), table.bounding_box()
    assert symbol["x"] == pytest.approx(around["x"], abs=1)


def test_a_screen_is_narrowed_and_sorted_by_keyboard(open_as: Any, cockpit: ServedCockpit) -> None:
    page = open_as("olga")
    page.goto(f"{cockpit.address}/cockpit/books/{SMALL}/screen")
    page.locator("select[name=which]").focus()
    page.keyboard.type("failed")
    page.keyboard.press("Tab")
    page.keyboard.type("price")
    page.keyboard.press("Tab")
    page.keyboard.type("sym00")
    page.keyboard.press("Enter")
    page.wait_for_url("**which=failed&of=price&symbol=sym00#stocks")
    rows = page.get_by_role("region", name="Stocks of the screen").locator("tbody th")
    assert rows.all_inner_texts() == ["SYM000", "SYM003", "SYM006", "SYM009"]
    page.get_by_role("link", name="dollar volume").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**by=dollar_volume**falling=yes**#stocks")
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("dollar volume")


def test_within_airflow(open_as: Any, cockpit: ServedCockpit) -> None:
    """The place in the navigation, the card on the home, and the theme of the page around it."""
    page = open_as("olga")
    page.goto(cockpit.address)
    card = page.get_by_role("region", name="Nightdesk")
    card.wait_for()
    card.get_by_text("Two <strategies> & accounts").wait_for()
    page.get_by_role("link", name="Nightdesk", exact=True).click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="Overview").wait_for()
    page.evaluate("document.documentElement.classList.replace('light', 'dark')")
    frame.locator("html[data-theme=dark]").wait_for()
    frame.get_by_role("link", name=SMALL, exact=True).click()
    frame.get_by_role("heading", level=1).wait_for()
    page.wait_for_url(f"**/plugin/nightdesk/**/books/{SMALL}")


def test_stop_and_release_by_keyboard(open_as: Any, cockpit: ServedCockpit) -> None:
    """A form is filled, read again, sent and answered without a mouse; what was done is listed."""
    page = open_as("olga")
    page.goto(f"{cockpit.address}/cockpit/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.goto(f"{cockpit.address}/cockpit/actions/kill?book={SMALL}")
    page.focus("#f-reason")
    page.keyboard.type("a browser's <i>test</i>")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Yes, do it").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Yes, do it"
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text(f"{SMALL} is stopped").wait_for()
    assert _is_stopped(cockpit)
    page.goto(f"{cockpit.address}/cockpit/actions/resume?book={SMALL}")
    page.fill("#f-reason", "it was a test")
    page.click("button[type=submit]")
    page.dblclick("text=Yes, do it")
    page.get_by_role("status").get_by_text("is released").wait_for()
    assert not _is_stopped(cockpit)
    page.goto(f"{cockpit.address}/cockpit/actions")
    row = page.locator("tbody tr", has_text="a browser's <i>test</i>")
    assert row.count() == 1
    assert "olga" in row.inner_text()


def test_a_refused_form_says_why(open_as: Any, cockpit: ServedCockpit) -> None:
    page = open_as("olga")
    page.goto(f"{cockpit.address}/cockpit/actions/resume?book={SMALL}")
    page.click("button[type=submit]")
    page.click("text=Yes, do it")
    page.get_by_role("status").get_by_text("Reason: it is empty, and is needed").wait_for()
    page.fill("#f-reason", "nothing stops it")
    page.click("button[type=submit]")
    page.click("text=Yes, do it")
    page.get_by_role("status").get_by_text("is not stopped").wait_for()


def test_who_may_only_look(open_as: Any, cockpit: ServedCockpit) -> None:
    page = open_as("vic")
    page.goto(f"{cockpit.address}/cockpit/actions/kill?book={SMALL}")
    assert page.is_disabled("button[type=submit]")
    for action in ALL:
        status = _post(page, action.name, {"book": SMALL, "reason": "I try", "request": _number(action.name)})
        assert status == 403, action.name
    assert not _is_stopped(cockpit)


def test_nobody_sees_or_does_anything_without_a_login(cockpit: ServedCockpit) -> None:
    for path in (*VIEWS, "/card", "/run?dag_id=a&run_id=b", "/static/cockpit.js"):
        answer = httpx.get(f"{cockpit.address}/cockpit{path}", trust_env=False)
        assert answer.status_code == 401, path
        assert "small" not in answer.text
    for action in ALL:
        answer = httpx.post(
            f"{cockpit.address}/cockpit/actions/{action.name}",
            headers={"X-Nightdesk": "cockpit"},
            data={"book": SMALL},
            trust_env=False,
        )
        assert answer.status_code == 401, action.name


def test_another_site_cannot_act(
    open_as: Any, browser: Browser, signed_in: Any, cockpit: ServedCockpit
) -> None:
    """A page on another port of this host has the browser send the cookie along; nothing is done."""
    target = f"{cockpit.address}/cockpit/actions/kill"
    form = (
        f'<form method=post action="{target}"><input name=book value={SMALL}><input name=reason value=forged>'
        f'<input name=request value="{_number("forged")}"></form><script>'
        f'window.answers = []; const headers = {{"X-Nightdesk": "cockpit"}};'
        f'const body = new URLSearchParams(new FormData(document.forms[0]));'
        f'for (const more of [{{}}, {{headers}}, {{mode: "no-cors"}}])'
        f'  fetch("{target}", {{method: "POST", body, credentials: "include", ...more}})'
        f'    .then((one) => window.answers.push(one.status), () => window.answers.push("blocked"));'
        "</script>"
    )  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(form.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context(storage_state=signed_in["olga"])
    try:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_function("window.answers.length === 3")
        page.evaluate("document.forms[0].submit()")
        page.wait_for_url(target)
        assert "Only the cockpit" in page.content()
    finally:
        context.close()
        server.shutdown()
    assert not _is_stopped(cockpit)
    assert not _kept(cockpit, "forged")


def test_an_expired_login_says_so_and_keeps_the_form(open_as: Any, cockpit: ServedCockpit) -> None:
    page = open_as("olga")
    page.goto(f"{cockpit.address}/cockpit/actions/kill?book={SMALL}")
    page.fill("#f-reason", "too late")
    page.context.clear_cookies()
    page.click("button[type=submit]")
    page.click("text=Yes, do it")
    page.get_by_role("status").get_by_text("Your login has expired").wait_for()
    assert page.input_value("#f-reason") == "too late"
    assert not _is_stopped(cockpit)


def _post(page: Page, action: str, fields: dict[str, str]) -> int:
    """Send a form as the cockpit's own script does."""
    return int(
        page.evaluate(
            """async ([action, fields]) => (await fetch(`/cockpit/actions/${action}`, {
                method: "POST", body: new URLSearchParams(fields), headers: {"X-Nightdesk": "cockpit"}
            })).status""",
            [action, fields],
        )
    )


def _number(word: str) -> str:
    from uuid import NAMESPACE_DNS, uuid5

    return str(uuid5(NAMESPACE_DNS, word))


def _is_stopped(cockpit: ServedCockpit) -> bool:
    with open_connection(cockpit.desk.url) as conn:
        return kill_switch(conn, SMALL, date.max).on


def _kept(cockpit: ServedCockpit, reason: str) -> list[str]:
    with open_connection(cockpit.desk.url) as conn, conn.cursor() as cur:
        cur.execute("SELECT given FROM nightdesk.manual_actions WHERE reason = %s", (reason,))
        return [json.dumps(row[0]) for row in cur.fetchall()]
