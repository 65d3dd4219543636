"""The expectations of Great Expectations by name, with their arguments: a copy, so that a book is read fast.

``tools/keep_expectations.py`` writes the copy and a test compares it with `great_expectations` anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nightdesk.core.documents import shortened

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,), "array": (list, tuple),
    "object": (dict,),
}  # fmt: skip
_WORDS = {
    "string": "a word", "number": "a number", "integer": "a whole number", "boolean": "true or false",
    "array": "a list", "object": "keys with values",
}  # fmt: skip


@dataclass(frozen=True)
class Argument:
    """What one argument takes: JSON types, and its values where they are a closed list."""

    required: bool
    types: tuple[str, ...]
    values: tuple[str, ...] = ()

    def fault(self, value: Any) -> str:
        """Why it does not take a value; empty where it does."""
        if self.values:
            return "" if value in self.values else f"expected one of {', '.join(self.values)}"
        if isinstance(value, bool) and "boolean" not in self.types:
            fits = False
        else:
            fits = any(isinstance(value, _TYPES[one]) for one in self.types)
        return "" if fits else f"expected {' or '.join(_WORDS[one] for one in self.types)}"


@dataclass(frozen=True)
class ExpectationKind:
    """One expectation: its arguments, and whether it judges row by row, or a frame as a whole."""

    by_row: bool
    arguments: Mapping[str, Argument]

    def faults(self, given: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with arguments, each as ``NAME: words``."""
        for name, argument in self.arguments.items():
            if argument.required and name not in given:
                yield f"{name}: missing; it must be given"
        for name, value in given.items():
            known = self.arguments.get(name)
            if known is None:
                yield f"{name}: unknown argument; it takes {', '.join(self.arguments)}"
            elif value is None:
                yield f"{name}: found nothing; leave it out or give it a value"
            elif fault := known.fault(value):
                yield f"{name}: found {shortened(value)}; {fault}"


@cache
def expectation_kinds() -> Mapping[str, ExpectationKind]:
    """All that may be named, by name."""
    kept = json.loads(Path(__file__).with_suffix(".json").read_text())
    return {
        name: ExpectationKind(
            one["by_row"],
            {
                key: Argument(said["required"], tuple(said["types"]), tuple(said.get("values", ())))
                for key, said in one["arguments"].items()
            },
        )
        for name, one in kept["kinds"].items()
    }
