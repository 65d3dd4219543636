"""The books, what each is set to, and how that changed."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import (
    BROKEN,
    DECIDED,
    SMALL,
    TWOFOLD,
    WAITING,
    DecidedDesk,
    as_project,
    session,
)
from tests.cockpit.own_desk import OwnDesk
from tests.conftest import PROJECT

from nightdesk.cockpit.setting_lines import setting_lines
from nightdesk.core.book import load_book, parse_book
from nightdesk.core.leaves import changed_leaves, leaves


@pytest.mark.parametrize("path", sorted((PROJECT / "books").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_lines_of_a_book_read_as_the_same_book(path: Path) -> None:
    book = load_book(path)
    text = "\n".join(line.text for line in setting_lines(book))
    again = parse_book(yaml.safe_load(text), "the page")
    assert again == book
    assert again.config_hash == book.config_hash


def test_what_a_book_states_is_marked_and_a_default_is_not(decided_desk: DecidedDesk) -> None:
    lines = setting_lines(load_book(decided_desk.root / "books" / f"{SMALL}.yaml"))
    marked = {piece.text for line in lines for piece in line.pieces if piece.differs}
    plain = {piece.text for line in lines for piece in line.pieces if not piece.differs}
    assert f"name: {SMALL}" in marked
    assert "inception: 2022-03-01" in marked
    assert "calendar: XNYS" in plain
    assert "currency: USD" in plain
    gold = next(line for line in lines if line.text.strip().startswith("GLD: "))
    assert "max_weight: 0.5" in {piece.text for piece in gold.pieces if piece.differs}
    assert "costs: null" in {piece.text for piece in gold.pieces if not piece.differs}


def test_words_that_yaml_reads_as_something_else_are_quoted(
    tmp_path: Path, decided_desk: DecidedDesk
) -> None:
    tree = yaml.safe_load((decided_desk.root / "books" / f"{SMALL}.yaml").read_text())
    for title in (
        "yes",
        "0700",
        "1:30",
        "a: b",
        "# none",
        "- x",
        "null",
        "'",
        '"',
        "{x}",
        "2022-03-01",
        "tab\there",
    ):
        book = parse_book({**tree, "title": title}, "a test")
        text = "\n".join(line.text for line in setting_lines(book))
        assert yaml.safe_load(text)["title"] == title


def test_the_list_has_every_book_and_what_is_wrong_with_files(browser: TestClient) -> None:
    page = browser.get("/settings").text
    for name in (SMALL, TWOFOLD, WAITING):
        assert f'href="/cockpit/settings?book={name}"' in page
    assert "Two &lt;strategies&gt; &amp; accounts" in page
    assert f"<b>{BROKEN}</b>: its file is refused" in page
    assert "unheard" in page
    assert "no, from 2022-03-01 on" in page


def test_an_empty_desk(empty_browser: TestClient) -> None:
    assert "There is no book: put one into the folder books." in empty_browser.get("/settings").text


@pytest.mark.parametrize(
    ("book", "words"),
    [
        (SMALL, ("Gates: none recorded.", "Versions that decided", "its DAG", "time_series_momentum")),
        (WAITING, ("The book has decided nothing yet.", "Gates: none recorded.")),
        (BROKEN, ("unheard", "What it is set to is not known")),
    ],
)
def test_one_book(browser: TestClient, book: str, words: tuple[str, ...]) -> None:
    page = browser.get("/settings", params={"book": book}).text
    for word in words:
        assert word in page


def test_the_versions_of_a_book_with_what_changed_between_them(own_desk: OwnDesk) -> None:
    ((now, text),) = own_desk.run(
        "SELECT config_hash, configuration FROM nightdesk.book_versions WHERE book = %(book)s", book=SMALL
    )
    before = {**text, "title": "An <older> one", "portfolio": {**text["portfolio"], "buy_fraction": 0.25}}
    own_desk.run(
        "INSERT INTO nightdesk.book_versions (book, config_hash, configuration) VALUES (%(book)s, "
        "%(hash)s, %(text)s)",
        book=SMALL,
        hash="0" * 64,
        text=json.dumps(before),
    )
    own_desk.run(  # the older one decided three sessions, then the newer, then the older again for one
        "UPDATE nightdesk.runs SET config_hash = %(hash)s WHERE book = %(book)s AND session = ANY "
        "(%(days)s::date[])",
        book=SMALL,
        hash="0" * 64,
        days=[session(n) for n in (0, 1, 2, 5)],
    )
    page = unescape(own_desk.page("/settings", book=SMALL))
    rows = re.findall(r'<code title="(\w{64})">.*?</tr>', page, re.S)
    assert rows == [now, "0" * 64, now, "0" * 64]
    forward = f"portfolio.buy_fraction: 0.25 -> {text['portfolio']['buy_fraction']}"
    backward = f"portfolio.buy_fraction: {text['portfolio']['buy_fraction']} -> 0.25"
    assert page.count(forward) == 2
    assert page.count(backward) == 1
    assert "the oldest that is shown" in page
    assert f"{session(6)}</a> to {session(DECIDED - 1)}" in page


def test_a_version_that_was_never_kept_says_so(own_desk: OwnDesk) -> None:
    own_desk.run(
        "UPDATE nightdesk.runs SET config_hash = %(hash)s WHERE book = %(book)s AND session < %(day)s",
        book=SMALL,
        hash="0" * 64,
        day=session(3),
    )
    assert "decided before the desk kept what books say" in own_desk.page("/settings", book=SMALL)


def test_a_file_that_was_changed_since_the_newest_decision(
    decided_desk: DecidedDesk, tmp_path: Path, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    root = as_project(tmp_path / "changed")
    tree = yaml.safe_load((decided_desk.root / "books" / f"{SMALL}.yaml").read_text())
    tree["limits"]["turnover_per_day"]["limit"] = 0.5
    (root / "books" / f"{SMALL}.yaml").write_text(yaml.safe_dump(tree))
    page = unescape(
        cockpit_of(replace(decided_desk, root=root)).get("/settings", params={"book": SMALL}).text
    )
    assert "The file has changed since the newest decision" in page
    assert "limits.turnover_per_day.limit: 1.0 -> 0.5" in page


def test_a_started_book_without_a_file_shows_what_it_last_used(
    decided_desk: DecidedDesk, tmp_path: Path, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    gone = cockpit_of(replace(decided_desk, root=as_project(tmp_path / "gone")))
    assert "cannot be read" in gone.get("/settings").text
    page = gone.get("/settings", params={"book": SMALL}).text
    assert "As the newest decision used them" in page
    assert f"name: {SMALL}" in page


def test_a_book_that_there_is_not_and_a_hidden_one(browser: TestClient, door: Door) -> None:
    answer = browser.get("/settings", params={"book": "<b>nobody"})
    assert answer.status_code == 404
    assert "<b>" not in answer.text
    door.hidden.add(SMALL)
    assert browser.get("/settings", params={"book": SMALL}).status_code == 403
    assert f"book={SMALL}" not in browser.get("/settings").text


def test_leaves_and_what_differs() -> None:
    tree = {"a": {"b": 1, "c": []}, "d": {}, "e": "ä"}
    assert leaves(tree) == {"a.b": "1", "a.c": "[]", "d": "{}", "e": '"ä"'}
    assert changed_leaves(tree, tree) == []
    assert changed_leaves(tree, {"a": {"b": 2}, "e": "ä"}) == [
        "a.b: 1 -> 2",
        "a.c: [] -> absent",
        "d: {} -> absent",
    ]
