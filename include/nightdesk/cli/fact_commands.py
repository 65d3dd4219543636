"""`facts`: what is known beside prices, from when on, since when the desk has it, and who said it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Json, check_span, day_option, iso_instant
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.core.facts import FactKind
    from nightdesk.store.db import Connection

#: Rows on a terminal; the document has all of them.
SHOWN = 40
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)
SUBJECT_HEADS = ("", "facts", "versions", "first", "last", "newest known at", "newest stored")

Kind = Annotated[str, typer.Argument(help="macro, positioning, earnings, listings, quotes or second_closes.")]
Subject = Annotated[
    str | None,
    typer.Argument(
        metavar="SUBJECT", help="A series, a contract's code or a symbol; without it all are listed."
    ),
]
KnownAt = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        metavar="T",
        parser=iso_instant,
        help="What the world knew at this instant, as 2026-11-20T20:30Z, one version of each fact.",
        show_default=False,
    ),
]
StoredBy = Annotated[
    datetime | None,
    typer.Option(
        "--stored-by",
        metavar="T",
        parser=iso_instant,
        help="And what the desk had by this one: a decision's known_by; by default now.",
        show_default=False,
    ),
]


@app.command(
    epilog=example(
        "nightdesk facts macro",
        "nightdesk facts macro CPIAUCSL --from 2024-01-01",
        "nightdesk facts positioning 088691 --as-of 2026-11-19T21:00Z",
    )
)
def facts(
    kind: Kind,
    subject: Subject = None,
    as_of: KnownAt = None,
    stored_by: StoredBy = None,
    first: Annotated[date, day_option("--from", "First day that facts are of.")] = EARLIEST,
    last: Annotated[date, day_option("--to", "Last day that facts are of.")] = LATEST,
    json: Json = False,
) -> None:
    """Show facts beside prices: every version, with when it was known, when it was stored and its source.

    With --as-of only the versions that counted at that instant: what a decision of then knew.
    """
    from nightdesk.store.fact_rows import fact_subjects_stored

    chosen = _kind(kind)
    check_span(first, last)
    if stored_by is not None and as_of is None:
        raise typer.BadParameter(
            "it goes with --as-of, which says at which instant", param_hint="'--stored-by'"
        )
    with database() as conn:
        if subject is None:
            stored = fact_subjects_stored(conn, chosen)
            show(
                {"kind": chosen.name, "subjects": stored},
                as_json=json,
                text=lambda: _subject_lines(chosen, stored),
            )
            return
        found = _found(conn, chosen, subject, (first, last), as_of, stored_by)
    document = {"kind": chosen.name, "subject": subject, "as_of": as_of, "facts": found}
    show(document, as_json=json, text=lambda: _lines(chosen, subject, found, as_of))


def _kind(name: str) -> FactKind:
    """A kind by its name; `Refused` where there is none, with the nearest."""
    from nightdesk.core.facts import FACT_KINDS, SECOND_CLOSES
    from nightdesk.core.registry import unknown

    kinds = {**FACT_KINDS, SECOND_CLOSES.name: SECOND_CLOSES}
    if name not in kinds:
        raise unknown("kind of facts", name, tuple(kinds))
    return kinds[name]


def _found(
    conn: Connection,
    kind: FactKind,
    subject: str,
    span: tuple[date, date],
    as_of: datetime | None,
    stored_by: datetime | None,
) -> list[dict[str, Any]]:
    """The rows that were asked for; `Refused` where nothing at all is stored of the subject."""
    from nightdesk.core.registry import unknown
    from nightdesk.store.db import now
    from nightdesk.store.fact_rows import fact_history, fact_subjects_stored, known_facts

    stored = [row["subject"] for row in fact_subjects_stored(conn, kind)]
    if subject not in stored:
        raise unknown(f"{kind.subject} among the stored {kind.name} facts", subject, stored or ("none yet",))
    if as_of is None:
        return fact_history(conn, kind, subject, *span)
    known = {"known_from": as_of, "known_by": stored_by or now(conn)}
    return known_facts(conn, kind, [subject], first=span[0], last=span[1], **known)


def _lines(
    kind: FactKind, subject: str, rows: Sequence[Mapping[str, Any]], as_of: datetime | None
) -> Iterator[str]:
    words = "versions" if as_of is None else f"facts as they were known at {as_of:%Y-%m-%d %H:%M %Z}"
    yield f"{kind.name} {subject}: {len(rows):,} {words}"
    if len(rows) > SHOWN:
        yield f"the newest {SHOWN}; --from, --to and --json give others"
    heads = [kind.day, "known at", *kind.values, "source", "stored"]
    yield from table(heads, [_cells(kind, row) for row in rows[-SHOWN:]])


def _cells(kind: FactKind, row: Mapping[str, Any]) -> tuple[str, ...]:
    values = (_shown(row[name]) for name in kind.values)
    return (f"{row[kind.day]}", _when(row["known_at"]), *values, row["source"], _when(row["stored_at"]))


def _subject_lines(kind: FactKind, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        yield f"no {kind.name} facts are stored yet: a book asks for them by feeds.{kind.name}"
        return
    cells = [
        (
            row["subject"],
            f"{row['facts']:,}",
            f"{row['versions']:,}",
            f"{row['first']}",
            f"{row['last']}",
            _when(row["known_at"]),
            _when(row["stored_at"]),
        )
        for row in rows
    ]
    yield from table((kind.subject, *SUBJECT_HEADS[1:]), cells)


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
