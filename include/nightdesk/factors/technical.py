"""Any indicator of pandas-ta as a factor: ``ta.NAME(numbers)`` or ``ta.NAME(numbers).COLUMN``.

Numbers fill the indicator's own numeric parameters in their order, or by name: ``ta.supertrend(7,3)``,
``ta.bbands(length=20)``. An indicator with several columns gives its first one, or the one that is named, in
full (``SUPERTd_7_3``) or by the part before its numbers (``SUPERTd``).

The indicator is computed per symbol on adjusted prices and volumes, over the bars that are there; levels of
price are therefore adjusted dollars, and compare with the factor ``adjusted_close``. Some indicators look
ahead: they are refused by name, as is everything that a test by truncation finds to change with later rows.
"""

from __future__ import annotations

import bisect
import difflib
import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from nightdesk.core.calendar import Sessions
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor

if TYPE_CHECKING:
    import pandas as pd

#: pandas-ta declares no look-back: what its recursive indicators need, beside the largest of their numbers.
LOOK_BACK = 300

_ROUNDING = "its last digits change with later rows, so a rerun could decide otherwise"
_WHOLE = "it describes the whole series at once, later rows included"

#: Indicators that are not available, with the reason.
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "alma": _ROUNDING,
        "cdl_pattern": "its patterns need TA-Lib, which the desk does not install",
        "crsi": "it fails on a short history instead of giving no value",
        "dpo": "it is centred: it shifts values back from later rows",
        "ichimoku": "its lagging span is the close of 26 sessions later; ta.midprice(9) gives its first line",
        "kurtosis": _ROUNDING,
        "skew": _ROUNDING,
        "tos_stdevall": _WHOLE,
        "vhm": "it divides by the deviation of the whole series, later rows included",
        "vp": _WHOLE,
        "zigzag": "it moves its turning points when later rows arrive",
    }
)

#: What the numbers mean where the indicator's own order is not the one that everybody writes.
_ORDER = {"supertrend": ("length", "multiplier")}

#: `offset` shifts the result, against time when it is negative; for the past there is the suffix @k.
_NOT_SETTABLE = frozenset({"offset"})

_INPUTS = ("open_", "open", "high", "low", "close", "volume")
_CALL = re.compile(
    r"(?P<name>[a-z_][a-z0-9_]*)\((?P<numbers>[^()]*)\)(?:\.(?P<column>[A-Za-z][A-Za-z0-9_.%]*))?"
)


@dataclass(frozen=True)
class Call:
    """One indicator with its numbers and the column that is wanted."""

    name: str
    numbers: tuple[tuple[str, float], ...]
    column: str | None
    inputs: tuple[str, ...]


@lru_cache(maxsize=256)
def parse(call: str) -> Call:
    """Read ``supertrend(7,3).SUPERTd``; `Refused` when pandas-ta has no such indicator or numbers."""
    match = _CALL.fullmatch(call.replace(" ", ""))
    if match is None:
        raise Refused(f"ta.{call}: write it like ta.supertrend(7,3) or ta.supertrend(7,3).SUPERTd")
    name = match["name"]
    if name in REFUSED:
        raise Refused(f"ta.{name} is not available: {REFUSED[name]}")
    inputs, settable = _parameters(name)
    return Call(name, tuple(_numbers(name, match["numbers"], settable).items()), match["column"], inputs)


