"""What an ingest did not take in, in words: dropped rows, unread files, symbols without a bar or a rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: How the subject of a note ends that is of a perpetual's funding rates and not of its bars.
OF_FUNDING = " (funding)"


def note_words(note: Mapping[str, Any]) -> str:
    """One row of `ingest_notes` as a sentence."""
    match note["kind"]:
        case "dropped":
            return f"{note['rows']:,} row{'' if note['rows'] == 1 else 's'} left out: {note['subject']}."
        case "passed_over":
            return f"Not read: {note['subject']}: {note['detail']}."
        case "no_facts":
            return f"No facts of {note['subject']}: {note['detail']}."
        case _ if note["subject"].endswith(OF_FUNDING):
            return f"No funding rate of {note['subject'].removesuffix(OF_FUNDING)}: {note['detail']}."
        case _:
            return f"No bar of {note['subject']}: {note['detail']}."
