"""The tear sheet in a browser: it fits the width, axe-core finds nothing, and it prints on A4."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.cockpit.served_cockpit import chromium
from tests.research.tear_sheet.test_tear_sheet import levelled, sheet

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("sheet") / "tearsheet.html"
    path.write_text(sheet(levelled()), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 400), ("dark", 400)])
def test_it_fits_and_axe_finds_nothing(browser: Browser, address: str, theme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(color_scheme=theme, viewport={"width": width, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    told = Axe().run(page).response["violations"]
    found = [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in told]
    assert found == []
    assert asked == [address]
    page.close()


def test_it_prints_on_a4(browser: Browser, address: str) -> None:

    page = browser.new_page(color_scheme="dark")
    page.goto(address)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 35, 48)"
    printed = page.pdf(prefer_css_page_size=True)
    page.close()
    boxes = set(re.findall(rb"/MediaBox \[([^\]]*)\]", printed))
    assert [[round(float(one)) for one in box.split()] for box in boxes] == [[0, 0, 595, 842]]
