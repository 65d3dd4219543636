"""What the forms of research ask for alike, and how many of their tasks work side by side.

Airflow starts no task whose parameter lacks a valid value, so an empty form must be valid; the task that
reads it refuses what cannot be meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import Param

#: Tasks of a DAG at once, however many books or pieces a run has: each takes a processor and some hundred
#: megabytes, beside the desk's own.
AT_ONCE = 2

_DAY: dict[str, Any] = {"type": ["null", "string"], "format": "date"}


def books_of(folder: Path) -> list[str]:
    """The names of the books of a folder."""
    return [path.stem for path in sorted(folder.glob("*.yaml"))]


def book_param(folder: Path, description: str) -> Param:
    """One of the books."""
    known = [None, *books_of(folder)]
    return Param(None, type=["null", "string"], enum=known, title="Book", description=description)


def span_params() -> dict[str, Param]:
    """The first and the last decided session, by the form's keys."""
    return {
        "from": Param(
            None, title="From", description="First session, in which the book receives its capital.", **_DAY
        ),
        "to": Param(None, title="To", description="Last session; it must be over.", **_DAY),
    }


def note_param() -> Param:
    """What a person writes with it."""
    said = "What is kept with it, in your words."
    return Param("", type="string", maxLength=500, title="Note", description=said)
