"""Numbers as people's files write them: decimal commas, thousands separators, letters, fractions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

#: What people put between groups of three digits beside commas and points: blanks of all kinds, apostrophes.
_BLANKS = "[ \u00a0\u202f\u2009'’]"
_LETTERS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}

_GROUPS = {",": re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?"), ".": re.compile(r"\d{1,3}(\.\d{3})+(,\d*)?")}
_FRACTION = re.compile(r"(\d+(?:\.\d+)?)\s*[:/]\s*(\d+(?:\.\d+)?)")

DECIMAL_POINT, DECIMAL_COMMA = ".", ","


class MixedNumbers(ValueError):
    """Numbers of a file whose decimals cannot be told from their thousands."""


class NotANumber(ValueError):
    """A cell that is no number: its row (from 0) and what it says."""

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row, self.text = row, text


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a file are written.

    Attributes
    ----------
    decimal : str
        `DECIMAL_POINT` or `DECIMAL_COMMA`; the other one separates thousands.
    signs : str
        Left out at either end.
    letters : bool
        Whether K, M, B or T at the end multiply.
    """

    decimal: str = DECIMAL_POINT
    signs: str = ""
    letters: bool = False


def decimal_of(cells: Iterable[str], *, commas_part_columns: bool) -> str:
    """Which mark a file's numbers have before their decimals, from all of them together.

    ``1,234.5`` and ``45.91`` have a point, ``1.234,5`` and ``45,91`` a comma; ``1,234`` alone does not say:
    there a file whose columns are parted by something else than commas has decimal commas.

    Raises
    ------
    MixedNumbers
        When some say the one and some the other, or nothing tells.
    """
    found: dict[str, str] = {}
    unclear = ""
    for cell in cells:
        if "," not in cell and "." not in cell:
            continue
        text = re.sub(rf"{_BLANKS}|[^\d.,]", "", cell)
        last = max(text.rfind(","), text.rfind("."))
        if last < 0:
            continue
        mark = text[last]
        other = "." if mark == "," else ","
        if other in text:
            found.setdefault(mark, cell)
        elif text.count(mark) > 1:
            found.setdefault(other, cell)  # 1,234,567
        elif not _GROUPS[mark].fullmatch(text) or text.startswith("0"):
            found.setdefault(mark, cell)
        elif mark == ",":
            unclear = unclear or cell
    if len(found) > 1:
        raise MixedNumbers(f"{found['.']!r} has a decimal point and {found[',']!r} a decimal comma")
    if not found and unclear and commas_part_columns:
        raise MixedNumbers(f"{unclear!r} may be a thousand or a fraction")
    return next(iter(found)) if found else DECIMAL_COMMA if unclear else DECIMAL_POINT


def read_numbers(column: pa.ChunkedArray, style: NumberStyle) -> NDArray[np.float64]:
    """A column of texts as numbers, NaN where it is null.

    Raises
    ------
    NotANumber
        With the first cell that is none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.utf8_trim(pc.utf8_trim_whitespace(column), characters=f"{style.signs} ")
    try:
        if style.decimal == DECIMAL_POINT:
            return np.asarray(text.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid:
        pass
    cells = text.to_pylist()
    return np.array([math.nan if one is None else _number(row, one, style) for row, one in enumerate(cells)])


def _number(row: int, text: str, style: NumberStyle) -> float:
    plain, factor = text, 1.0
    if style.letters and text[-1:].upper() in _LETTERS:
        plain, factor = text[:-1], _LETTERS[text[-1].upper()]
    plain = re.sub(rf"(?<=\d){_BLANKS}(?=\d)", "", plain)
    thousands = "," if style.decimal == DECIMAL_POINT else "."
    if thousands in plain:
        if not _GROUPS[thousands].fullmatch(plain.lstrip("+-")):
            raise NotANumber(row, text)
        plain = plain.replace(thousands, "")
    plain = plain.replace(style.decimal, ".")
    try:
        value = float(plain) * factor
    except ValueError:
        raise NotANumber(row, text) from None
    if "_" in plain or not math.isfinite(value):
        raise NotANumber(row, text)
    return value


def read_ratio(text: str) -> float:
    """A number, or shares after for shares before as ``3:2`` or ``3/2``; NaN where it is neither."""
    found = _FRACTION.fullmatch(text.strip())
    if found is not None:
        before = float(found[2])
        return float(found[1]) / before if before else math.nan
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) and "_" not in text else math.nan


def as_texts(values: Sequence[Any]) -> list[str | None]:
    """Cells of any type as a CSV would write them; None where there is no value."""
    out: list[str | None] = []
    for one in values:
        if one is None or one == "" or (isinstance(one, float) and math.isnan(one)):
            out.append(None)
        else:
            out.append(repr(one) if isinstance(one, float) else str(one))
    return out
