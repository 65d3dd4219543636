"""What two books have in common that decide alike: one on paper, and the same one with real money."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: Keys of a configuration that say how a book is called, when it begins, with how much, where its bars come
#: from, where its orders go and whose they are. All others are its rules.
NO_RULES = (
    "name",
    "title",
    "description",
    "origin",
    "inception",
    "initial_capital",
    "broker",
    "accounts",
    "routes",
)
NO_RULES_IN = {"feeds": ("daily", "hourly", "compare_with"), "tax": ("taxpayer", "sales")}


def rules_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The rules in a configuration, as `Book.configuration` says it and as the store keeps it."""
    rules = {key: value for key, value in configuration.items() if key not in NO_RULES}
    for name, left_out in NO_RULES_IN.items():
        part = configuration.get(name) or {}
        rules[name] = {key: value for key, value in part.items() if key not in left_out}
    return rules


def rules_hash_of(configuration: Mapping[str, Any]) -> str:
    """SHA-256 of the rules in a configuration, hexadecimal; see `Book.rules_hash`."""
    return hashlib.sha256(json.dumps(_plain(rules_of(configuration)), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """`value` with whole numbers as integers: the store says 1e20 otherwise than the book does."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
