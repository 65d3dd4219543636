"""What is known of a version of a book: kept by whatever has looked at it, read where it is judged."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from nightdesk.store.db import Connection, cursor, one
from nightdesk.store.rows import read_rows

#: What has looked: `code` is of no book, and of no rules.
EvidenceKind = Literal["backtest", "validation", "stress", "audit", "code", "paper", "drill", "live"]
KINDS: tuple[EvidenceKind, ...] = get_args(EvidenceKind)


@dataclass(frozen=True)
class Evidence:
    """A row of evidence.

    Attributes
    ----------
    number : int
        A later one is newer.
    book, rules_hash : str
        What was looked at; both empty for evidence of the code.
    kind : str
        One of `KINDS`.
    code_version : str
        The code that was looked at, with the plug-ins that the book names.
    figures : mapping
        What was found, by name; None where one is not known.
    at : datetime
        When it was kept, UTC.
    """

    number: int
    book: str
    kind: EvidenceKind
    rules_hash: str
    code_version: str
    figures: Mapping[str, Any]
    at: datetime


def keep_evidence(
    conn: Connection,
    book: str,
    kind: EvidenceKind,
    rules_hash: str,
    code_version: str,
    figures: Mapping[str, Any],
) -> int:
    """Keep what was found of a version of a book, at the end of what found it; the number of the row.

    Parameters
    ----------
    conn : Connection
        The row belongs to the caller's transaction, where one is open.
    book : str
        Its name, started or not; empty for `code`.
    kind : str
        One of `KINDS`.
    rules_hash : str
        `Book.rules_hash` of what was looked at, with the values set over its file: what is found of a book on
        paper is so known of the same rules with real money. Empty for `code`.
    code_version : str
        ``code_version(resolve(book))``: with the plug-ins that the book names.
    figures : mapping of str to object
        Numbers, words, yes or no, lists and mappings of them. A number that is not finite is kept as null:
        it is not known.

    Raises
    ------
    ValueError
        When a book or a hash is lacking, or given for `code`.
    """
    if (kind == "code") != (book == "") or (kind == "code") != (rules_hash == ""):
        raise ValueError(f"evidence of kind {kind}: found book {book!r} and rules hash {rules_hash!r}")
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.gate_evidence (book, kind, rules_hash, code_version, figures) "
            "VALUES (%s, %s, %s, %s, %s) RETURNING evidence_id",
            (book, kind, rules_hash, code_version, json.dumps(_finite(figures), allow_nan=False)),
        )
        return int(one(cur)[0])


def evidence_of(
    conn: Connection,
    book: str,
    kind: EvidenceKind | None = None,
    *,
    rules_hash: str = "",
    newest: int = 2_000,
) -> tuple[Evidence, ...]:
    """What is known of a book and of the code, the newest first, whichever version it was found of.

    With `rules_hash` also what is known of these rules under any other name.
    """
    rows = read_rows(
        conn, "gate_evidence_rows", book=book, kind=kind, rules_hash=rules_hash or None, newest=newest
    )
    return tuple(Evidence(**row) for row in rows)


def _finite(value: Any) -> Any:
    """`value` with None for what JSON cannot say."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
