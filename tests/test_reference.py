"""The reference pages say what the code says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from nightdesk.accounting.tax.form_8949 import COLUMNS
from nightdesk.research.backtest.result_columns import COLUMN_WORDS, columns_of
from nightdesk.research.backtest.tables import TABLES

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", PROJECT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_made_from_the_code(tool: ModuleType) -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in tool.FOLDER.glob("*.md")}
    made = tool.pages()
    assert written.keys() == made.keys()
    stale = [name for name in made if written[name] != made[name]]
    assert not stale, "make reference"


def test_every_column_of_a_backtests_files_is_named_in_the_order_of_the_file(tool: ModuleType) -> None:
    told: dict[str, list[str]] = {}
    for section in tool.pages()["files.md"].split("\n## ")[1:]:
        name, *lines = section.splitlines()
        told[name] = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert told.keys() == TABLES.keys() == COLUMN_WORDS.keys()
    for name in TABLES:
        assert tuple(told[name]) == columns_of(name, hourly=True, bundles=True, accounts=True, figures=True)
    assert columns_of("form_8949") == COLUMNS


def test_no_key_stands_there_without_words(tool: ModuleType) -> None:
    bare = [
        f"{name}: {line.split('|')[1].strip()}"
        for name, text in tool.pages().items()
        for line in text.splitlines()
        if line.startswith("| `") and not line.split("|")[2].strip()
    ]
    assert not bare
