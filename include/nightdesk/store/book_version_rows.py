"""The versions of a book that decided, as the cockpit shows them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.store.db import Connection
from nightdesk.store.rows import read_rows


@dataclass(frozen=True, slots=True)
class ConfigurationSpan:
    """Decisions running that one version of a book made: from when to when, how many, by which code."""

    config_hash: str
    first_session: date
    last_session: date
    decisions: int
    first: datetime
    code_versions: tuple[str, ...]


def configuration_spans(conn: Connection, book: str, rows: int) -> tuple[ConfigurationSpan, ...]:
    """The newest spells of versions that decided, the newest first; a version that came back has several."""
    found = read_rows(conn, "configuration_spans", book=book, rows=rows)
    return tuple(ConfigurationSpan(**{**row, "code_versions": tuple(row["code_versions"])}) for row in found)


def configurations(conn: Connection, book: str, hashes: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
    """What versions of a book said, by hash; one that was never kept is left out."""
    rows = read_rows(conn, "configurations", book=book, hashes=sorted(set(hashes)))
    return {row["config_hash"]: row["configuration"] for row in rows}
