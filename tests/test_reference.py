"""The reference pages say what the code says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

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


def test_no_key_stands_there_without_words(tool: ModuleType) -> None:
    bare = [
        f"{name}: {line.split('|')[1].strip()}"
        for name, text in tool.pages().items()
        for line in text.splitlines()
        if line.startswith("| `") and not line.split("|")[2].strip()
    ]
    assert not bare
