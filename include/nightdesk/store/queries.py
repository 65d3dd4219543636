"""The named queries of sql/queries, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from nightdesk.core.errors import Refused
from nightdesk.store.db import sql_folder


def query(name: str) -> str:
    """The text of a named query; `Refused` when ``sql/queries`` does not hold it."""
    folder = sql_folder() / "queries"
    try:
        return _queries(folder)[name]
    except KeyError:
        raise Refused(f"no query {name!r} in {folder}") from None


@cache
def _queries(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.sql")):
        _, *parts = ("\n" + path.read_text(encoding="utf-8")).split("\n-- name:")
        for part in parts:
            name, _, text = part.partition("\n")
            if name.strip() in found:
                raise Refused(f"{path}: the query {name.strip()!r} is given twice")
            found[name.strip()] = text.strip().rstrip(";")
    return found
