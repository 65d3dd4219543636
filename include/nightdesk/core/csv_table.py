"""A CSV that a person wrote, line by line: what is no table is refused with its place."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from nightdesk.core.errors import Refused


class CsvTable:
    """The header and the lines of a CSV.

    Parameters
    ----------
    text : str
        A line of names, then a line a row.
    source : str
        Names the text in errors, which give their place as ``source:line``.

    Raises
    ------
    Refused
        When the header is no CSV.
    """

    def __init__(self, text: str, source: str) -> None:
        self._rows = csv.reader(io.StringIO(text), strict=True)
        self._source = source
        #: The names of the columns; none of an empty text.
        self.header = tuple(name.strip() for name in self._next() or ())

    def place(self, number: int) -> str:
        """How an error names a line."""
        return f"{self._source}:{number}"

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Number and cells of each line, without white space around them; an empty line is passed over.

        Raises
        ------
        Refused
            When a line is no CSV, or has not as many fields as the header.
        """
        while (cells := self._next()) is not None:
            if not cells:
                continue
            number = self._rows.line_num
            if len(cells) != len(self.header):
                raise Refused(
                    f"{self.place(number)}: found {len(cells)} fields; the header has {len(self.header)}"
                )
            yield number, [cell.strip() for cell in cells]

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except csv.Error as error:
            raise Refused(f"{self.place(self._rows.line_num)}: not a CSV: {error}") from error
