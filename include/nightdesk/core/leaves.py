"""The leaves of a document by their paths, and which of them two documents differ in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def leaves(tree: Any, path: str = "") -> dict[str, str]:
    """The leaves of a tree as JSON by their paths, such as ``limits.trades_per_day.limit``.

    A list is a leaf, and so is an empty mapping.
    """
    if not isinstance(tree, Mapping) or not tree:
        return {path: json.dumps(tree, ensure_ascii=False)}
    return {
        name: leaf
        for key, branch in tree.items()
        for name, leaf in leaves(branch, f"{path}.{key}" if path else str(key)).items()
    }


def changed_leaves(before: Any, now: Any) -> list[str]:
    """What differs between two trees, by path, as ``key: then -> now``.

    Examples
    --------
    >>> changed_leaves({"a": {"b": 1}}, {"a": {"b": 2}, "c": "x"})
    ['a.b: 1 -> 2', 'c: absent -> "x"']
    """
    old, new = leaves(before), leaves(now)
    return [
        f"{key}: {old.get(key, 'absent')} -> {new.get(key, 'absent')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
