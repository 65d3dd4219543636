"""The mail as it arrives, shown by a browser: at the width of a phone and of a column, light and dark."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.alerts import mail_scenes as scenes
from tests.clock import set_clock
from tests.end_to_end.browser import VARIABLE
from tests.fakes.smtp import html_of, mail_server
from tests.session.conftest import desk, desk_after, kept_desks, make_desk, walks
from tests.session.small_desk import SmallDesk, session

from nightdesk.alerts.mail_message import mail_message
from nightdesk.alerts.mail_page import daily_mail, period_mail, undecided_mail
from nightdesk.core.calendar import get_calendar
from nightdesk.core.reporting_terms import Routes
from nightdesk.operations.delivery import deliver

if TYPE_CHECKING:
    from email.message import EmailMessage

    from playwright.sync_api import Browser

__all__ = ["desk", "desk_after", "kept_desks", "make_desk", "walks"]

pytestmark = pytest.mark.browser
#: Where pictures of the pages are put, for a person who wants to look at them.
SHOTS = "NIGHTDESK_SHOTS"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get(VARIABLE) or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip(f"no browser is found: install Chromium, or name one in {VARIABLE}")
    with driver.sync_playwright() as started:
        yield started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])


def shown(browser: Browser, message: EmailMessage, width: int, mode: Any, name: str) -> dict[str, Any]:
    """What a browser makes of a mail; its pictures are those that travel with it, and no network is asked."""
    html, asked = html_of(message), []
    for part in message.walk():
        if part.get_content_maintype() == "image":
            data = base64.b64encode(part.get_content()).decode()
            html = html.replace(f"cid:{part['Content-ID'].strip('<>')}", f"data:image/png;base64,{data}")
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=mode)
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(html)
    if SHOTS in os.environ:
        page.screenshot(path=Path(os.environ[SHOTS]) / f"{name}_{width}_{mode}.png", full_page=True)
    found = page.evaluate(
        """() => ({
            wide: document.documentElement.scrollWidth,
            ground: getComputedStyle(document.querySelector('.c')).backgroundColor,
            ink: getComputedStyle(document.querySelector('.i')).color,
            card: document.querySelector('.c').getBoundingClientRect().width,
            pictures: [...document.images].map(one => [one.naturalWidth, one.getBoundingClientRect().width]),
        })"""
    )
    page.close()
    return {**found, "asked": [url for url in asked if not url.startswith(("data:", "about:"))]}


def message_of(mail: Any) -> EmailMessage:
    from email import message_from_bytes, policy

    made = mail_message(mail, ("", "desk@example.com"), ("", "ops@example.com"), scenes.CLOSE)
    return message_from_bytes(made.as_bytes(), policy=policy.default)  # type: ignore[return-value]


MAILS = {
    "day": daily_mail(scenes.daily()),
    "crowded": daily_mail(scenes.crowded()),
    "empty": daily_mail(scenes.empty()),
    "failed": undecided_mail(scenes.undecided()),
    "hostile": daily_mail(scenes.hostile()),
    "week": period_mail(scenes.period()),
    "month": period_mail(scenes.period("monthly")),
}


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 600, 1200])
@pytest.mark.parametrize("name", MAILS)
def test_a_mail_fits_its_column_and_follows_the_mode(
    browser: Browser, name: str, width: int, mode: str
) -> None:
    found = shown(browser, message_of(MAILS[name]), width, mode, name)
    assert found["wide"] <= width
    assert found["card"] <= 600
    assert found["ground"] == ("rgb(255, 255, 255)" if mode == "light" else "rgb(24, 30, 39)")
    assert found["ink"] == ("rgb(27, 35, 48)" if mode == "light" else "rgb(230, 234, 240)")
    assert found["asked"] == []
    assert all(own == 1040 and 250 < wide < 560 for own, wide in found["pictures"])
    assert len(found["pictures"]) == (0 if name in ("empty", "failed") else 2)


def test_the_mail_that_a_server_received_is_shown_with_its_pictures(
    browser: Browser, desk_after: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decided, made, raised, sent by SMTP, taken apart again: what a reader has."""
    made: SmallDesk = desk_after(3)
    set_clock(made.url, get_calendar().known_from(session(3)) + timedelta(hours=1))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:8080")
    made.run(3)
    with mail_server(None) as server, made.connection() as conn:
        deliver(conn, lambda _: Routes(), {"NIGHTDESK_ALERT_MAIL": server.url("ops@example.com")})
    mails = [one for _, one in server.received if one["Subject"].startswith("small ")]
    assert [one["Subject"].split(":")[0] for one in mails] == [f"small {session(3)}", "small week 9 of 2022"]
    for message, kind in zip(mails, ("received_day", "received_week"), strict=True):
        assert "http://127.0.0.1:8080/cockpit/books/small/session?as_of=2022-03-04T21" in html_of(message)
        for width in (380, 600):
            for mode in ("light", "dark"):
                found = shown(browser, message, width, mode, kind)
                assert found["wide"] <= width
                assert [own for own, _ in found["pictures"]] == [1040, 1040]
