"""Names of the package: a file or a class is called once as it is."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "include" / "nightdesk"


def files() -> Iterator[Path]:
    return (one for one in PACKAGE.rglob("*.py") if one.name != "__init__.py")


def twice(named: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    places = defaultdict(list)
    for name, place in named:
        places[name].append(place)
    return {name: where for name, where in places.items() if len(where) > 1}


def test_a_file_name_stands_once() -> None:
    assert twice((one.name, str(one.relative_to(PACKAGE))) for one in files()) == {}


def test_a_class_name_stands_once_in_all_modules() -> None:
    """Classes within a class, such as the parameters of a strategy, are named after what they belong to."""
    named = (
        (node.name, f"{one.relative_to(PACKAGE)}:{node.lineno}")
        for one in files()
        for node in ast.parse(one.read_text()).body
        if isinstance(node, ast.ClassDef)
    )
    assert twice(named) == {}
