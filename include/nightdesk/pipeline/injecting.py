"""A file of synthetic signals, read for a run that asked for it."""

from __future__ import annotations

from pathlib import Path

from nightdesk.book import Book
from nightdesk.decision import Injection, parse_injections
from nightdesk.documents import read_bytes
from nightdesk.errors import Refused

#: More than a million signals.
MOST_BYTES = 64_000_000


def read_injections(path: Path, book: Book) -> tuple[Injection, ...]:
    """The synthetic signals of a CSV file.

    Raises
    ------
    Refused
        When the file cannot be read, the book's broker is a real one, or a line is wrong.
    """
    try:
        text = read_bytes(path, MOST_BYTES, "a CSV of signals to inject").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not a text in UTF-8: {error.reason}: write the CSV anew") from error
    return parse_injections(text, str(path), book)
