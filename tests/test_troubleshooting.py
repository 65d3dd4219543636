"""The messages on the page of troubleshooting are messages of the code, word for word."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
#: Sections whose first column are messages; the others say what one sees elsewhere.
SECTIONS = ("Starting", "A book", "Data", "Orders and brokers", "Backups")


def messages() -> list[str]:
    """The words in backticks of the first column."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    tables = dict(zip(parts[1::2], parts[2::2], strict=True))
    rows = [line for name in SECTIONS for line in tables[name].splitlines() if line.startswith("| `")]
    return [one for row in rows for one in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [text for path in (PROJECT / "include").rglob("*.py") for text in _texts(path)]


def _texts(path: Path) -> Iterator[str]:
    """Every text in a file, with … in the place of what is filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("message", messages())
def test_a_message_of_the_page_is_one_of_the_code(message: str, texts: list[str]) -> None:
    fragments = [re.escape(one.strip()) for one in message.split("…") if one.strip()]
    pattern = re.compile(".*".join(fragments), re.DOTALL)
    assert any(pattern.search(text) for text in texts), message
