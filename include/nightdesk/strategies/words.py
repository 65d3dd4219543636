"""The words of many signals at once: one text for each clause, filled with the numbers of each cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.factors.factor_registry import HOURLY
from nightdesk.strategies.comparing import apart

Texts = NDArray[np.object_]
Value = Callable[[str], NDArray[Any]]
Cells = tuple[NDArray[np.intp], ...]

#: The field that names the values that are missing, and what it calls those that have no name of their own.
ABSENT = "absent"
_CALLED = {name: f"the {name}" for name in ("close", "open", "high", "low", "volume")}

#: How a value may be written; a value without any format is written as it is.
_FORMAT = re.compile(r"(\+?\.\d+[ef%]|g|s)|\.(\d+)f apart from (.+)")


#: What is said where a value is missing.
TOO_LITTLE_HISTORY = "too little history, or a bar is missing: {absent} not known"


def told_apart(first: str, second: str, decimals: int) -> tuple[str, str]:
    """The texts of two values, with as many decimals, and no fewer than these, as tell them apart."""
    pairs = ((first, second), (second, first))
    one, other = (f"{{{name}:.{decimals}f apart from {than}}}" for name, than in pairs)
    return one, other


def named(name: str, how: str) -> str:
    """The text of a value with its name before it, such as ``sma_50 {sma_50:.2f}``."""
    return f"{name} {{{name}:{how}}}"


def in_words(
    texts: Mapping[int, str], clauses: NDArray[np.int8], value: Value, needs: Sequence[str]
) -> Texts:
    """The text of each cell's clause, with the values of that cell.

    Parameters
    ----------
    texts : mapping of clause to str
        Names in braces stand for values, formatted as Python formats them: ``{sma_50:.2f}``, ``{share:.1%}``,
        ``{lead:+.2f}``, ``{factor:g}``, or with as many decimals as tell it from another one:
        ``{close:.2f apart from sma_50}``. ``{absent}`` stands for the names of the `needs` that are missing.
    clauses : ndarray of shape (n_sessions, n_symbols)
    value : function of a name
        Gives an ndarray of this shape, or of (n_sessions, 1) or (1, 1) where it is the same for many cells.
    needs : sequence of str
        Names of values.

    Returns
    -------
    ndarray of shape (n_sessions, n_symbols), of str

    Raises
    ------
    LookupError
        When there is no text for a clause, or no value for a name.
    ValueError
        When a value is to be written in a way that is not known.
    """
    out = np.empty(clauses.shape, dtype=object)
    for clause in sorted(set(clauses.ravel().tolist())):
        if clause not in texts:
            raise LookupError(f"no words for clause {clause}: there are words for {sorted(texts)}")
        cells = np.nonzero(clauses == clause)
        out[cells] = _filled(_parsed(texts[clause]), value, needs, cells)
    return out


@dataclass(frozen=True, slots=True)
class _Field:
    """What a place of a text is filled with: a value times `scale`, or told apart from `other`."""

    name: str
    scale: float | None = None
    other: str = ""
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class _Text:
    """A text for the ``%`` operator, and what each of its places is filled with.

    ``%`` writes numbers as `str.format` does and takes half as long. Of `usual`, values that are told apart
    have their usual decimals; of `exact`, they come in words.
    """

    usual: str
    exact: str
    fields: tuple[_Field, ...]


@cache
def _parsed(text: str) -> _Text:
    usual, exact, fields = "", "", list[_Field]()
    for literal, field, form, _ in Formatter().parse(text):
        place = in_exact = ""
        if field is not None:
            name, how = _name_and_form(field, form or "")
            found = _FORMAT.fullmatch(how)
            if found is None:
                raise ValueError(
                    f"{{{name}:{how}}} in {text!r}: write a value as .2f, +.2f, .1%, .3e, g, "
                    "or as .2f apart from the NAME of another"
                )
            form_, decimals, other = found.groups()
            if other:
                place, in_exact = f"%.{decimals}f", "%s"
                fields.append(_Field(name, other=other, decimals=int(decimals)))
            elif form_.endswith("%"):
                place = in_exact = f"%{form_[:-1]}f%%"
                fields.append(_Field(name, scale=100.0))
            else:
                place = in_exact = f"%{form_}"
                fields.append(_Field(name))
        plain = literal.replace("%", "%%")
        usual, exact = usual + plain + place, exact + plain + in_exact
    return _Text(usual, exact, tuple(fields))


def _name_and_form(field: str, form: str) -> tuple[str, str]:
    """What a place names, and how it is written; the colon of an hourly factor belongs to its name."""
    if f"{field}:" != HOURLY:
        return field, form or "s"
    base, _, how = form.partition(":")
    return f"{HOURLY}{base}", how or "s"


def _filled(text: _Text, value: Value, needs: Sequence[str], cells: Cells) -> str | list[str]:
    """The text with the values of some cells; where there are none, the one text of all."""
    if not text.fields:
        return text.usual % ()
    columns = [_column(field, value, needs, cells) for field in text.fields]
    out = list(map(text.usual.__mod__, zip(*columns, strict=True)))
    apart_from = {at: _at(value(one.other), cells) for at, one in enumerate(text.fields) if one.other}
    alike = np.zeros(len(out), dtype=bool)
    for at, other in apart_from.items():
        alike |= np.abs(columns[at] - other) <= 10.0 ** -text.fields[at].decimals
    for row in np.flatnonzero(alike).tolist():
        values = [column[row] for column in columns]
        for at, other in apart_from.items():
            values[at] = apart(float(values[at]), float(other[row]), text.fields[at].decimals)[0]
        out[row] = text.exact % tuple(values)
    return out


def _column(field: _Field, value: Value, needs: Sequence[str], cells: Cells) -> Sequence[Any]:
    if field.name == ABSENT:
        return list(_absent(needs, [_at(value(one), cells) for one in needs]))
    found = _at(value(field.name), cells)
    column: list[object] = (found if field.scale is None else found * field.scale).tolist()
    return column


def _at(found: NDArray[Any], cells: Cells) -> NDArray[Any]:
    rows, columns = cells
    if found.size == 1:
        return found.ravel().repeat(len(rows))
    cells_of: NDArray[Any] = found[rows, columns if found.shape[1] > 1 else 0]
    return cells_of


def _absent(names: Sequence[str], columns: Sequence[NDArray[np.float64]]) -> Iterator[str]:
    called = [_CALLED.get(name, name) for name in names]
    for gaps in (~np.isfinite(np.stack(columns, axis=1))).tolist():
        yield ", ".join(name for name, gone in zip(called, gaps, strict=True) if gone)
