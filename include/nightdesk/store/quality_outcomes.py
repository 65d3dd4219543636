"""What the quality step left of the market to the later steps of its session: a cache that is distrusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from nightdesk.store.ahead import NamedQuery
from nightdesk.store.db import Connection
from nightdesk.store.packing import Packed, pack, unpack
from nightdesk.store.rows import read_row

#: The values of a row: the day, the returns of its windows, what concerns the whole history.
Part = Literal["day", "recent", "history"]


@dataclass(frozen=True)
class MadeFrom:
    """What an outcome is a function of: of another one it says nothing.

    `known_by` is the instant up to which bars were known, `config_hash` the version of the book,
    `code_version` the code that computed it.
    """

    known_by: datetime
    config_hash: str
    code_version: str


def outcome_row(made_from: MadeFrom, parts: Mapping[Part, Packed]) -> dict[str, Any]:
    """An outcome as its table holds it."""
    return {
        "known_by": made_from.known_by,
        "config_hash": made_from.config_hash,
        "code_version": made_from.code_version,
        **{part: pack(content) for part, content in parts.items()},
    }


def read_outcome(
    conn: Connection, book: str, as_of: datetime, made_from: MadeFrom, part: Part
) -> Packed | None:
    """One part of a decision's outcome; None where none is stored, it is of something else or damaged."""
    ask = outcome_ask(book, as_of, made_from, part)
    row = read_row(conn, ask.query_name, **ask.values)
    return None if row is None else unpack(bytes(row[part]))


def outcome_ask(book: str, as_of: datetime, made_from: MadeFrom, part: Part) -> NamedQuery:
    """The question for one part of a decision's outcome."""
    return NamedQuery(f"quality_outcome_{part}", {"book": book, "as_of": as_of, **asdict(made_from)})
