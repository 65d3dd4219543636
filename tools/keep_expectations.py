"""Write the package's own list of the expectations of Great Expectations, with their arguments.

    python tools/keep_expectations.py

A book's own expectations are checked against it when the book is read, which so does without importing
`great_expectations`. To be run whenever that is pinned anew; ``tests/core/test_expectation_terms.py`` fails
until it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nightdesk.core import expectation_kinds

#: They ask a database, which the frames of a session are not.
OF_DATABASES = ("like_pattern", "query_results", "other_table")
#: Arguments that belong to the frame, and not to what is expected of it.
OF_THE_FRAME = frozenset({"batch_id", "row_condition", "condition_parser", "library_metadata"})


def catalogue() -> dict[str, Any]:
    """What the installed version knows, as the file holds it."""
    import great_expectations.expectations as found
    from great_expectations.expectations.expectation import Expectation

    classes = (one for one in vars(found).values() if isinstance(one, type))
    kinds = {
        one.expectation_type: _kind(one, frozenset(Expectation.__fields__))
        for one in classes
        if issubclass(one, Expectation) and one.__name__.startswith("Expect")
    }
    return {
        "great_expectations": version("great_expectations"),
        "kinds": {
            name: kind
            for name, kind in sorted(kinds.items())
            if name and not any(part in name for part in OF_DATABASES)
        },
    }


def _kind(one: Any, common: frozenset[str]) -> dict[str, Any]:
    schema = one.schema()
    by_row = any(base.__name__.endswith("MapExpectation") for base in one.__mro__)
    required = set(schema.get("required", ()))
    return {
        "by_row": by_row,
        "arguments": {
            name: {"required": name in required, **_types(schema["properties"][name])}
            for name in sorted(set(one.__fields__) - common - OF_THE_FRAME)
        },
    }


def _types(said: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON types of an argument, and its values where they are a closed list."""
    parts = said.get("anyOf") or said.get("oneOf") or said.get("allOf")
    if parts is None:
        types = ["object"] if "$ref" in said else [said["type"]]
        return {"types": types, **({"values": said["enum"]} if "enum" in said else {})}
    # A date stands beside a number for columns of dates, which no frame of a session has.
    each = [_types(part) for part in parts if not part.get("format", "").startswith("date")]
    types = sorted({name for one in each for name in one["types"]})
    # An object stands for a parameter of a suite wherever something else is allowed.
    if "object" in types and len(types) > 1 and not any("$ref" in part for part in parts):
        types.remove("object")
    values = [value for one in each for value in one.get("values", ())]
    return {"types": types, **({"values": values} if values else {})}


def main() -> None:
    """Write the file."""
    path = Path(expectation_kinds.__file__).with_suffix(".json")
    made = catalogue()
    path.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    print(f"{path}: {len(made['kinds'])} expectations of {made['great_expectations']}")


if __name__ == "__main__":
    main()
