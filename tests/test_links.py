"""Links between the pages lead somewhere."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def anchor(title: str) -> str:
    """The name that a title has in a link, as GitHub makes it."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", lambda found: found[1] or "", title)
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {anchor(title) for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, name = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (name and name not in anchors(target)):
            dead.append(link)
    assert not dead


def test_readme_names_every_page_of_the_docs_but_those_that_another_page_measures_by() -> None:
    named = {link.partition("#")[0] for link in LINK.findall((PROJECT / "README.md").read_text("utf-8"))}
    pages = {one.relative_to(PROJECT).as_posix() for one in (PROJECT / "docs").rglob("*.md")}
    assert pages - named == {"docs/level-history.md"}
