"""The page on limits says what the rules say."""

import importlib.util
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_the_page_on_limits_is_made_from_the_rules() -> None:
    spec = importlib.util.spec_from_file_location("limits_table", PROJECT / "tools" / "limits_table.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    made = tool.page()
    assert (PROJECT / "docs" / "limits.md").read_text() == made, (
        "python tools/limits_table.py > docs/limits.md"
    )
