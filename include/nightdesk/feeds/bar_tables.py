"""Files of daily bars: which files of a folder are meant, and reading one of them strictly.

Layouts are known by their header (`nightdesk.feeds.layouts`). Columns of the desk's own: date or session,
symbol, open, high, low, close, volume and, where known, adj_close, source, split, dividend, capital_gain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.feeds.cells import MixedNumbers, NotANumber, NumberStyle, decimal_of, read_numbers
from nightdesk.feeds.day_columns import Places, read_days, refuse_empty
from nightdesk.feeds.layouts import NUMBERS, PLAIN, PRICES, Basis, Layout, plain_name, recognise
from nightdesk.feeds.opening import EXPECTED, Head, kind_of, look
from nightdesk.feeds.reading import read_columns
from nightdesk.feeds.spellings import same_symbol, symbol_of_name
from nightdesk.feeds.stamps import StampForm, form_of, is_within_days
from nightdesk.feeds.stated_actions import holds_actions, stated_in_columns

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from nightdesk.core.calendar import Calendar

REQUIRED = ("symbol", *PRICES, "volume")

#: Plain names of the column in which an hour begins, and its zone: what tells a file of hours.
HOUR_STARTS = {"barstartet": "America/New_York", "barstartutc": "UTC"}

#: Endings of files that hold tables which are not read as they are.
UNREADABLE = (
    ".zip", ".xlsx", ".xls", ".xlsm", ".ods", ".feather", ".arrow", ".h5", ".hdf5", ".pkl", ".pickle",
    ".bz2", ".xz", ".7z", ".zst", ".tar", ".gz",
)  # fmt: skip

#: A header of more letters is cut where a file is named.
LONGEST_HEADER = 160

FOOTER = "a footer under the bars"

#: Why a file of hours is none of daily bars.
OF_HOURS = "its bars are hours, which an hourly book reads"

#: What names a file and changes with it: path, time of change (ns), size (bytes).
Version = tuple[Path, int, int]


@dataclass(frozen=True)
class Found:
    """The files at a path.

    Attributes
    ----------
    bars, actions : tuple of Version
        Those of daily bars, and those of corporate actions.
    passed_over : mapping of str to str
        The others that may hold data: their header, and why they are not read.
    """

    bars: tuple[Version, ...]
    actions: tuple[Version, ...] = ()
    passed_over: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One file of daily bars.

    Attributes
    ----------
    frame : DataFrame
        Columns symbol (in the common spelling of `same_symbol`), session (datetime64[s]), those of `NUMBERS`
        (NaN where empty), source, `of_utc` (a whole day of UTC), `split_adjusted`, `file`, and `row`: the
        line of a text, the row of another file, from 1.
    actions : DataFrame
        Those that its columns state; see `nightdesk.feeds.stated_actions`.
    dropped : mapping of str to int
        What was left out, by reason.
    """

    frame: pd.DataFrame
    actions: pd.DataFrame
    dropped: Mapping[str, int]


def find_tables(path: Path) -> Found:
    """The files of daily bars and of corporate actions at `path`.

    A file that is named is always meant. Of a folder those are taken whose header is one of daily bars or of
    corporate actions; hourly bars, funding rates, folders and the like are passed over and named.

    Raises
    ------
    Refused
        When there is no such path, or no file of daily bars in the folder.
    """
    if path.is_file():
        return Found((version_of(path),))
    bars: list[Path] = []
    actions: list[Path] = []
    passed_over: dict[str, str] = {}
    for one in sorted(path.glob("*")):
        if one.name.startswith(".") or not (kind_of(one.name) or _may_hold_data(one)):
            continue
        reason = why_no_file(one)
        if reason is None and holds_actions(look(one)):
            actions.append(one)
        elif reason is None and (reason := why_no_bars(look(one))) is None:
            bars.append(one)
        else:
            passed_over[str(one)] = reason or ""
    if not bars:
        seen = (
            ", ".join(Path(one).name for one in [*map(str, actions), *passed_over])
            or "no CSV or Parquet file"
        )
        reasons = "".join(f"; {Path(one).name}: {reason}" for one, reason in passed_over.items())
        raise Refused(f"{path}: no file of daily bars in this folder (found {seen}): {EXPECTED}{reasons}")
    return Found(tuple(map(version_of, bars)), tuple(map(version_of, actions)), passed_over)


def why_no_file(path: Path) -> str | None:
    """Why an entry of a folder is not even opened; None where it is."""
    if path.is_dir():
        return "a folder: its files are not read; name it as a feed of its own"
    if not path.is_file():
        return "no plain file"
    if kind_of(path.name) is None:
        return f"a {path.suffix.lower()} file: unpack or save it as CSV, JSON or Parquet"
    try:
        look(path)
    except Refused as error:
        if "the file is empty" in str(error):
            raise
        return str(error).removeprefix(f"{path}: ")
    return None


