"""A grid over parameters of a book: its axes, its points, and which points lie beside each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import yaml

from nightdesk.core.documents import read_yaml, shortened
from nightdesk.core.errors import Refused

#: More points than this are taken for a typing error: each of them is a whole backtest.
MOST_POINTS = 10_000


@dataclass(frozen=True)
class Axis:
    """One parameter of a book and the values that it takes.

    Attributes
    ----------
    key : str
        Dotted, such as ``portfolio.volatility_target``.
    values : tuple of str
        YAML texts, all different; numbers ascend, words stand as they were given.
    ordered : bool
        Whether all values are numbers, so that one of them lies between two others.
    """

    key: str
    values: tuple[str, ...]
    ordered: bool


def read_axis(text: str) -> Axis:
    """Read ``KEY=V1,V2`` or ``KEY=[V1, V2]``; the second form is YAML, for values that hold commas.

    Raises
    ------
    Refused
        When it is not of this form, a value is missing, or one is given twice.
    """
    key, equals, given = text.partition("=")
    key = key.strip()
    if not equals or not key or not given.strip():
        raise Refused(f"{text!r} is not KEY=V1,V2, such as portfolio.volatility_target=0.10,0.15")
    values = _values(key, given.strip())
    if len(values) > MOST_POINTS:
        raise Refused(f"{key}: {len(values):,} values, at most {MOST_POINTS:,} are tried: give fewer")
    if any(not one.strip() for one in values):
        raise Refused(f"{key}: a value is missing in {given!r}; separate the values by single commas")
    twice = sorted(one for one, count in Counter(values).items() if count > 1)
    if twice:
        raise Refused(f"{key}: {', '.join(twice)} is given twice; give every value once")
    numbers = [_number(one) for one in values]
    ordered = all(number is not None for number in numbers)
    if ordered:
        values = sorted(values, key=lambda one: _number(one) or 0.0)
    return Axis(key, tuple(values), ordered)


def points(axes: Sequence[Axis]) -> list[dict[str, str]]:
    """Every combination of the values, the last axis running fastest.

    Raises
    ------
    Refused
        When there is no axis, an axis is given twice, or there are more than `MOST_POINTS`.
    """
    if not axes:
        raise Refused("a sweep needs parameters and their values: --set KEY=V1,V2")
    keys = [axis.key for axis in axes]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise Refused(f"{', '.join(twice)} is set twice: give all values of a parameter in one --set")
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_POINTS:
        raise Refused(f"the grid has {count:,} points, at most {MOST_POINTS:,} are tried: give fewer values")
    return [dict(zip(keys, values, strict=True)) for values in product(*(axis.values for axis in axes))]


def neighbours(axes: Sequence[Axis], settings: Mapping[str, str]) -> list[dict[str, str]]:
    """The points that differ from one in a single parameter: by one step of a number, by any other word."""
    out = []
    for axis in axes:
        at = axis.values.index(settings[axis.key])
        near = [n for n in range(len(axis.values)) if (abs(n - at) == 1 if axis.ordered else n != at)]
        out += [{**settings, axis.key: axis.values[n]} for n in near]
    return out


def _values(key: str, given: str) -> list[str]:
    if not given.startswith("["):
        return [one.strip() for one in given.split(",")]
    try:
        found = read_yaml(given, key)
    except Refused as error:
        raise Refused(f"{key}: {shortened(given)} is not a YAML list: {error}") from error
    if not isinstance(found, list) or not found:
        raise Refused(f"{key}: {given!r} is not a list of values; write it as [V1, V2]")
    return [_as_text(one) for one in found]


def _as_text(value: object) -> str:
    """A value as one line of YAML, which `load_book` reads back."""
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf)
    return str(text).removesuffix("\n").removesuffix("\n...")


def _number(text: str) -> float | None:
    found = read_yaml(text, text)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)