def _parameters(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The series that an indicator works on and its numeric parameters, from pandas-ta's own signature."""
    known = sorted({one for group in _pandas_ta().Category.values() for one in group})
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"near ones are {', '.join(near)}" if near else "its documentation lists those it has"
        raise Refused(f"ta.{name}: pandas-ta has no such indicator; {hint}")
    inputs, settable = [], []
    for key, one in inspect.signature(getattr(_pandas_ta(), name)).parameters.items():
        if one.default is one.empty and one.kind is not one.VAR_KEYWORD:
            inputs.append(key)
        elif int in get_args(one.annotation) and key not in _NOT_SETTABLE:
            settable.append(key)
    if not set(inputs) <= set(_INPUTS):
        raise Refused(f"ta.{name} works on other series than a bar's prices and volume, so it is no factor")
    return tuple(inputs), tuple(settable)


def _problem(call: str) -> str | None:
    try:
        parse(call)
    except Refused as error:
        return str(error)
    return None


@factor("adjusted_close", look_back=lambda: 1, by_column=True)
def adjusted_close(source: Source) -> Floats:
    """The close on the forward-adjusted scale that pandas-ta's levels of price are on."""
    return source.close


@factor(
    "ta.{call}",
    look_back=lambda call: LOOK_BACK + math.ceil(max(dict(parse(call).numbers).values(), default=0)),
    check=lambda call: _problem(call),
)
def technical(source: Source, call: str) -> Floats:
    """One column of a pandas-ta indicator; NaN without a bar, and where pandas-ta gives nothing."""
    parsed = parse(call)
    panel = source.panel
    inputs = {"open": panel.open * panel.adjustment, "high": source.high, "low": source.low}
    inputs |= {"close": source.close, "volume": source.volume}
    return np.column_stack(
        [
            _column(parsed, source, {name: inputs[name.strip("_")][:, at] for name in parsed.inputs})
            for at in range(len(panel.symbols))
        ]
    )


def _numbers(name: str, text: str, settable: tuple[str, ...]) -> dict[str, float]:
    """Numbers by parameter."""
    order = list(_ORDER.get(name, settable))
    out: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        key, _, number = part.rpartition("=")
        if not key and order:
            key = order.pop(0)
        elif not key or key not in settable or key in out:
            raise Refused(
                f"ta.{name}: {part!r} does not fit; its numbers are {', '.join(settable) or 'none'}"
            )
        else:
            order = []
        if not re.fullmatch(r"\d+|\d*\.\d+", number):
            raise Refused(f"ta.{name}: {number!r} is not a number of at least 0")
        out[key] = float(number) if "." in number else int(number)
    return out


def _column(call: Call, source: Source, inputs: Mapping[str, Floats]) -> Floats:
    """The wanted column for one symbol, laid out on all sessions."""
    out = np.full(len(source.panel), np.nan)
    present = np.logical_and.reduce([np.isfinite(values) for values in inputs.values()])
    shortest = shortest_history(call)
    if np.count_nonzero(present) < shortest:
        return out
    bars = {name: values[present] for name, values in inputs.items()}
    table = _answer(call, bars, source.panel.sessions[present])
    if table is None:
        return out
    values = _chosen(call, table)
    # pandas-ta fills these rows of a longer history, and says nothing of them when the history ends there
    values[: shortest - 1] = np.nan
    out[present] = values
    return out


@lru_cache(maxsize=256)
def shortest_history(call: Call) -> int:
    """The fewest bars that an indicator is asked about; found by trying on a wave.

    One more than those (at least 2) for which pandas-ta begins to answer: its moving average rounds otherwise
    when the history is exactly as long as its window.
    """
    return 1 + bisect.bisect_left(range(4_096), True, lo=2, key=lambda bars: _wave(call, bars) is not None)


def _wave(call: Call, bars: int) -> pd.DataFrame | None:
    """The indicator of a made-up series."""
    step = np.arange(bars, dtype=np.float64)
    close = 100.0 + 10.0 * np.sin(step / 5.0) + step / 100.0
    wave = {"open": close - 0.1, "high": close + 1.0, "low": close - 1.0, "close": close}
    wave["volume"] = 1_000.0 + 100.0 * (step % 7)
    days = np.datetime64("2000-01-03", "D") + np.arange(bars)
    return _answer(call, {name: wave[name.strip("_")] for name in call.inputs}, days)


def _answer(call: Call, inputs: Mapping[str, Floats], days: Sessions) -> pd.DataFrame | None:
    """All columns of the indicator, one row a bar; None when pandas-ta finds the history too short."""
    import pandas as pd

    index = pd.DatetimeIndex(days)
    series = {name: pd.Series(values, index=index) for name, values in inputs.items()}
    indicator: Callable[..., Any] = getattr(_pandas_ta(), call.name)
    result = indicator(**series, **dict(call.numbers))
    if result is None:
        return None
    if isinstance(result, pd.Series):
        result = result.to_frame(str(result.name))
    if not isinstance(result, pd.DataFrame) or len(result) != len(index):
        raise Refused(f"ta.{call.name} gives no value for every session, so it is no factor")
    return result


def columns(call: str) -> tuple[str, ...]:
    """Names of the columns that an indicator has, such as those of ``supertrend(7,3)``."""
    parsed = parse(call)
    table = _wave(parsed, shortest_history(parsed))
    return () if table is None else tuple(str(column) for column in table.columns)


def _chosen(call: Call, table: pd.DataFrame) -> Floats:
    """The wanted column; by its whole name, else by the part before its numbers."""
    columns = [str(column) for column in table.columns]
    short = [column.split("_")[0] for column in columns]
    if call.column is None:
        at = 0
    elif call.column in columns:
        at = columns.index(call.column)
    elif call.column in short:
        at = short.index(call.column)
    else:
        raise Refused(f"ta.{call.name} has no column {call.column}; it has {', '.join(columns)}")
    return np.array(table.iloc[:, at], dtype=np.float64)


@lru_cache(maxsize=1)
def _pandas_ta() -> ModuleType:
    """pandas-ta, with its two ways of depending on more than the past turned off."""
    import pandas_ta

    # Where TA-Lib happens to be installed, pandas-ta's indicators call it, also from inside one another, with
    # other seeds for the averages: the same book would decide differently on two machines.
    pandas_ta.Imports["talib"] = False
    # It adds epsilon to every difference of a series as soon as one of them, a later one too, is 0.
    for name, module in list(sys.modules.items()):
        if name.startswith("pandas_ta.") and hasattr(module, "non_zero_range"):
            module.__dict__["non_zero_range"] = _non_zero_range
    found: ModuleType = pandas_ta
    return found


def _non_zero_range(x: pd.Series, y: pd.Series) -> pd.Series:
    """The difference x - y, with epsilon in place of 0."""
    difference = x - y
    return difference.mask(difference == 0, np.finfo(np.float64).eps)
