"""What an ingest did not take in, in words: dropped rows, files that were not read, symbols without a bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def note_words(note: Mapping[str, Any]) -> str:
    """One row of `ingest_notes` as a sentence."""
    match note["kind"]:
        case "dropped":
            return f"{note['rows']:,} row{'' if note['rows'] == 1 else 's'} left out: {note['subject']}."
        case "passed_over":
            return f"Not read: {note['subject']}: {note['detail']}."
        case "no_facts":
            return f"No facts of {note['subject']}: {note['detail']}."
        case _:
            return f"No bar of {note['subject']}: {note['detail']}."