def why_no_bars(head: Head) -> str | None:
    """Why a file is plainly none of daily bars, with its header; None where it is one."""
    layout = recognise(head.columns)
    if any(plain_name(one) in HOUR_STARTS for one in head.columns):
        return f"{_header(head)}: {OF_HOURS}"
    if layout is None:
        has = PLAIN.columns(head.columns)
        lacks = [] if "day" in has else ["session (or date)"]
        lacks += [one for one in PRICES if one not in has]
        return f"{_header(head)}: no table of daily bars (no column {', '.join(lacks)})"
    why = _why_not_daily(head, layout)
    if why is None and layout is not PLAIN and _symbol_of_file(head, layout) == "":
        why = f"no column of symbols, and its name says none: call it SYMBOL{head.path.suffix}"
    return None if why is None else f"{_header(head)}: {why}"


def read_symbols(path: Path) -> frozenset[str]:
    """The symbols in one file of daily bars, in their common spelling; nothing else of it is read.

    Raises
    ------
    Refused
        When a column is missing, or the file cannot be read.
    """
    import pyarrow as pa

    head = look(path)
    layout, columns = _layout_of(head)
    if "symbol" not in columns:
        return frozenset({_symbol_of_file(head, layout)})
    table, _ = read_columns(head, {"symbol": columns["symbol"]}, {})
    names = table.column("symbol").cast(pa.string()).unique().drop_null().to_pylist()
    return frozenset(same_symbol(layout.spelling(one)) for one in names)


def read_table(path: Path, calendar: Calendar) -> Table:
    """One file of daily bars.

    Parameters
    ----------
    path : Path
    calendar : Calendar
        Of the exchange: says which instants are days.

    Raises
    ------
    Refused
        With file, line and column, for a missing column, a number or date that cannot be read, an empty file.
    """
    import pandas as pd

    head = look(path)
    layout, columns = _layout_of(head)
    table, footers = read_columns(head, columns, _types(head, layout, columns), layout.empty)
    if table.num_rows == 0:
        raise Refused(f"{path}: the file has a header and no rows: give it bars or remove it")
    places = Places(head, columns)
    days = read_days(places, table, calendar)
    numbers = numbers_of(places, table, layout)
    frame = pd.DataFrame({"session": days.day.astype("datetime64[s]"), **numbers})
    frame["symbol"] = symbols_of(places, table, layout)
    frame["source"] = sources_of(table)
    frame["of_utc"] = days.of_utc
    basis = head.basis or layout.basis
    frame["split_adjusted"] = basis is Basis.SPLITS
    frame["file"] = str(path)
    frame["row"] = np.arange(len(frame)) + head.first_line
    refuse_infinite(places, frame)
    dropped = {FOOTER: footers} if footers else {}
    actions, held = stated_in_columns(frame, table, places, basis)
    if {"split", "dividend"} <= set(columns) and layout.name != PLAIN.name:
        frame["adj_close"] = np.nan  # the vendor states every action: its adjusted close adds only rounding
    return Table(frame, actions, dropped | held)


def version_of(path: Path) -> Version:
    """The file as it is now."""
    stat = path.stat()
    return path, stat.st_mtime_ns, stat.st_size


def _may_hold_data(path: Path) -> bool:
    return path.is_dir() or path.name.lower().endswith(UNREADABLE)


def _header(head: Head) -> str:
    text = ",".join(head.columns) or "no columns"
    return text if len(text) <= LONGEST_HEADER else f"{text[:LONGEST_HEADER]}…"


def _why_not_daily(head: Head, layout: Layout) -> str | None:
    """Why bars are plainly of less, or more, than a day; None where they may be daily."""
    columns = layout.columns(head.columns)
    if "day" not in columns:
        return None
    days = head.cells(columns["day"])
    symbols = head.cells(columns["symbol"]) if "symbol" in columns else [""] * len(days)
    if is_within_days(days, symbols):
        return "its bars are less than a day long"
    periods = {one.upper() for one in head.cells(columns["period"])} if "period" in columns else set()
    if periods - {"D", ""}:
        return f"its bars are of the period {', '.join(sorted(periods))}, not D"
    clock = next((one for one in head.columns if plain_name(one) == "time" and one != columns["day"]), None)
    times = {} if clock is None else dict.fromkeys(zip(symbols, days, head.cells(clock), strict=True))
    if len(times) > len(dict.fromkeys(zip(symbols, days, strict=True))) and clock is not None:
        return "its bars are less than a day long"
    return None


