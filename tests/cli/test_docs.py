"""The commands that the docs show are commands that exist."""

import csv
import re
import shlex
import textwrap
from pathlib import Path

import pytest
from typer.main import get_command

from nightdesk.cli import app
from nightdesk.session.books import read_book

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
LINES = [
    (page.name, line.partition(" #")[0].strip())
    for page in PAGES
    for line in page.read_text().splitlines()
    if re.match(r" {4,}nightdesk ", line)
]


@pytest.mark.parametrize(("page", "line"), LINES)
def test_every_command_that_a_page_shows_is_understood(page, line):
    command, (_, name, *arguments) = get_command(app), shlex.split(line)
    arguments = ["2026-11-20" if word == "D" else word for word in arguments]  # D stands for a date
    # parsing refuses an unknown option, a missing argument or a wrong value, and runs nothing
    command.commands[name].make_context(name, arguments)


@pytest.mark.parametrize(("page", "line"), LINES)
def test_no_command_that_is_shown_asks_for_a_session_that_a_fresh_desk_has_not_decided(page, line):
    _, name, *arguments = shlex.split(line)
    if name in ("run", "trace", "replay", "backfill", "risk"):
        assert not [word for word in arguments if re.fullmatch(r"\d{4}-\d\d-\d\d.*", word)]


def test_the_pages_show_commands():
    assert len({page for page, _ in LINES}) >= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_folder_and_file_of_the_project_that_a_page_names_exists(page):
    for named in re.findall(r"`((?:include|books|docs|sql|dags|tests|plugins)/[\w/.*-]*)`", page.read_text()):
        assert list(PROJECT.glob(named.rstrip("/"))), named


def blocks(page, language):
    """The code blocks of a page, without their indentation."""
    text = (PROJECT / "docs" / page).read_text()
    return [
        textwrap.dedent(one)
        for one in re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    ]


def test_the_book_that_the_docs_show_is_a_whole_book_and_its_commands_work(nightdesk, project):
    (text,) = blocks("book.md", "yaml")
    path = project / "books" / "two_funds.yaml"
    path.write_text(text)
    assert read_book(path).symbols == ("SPY", "TLT")
    shown = [shlex.split(line) for page, line in LINES if page == "book.md"]
    tried = [arguments[1:] for arguments in shown if arguments[1] in ("books", "backtest")]
    assert len(tried) == 4
    for arguments in tried:
        folder = arguments.index("--out") + 1 if "--out" in arguments else None
        nightdesk(*(project if at == folder else word for at, word in enumerate(arguments)))
    assert (project / "nav.csv").exists()


def test_the_rules_that_the_docs_show_trade_in_a_book(nightdesk, project):
    (rules,) = (one for one in blocks("strategy.md", "yaml") if "kind: rules" in one)
    (text,) = blocks("book.md", "yaml")
    head, _, rest = text.partition("strategies:\n")
    path = project / "books" / "dips.yaml"
    path.write_text(head.replace("name: two_funds", "name: dips") + rules + rest.partition("\n")[2])
    assert read_book(path).strategies["dips"].kind == "rules"
    nightdesk("backtest", "dips", "--from", "2020-01-02", "--to", "2025-12-31", "--out", project / "out")
    with (project / "out" / "trades.csv").open(newline="") as file:
        trades = list(csv.DictReader(file))
    assert {one["strategy"] for one in trades} == {"dips"}
    assert all("enter: rsi_14 < 35 and close > sma_200 (rsi_14 " in one["entry_reason"] for one in trades)
