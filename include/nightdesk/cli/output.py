"""How commands speak: a document or lines of text on standard output, progress on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer

from nightdesk.core.masking import lines_only, one_line


def show(document: Mapping[str, Any], *, as_json: bool, text: Callable[[], Iterable[str]]) -> None:
    """Write a result: `document` as JSON, or the lines that `text` makes of it."""
    if as_json:
        typer.echo(json.dumps(plain(document), ensure_ascii=False, indent=2, allow_nan=False))
        return
    for line in text():
        typer.echo(lines_only(line))


def plain(value: Any) -> Any:
    """`value` in JSON's own types: amounts as numbers, dates as ISO text, a missing number as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal() | float():
            return float(value) if math.isfinite(value) else None
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
        case Path():
            return str(value)
    return plain(value.item()) if hasattr(value, "item") else str(value)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> Iterator[str]:
    """Lines of a table in aligned columns; the columns named in `right` are figures.

    A cell is one line, whatever is written in it.
    """
    body = [[one_line(cell) for cell in row] for row in rows]
    figures = set(right)
    widths = [max([len(head), *(len(row[at]) for row in body)]) for at, head in enumerate(heads)]
    for row in (list(heads), *body):
        cells = (
            cell.rjust(width) if head in figures else cell.ljust(width)
            for cell, width, head in zip(row, widths, heads, strict=True)
        )
        yield "  ".join(cells).rstrip()


def say(message: str) -> None:
    """One line on standard error, for a person who watches."""
    typer.echo(message, err=True)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Show the progress of long work on standard error when that is a terminal.

    Yields
    ------
    callable
        To be called once for each of the `total` steps that is done.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
