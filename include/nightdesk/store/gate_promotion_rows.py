"""Where books stand on their way to real money: what people decided, and what was found since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nightdesk.core.errors import Refused
from nightdesk.core.masking import mask_line, one_line
from nightdesk.core.stages import Stage
from nightdesk.store.db import Connection, cursor
from nightdesk.store.rows import read_row, read_rows


@dataclass(frozen=True)
class Promotion:
    """A person's word on where a book stands; `evidence` are numbers of rows, `criteria` as they were met.

    One whose `to_stage` comes before `from_stage` is a way back, which rests on nothing.
    """

    number: int
    book: str
    from_stage: Stage
    to_stage: Stage
    rules_hash: str
    code_version: str
    reason: str
    who: str
    evidence: tuple[int, ...]
    criteria: tuple[Mapping[str, Any], ...]
    at: datetime


@dataclass(frozen=True)
class StandingPromotion:
    """The newest promotion of a book; `is_tested` is whether a package's newest known tests were green."""

    to_stage: Stage
    rules_hash: str
    code_version: str
    who: str
    at: datetime
    is_tested: bool


@dataclass(frozen=True)
class Evaluation:
    """What a look at a book's right to trade has found.

    Attributes
    ----------
    number : int
    book : str
    stage, next_stage : Stage, Stage or None
        Where it stands, and the stage whose criteria were looked at; None at the last.
    is_met : bool
        Whether all of them are met.
    standing : str
        The book's right in words.
    rules_hash, code_version : str
    criteria : tuple of mapping
        name, value, limit, met, words, evidence (a number) and at of each; None where there is none.
    at : datetime
        UTC.
    """

    number: int
    book: str
    stage: Stage
    next_stage: Stage | None
    is_met: bool
    standing: str
    rules_hash: str
    code_version: str
    criteria: tuple[Mapping[str, Any], ...]
    at: datetime


def promotions_of(conn: Connection, book: str, newest: int = 50) -> tuple[Promotion, ...]:
    """What people decided of a book, the newest first."""
    rows = read_rows(conn, "gate_promotion_rows", book=book, newest=newest)
    return tuple(
        Promotion(
            **{
                **row,
                "from_stage": Stage(row["from_stage"]),
                "to_stage": Stage(row["to_stage"]),
                "evidence": tuple(row["evidence"]),
                "criteria": tuple(row["criteria"]),
            }
        )
        for row in rows
    )


def standing_promotion(conn: Connection, book: str, package: str) -> StandingPromotion | None:
    """The newest promotion of a book, with what is known of a package; None where there never was one."""
    row = read_row(conn, "standing_promotion", book=book, package=package)
    return None if row is None else StandingPromotion(**{**row, "to_stage": Stage(row["to_stage"])})


def tested_packages(conn: Connection) -> frozenset[str]:
    """The versions of the package whose newest known tests were green."""
    return frozenset(row["code_version"] for row in read_rows(conn, "tested_packages") if row["green"])


def store_promotion(
    conn: Connection,
    book: str,
    before: Promotion | None,
    to_stage: Stage,
    *,
    from_stage: Stage,
    rules_hash: str,
    code_version: str,
    reason: str,
    who: str,
    evidence: Sequence[int] = (),
    criteria: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Store what a person decided, after `before`; its number.

    Raises
    ------
    Refused
        When no reason or person is given, or somebody has decided of the book since `before` was read.
    """
    if not reason.strip() or not who.strip():
        raise Refused("a promotion wants a reason and a person: who says so, and why?")
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.gate_promotions (book, previous, from_stage, to_stage, rules_hash, "
            "code_version, reason, who, evidence, criteria) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (book, previous) DO NOTHING RETURNING promotion_id",
            (
                book,
                0 if before is None else before.number,
                from_stage,
                to_stage,
                rules_hash,
                code_version,
                mask_line(reason.strip()),
                one_line(who.strip()),
                list(evidence),
                json.dumps(list(criteria), allow_nan=False),
            ),
        )
        row = cur.fetchone()
    if row is None:
        raise Refused(
            f"somebody else has just promoted {book}, or sent it back: look again (`nightdesk gate {book}`)"
        )
    return int(row[0])


def newest_evaluation(conn: Connection, book: str) -> Evaluation | None:
    """What the newest look at a book's right to trade has found; None before the first."""
    row = read_row(conn, "gate_evaluation_row", book=book)
    if row is None:
        return None
    later = row["next_stage"]
    return Evaluation(
        **{
            **row,
            "stage": Stage(row["stage"]),
            "next_stage": None if later is None else Stage(later),
            "criteria": tuple(row["criteria"]),
        }
    )


def store_evaluation(
    conn: Connection,
    book: str,
    stage: Stage,
    *,
    is_met: bool,
    standing: str,
    rules_hash: str,
    code_version: str,
    criteria: Sequence[Mapping[str, Any]],
) -> int:
    """Store what a look at a book's right to trade has found; its number."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.gate_evaluations (book, stage, next_stage, is_met, standing, rules_hash, "
            "code_version, criteria) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING evaluation_id",
            (
                book,
                stage,
                stage.next,
                is_met,
                standing,
                rules_hash,
                code_version,
                json.dumps(list(criteria), allow_nan=False),
            ),
        )
        row = cur.fetchone()
    assert row is not None
    return int(row[0])
