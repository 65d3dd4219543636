"""Sweeps that were kept: what was asked, and what each point of the grid came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.core.errors import Refused
from nightdesk.core.masking import mask_line, one_line
from nightdesk.store.db import Connection, cursor, one, transaction
from nightdesk.store.rows import read_row, read_rows


@dataclass(frozen=True)
class SweepAsked:
    """What a person asks for, and what it is made with; as the columns of `nightdesk.sweeps` say."""

    book: str
    by: str
    first: date
    last: date
    grid: tuple[str, ...]
    metric: str
    points: int
    config_hash: str
    code_version: str
    run: str = ""
    note: str = ""


@dataclass(frozen=True)
class KeptSweep:
    """A kept sweep without its points; `tried` counts those that are there, all else is as in the table."""

    number: int
    book: str
    asked_by: str
    run: str
    note: str
    grid: tuple[str, ...]
    metric: str
    points: int
    first: date
    last: date
    began_at: datetime
    config_hash: str
    code_version: str
    bars_digest: str
    sources: tuple[str, ...]
    tried: int

    @property
    def done(self) -> bool:
        """Whether every point of its grid was tried."""
        return self.tried == self.points


@dataclass(frozen=True)
class SweepPoint:
    """What a point came to; `figures` is empty and `refused` says why where there is no result."""

    point: int
    settings: Mapping[str, str]
    figures: Mapping[str, float | None]
    config_hash: str = ""
    refused: str = ""


def kept_sweeps(conn: Connection, book: str | None = None, *, newest: int = 50) -> tuple[KeptSweep, ...]:
    """Kept sweeps, the newest first; of one book alone where it is named."""
    return tuple(map(_kept, read_rows(conn, "sweep_rows", book=book, number=None, run=None, newest=newest)))


def kept_sweep(conn: Connection, number: int) -> KeptSweep | None:
    """That of a number; None where there is none."""
    row = read_row(conn, "sweep_rows", book=None, number=number, run=None, newest=1)
    return None if row is None else _kept(row)


def sweep_of_run(conn: Connection, run: str) -> KeptSweep | None:
    """The one that a run of Airflow has begun; None where it has begun none."""
    row = read_row(conn, "sweep_rows", book=None, number=None, run=run, newest=1)
    return None if row is None else _kept(row)


def sweep_points(conn: Connection, number: int) -> tuple[SweepPoint, ...]:
    """The points of one that were tried, in the order of the grid."""
    return tuple(SweepPoint(**row) for row in read_rows(conn, "sweep_points", number=number))


def begin_sweep(conn: Connection, asked: SweepAsked) -> int:
    """Note that one is asked for; its number. What a run of Airflow has begun before is that same one."""
    values = {
        "book": asked.book,
        "asked_by": one_line(asked.by),
        "run": asked.run,
        "note": mask_line(asked.note),
        "grid": list(asked.grid),
        "metric": asked.metric,
        "points": asked.points,
        "first_session": asked.first,
        "last_session": asked.last,
        "config_hash": asked.config_hash,
        "code_version": asked.code_version,
    }
    places = ", ".join(f"%({name})s" for name in values)
    with cursor(conn) as cur:
        cur.execute(
            f"INSERT INTO nightdesk.sweeps AS held ({', '.join(values)}) VALUES ({places}) "
            "ON CONFLICT (run) WHERE run <> '' DO UPDATE SET run = held.run RETURNING sweep_id",
            values,
        )
        return int(one(cur)[0])


def keep_points(
    conn: Connection, number: int, points: Sequence[SweepPoint], *, bars_digest: str, sources: Sequence[str]
) -> None:
    """Keep what some points of a sweep came to, all of them or none; what is there already stays.

    Raises
    ------
    Refused
        When other points of it were tried on other bars.
    """
    with transaction(conn), cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.sweeps SET bars_digest = %(digest)s, sources = %(sources)s "
            "WHERE sweep_id = %(number)s AND bars_digest IN ('', %(digest)s) RETURNING sweep_id",
            {"number": number, "digest": bars_digest, "sources": sorted(sources)},
        )
        if cur.fetchone() is None:
            raise Refused(
                f"sweep {number}: its sources give other bars than they gave to the points before, so its "
                "points cannot be compared; ask for the sweep again"
            )
        cur.executemany(
            "INSERT INTO nightdesk.sweep_points (sweep_id, point, settings, figures, config_hash, refused) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (
                    number,
                    one.point,
                    json.dumps(dict(one.settings)),
                    json.dumps(dict(one.figures), allow_nan=False),
                    one.config_hash,
                    mask_line(one.refused),
                )
                for one in points
            ],
        )


def _kept(row: Mapping[str, Any]) -> KeptSweep:
    return KeptSweep(**{**row, "grid": tuple(row["grid"]), "sources": tuple(row["sources"])})