def _layout_of(head: Head) -> tuple[Layout, dict[str, str]]:
    """A file's layout and its columns by canonical name; `Refused` where it lacks one, or is not daily."""
    layout = recognise(head.columns) or PLAIN
    columns = layout.columns(head.columns)
    absent = ["session (or date)"] if "day" not in columns else []
    for name in REQUIRED:
        by_name = name == "symbol" and (layout is not PLAIN) and _symbol_of_file(head, layout)
        if name not in columns and not by_name and not (name == "volume" and layout.no_volume):
            absent.append(name)
    if absent:
        what = "the column" if len(absent) == 1 else "the columns"
        hint = "; or call the file SYMBOL.csv" if absent == ["symbol"] else ""
        found = ", ".join(head.columns)
        raise Refused(
            f"{head.path}, line 1: {what} {', '.join(absent)} is missing; found {found}; {EXPECTED}{hint}"
        )
    for name in columns.values():
        if [plain_name(one) for one in head.columns].count(plain_name(name)) > 1:
            raise Refused(f"{head.path}, line 1: the column {name} is there twice: keep one of them")
    why = _why_not_daily(head, layout)
    if why is not None:
        raise Refused(f"{head.path}: {why}: give daily bars")
    return layout, columns


def _symbol_of_file(head: Head, layout: Layout) -> str:
    """The symbol of a file without a column of symbols; empty where nothing says it."""
    if "symbol" in layout.columns(head.columns):
        return "in its column"
    name = head.symbol or symbol_of_name(head.path.name)
    return "" if name is None else same_symbol(layout.spelling(name))


def _types(head: Head, layout: Layout, columns: Mapping[str, str]) -> dict[str, Any]:
    """How a text's columns are tried first; what does not fit is read as text and judged cell by cell."""
    import pyarrow as pa

    first = next((cell for cell in head.cells(columns["day"]) if cell), "")
    types: dict[str, Any] = {}
    if not layout.signs and not layout.thousands_letters:
        types |= {name: pa.float64() for name in NUMBERS if name in columns}
    quick = {StampForm.ISO: pa.date32(), StampForm.COMPACT: pa.int64(), StampForm.EPOCH: pa.int64()}
    form = form_of(first)
    if form in quick:
        types["day"] = quick[form]
    return types


def numbers_of(places: Places, table: pa.Table, layout: Layout) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of `NUMBERS`, float64, NaN where a cell is empty or a column is not there."""
    import pyarrow as pa

    out: dict[str, np.ndarray[Any, Any]] = {}
    texts = {}
    for name in NUMBERS:
        if name not in table.column_names:
            out[name] = np.full(table.num_rows, np.nan)
            continue
        column = table.column(name)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            texts[name] = column
            continue
        try:
            out[name] = column.cast(pa.float64()).to_numpy()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            where = f"{places.head.path}, column {places.columns[name]}"
            raise Refused(f"{where}: found the type {column.type}, expected numbers") from error
    return {name: out[name] for name in NUMBERS} if not texts else _from_texts(places, texts, layout, out)


def _from_texts(
    places: Places, texts: Mapping[str, pa.ChunkedArray], layout: Layout, out: dict[str, Any]
) -> dict[str, Any]:
    marked = (one for column in texts.values() for one in column.to_pylist() if one is not None)
    try:
        decimal = decimal_of(marked, commas_part_columns=places.head.delimiter == ",")
    except MixedNumbers as error:
        raise Refused(f"{places.head.path}: {error}: write numbers like 1234.5") from error
    style = NumberStyle(decimal, layout.signs, layout.thousands_letters)
    for name, column in texts.items():
        try:
            out[name] = read_numbers(column, style)
        except NotANumber as error:
            raise Refused(f"{places.of(error.row, name)}: found {error.text!r}, expected a number") from error
    return {name: out[name] for name in NUMBERS}


def symbols_of(places: Places, table: pa.Table, layout: Layout) -> Any:
    """The symbol of each row in its common spelling, from its column or from the file's name."""
    import pyarrow as pa

    if "symbol" not in table.column_names:
        return np.full(table.num_rows, _symbol_of_file(places.head, layout), dtype=object)
    refuse_empty(places, table, "symbol")
    coded = table.column("symbol").cast(pa.string()).combine_chunks().dictionary_encode()
    known = [same_symbol(layout.spelling(one)) for one in coded.dictionary.to_pylist()]
    return np.array(known, dtype=object)[coded.indices.to_numpy()]


def sources_of(table: pa.Table) -> pd.Series:
    """The source of each row, ``files`` where none is written."""
    import pandas as pd
    import pyarrow as pa

    if "source" not in table.column_names:
        return pd.Series(["files"] * table.num_rows, dtype=object)
    given: pd.Series = table.column("source").cast(pa.string()).to_pandas()
    return given.fillna("files").astype(object)


def refuse_infinite(places: Places, frame: pd.DataFrame) -> None:
    """Refuse a frame with a number that is not finite, naming the first."""
    for name in NUMBERS:
        wrong = np.flatnonzero(np.isinf(frame[name].to_numpy()))
        if len(wrong):
            found = frame[name].iloc[wrong[0]]
            raise Refused(f"{places.of(int(wrong[0]), name)}: found {found}, expected a finite number")
