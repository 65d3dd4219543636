"""Corporate actions that files state outright: an actions file, vendors' lists, columns beside the bars."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import ACTION_KINDS
from nightdesk.feeds.cells import as_texts, read_ratio
from nightdesk.feeds.day_columns import Places, place, read_days, refuse_empty
from nightdesk.feeds.feed import ACTION_COLUMNS
from nightdesk.feeds.layouts import STATED, Basis, plain_name
from nightdesk.feeds.opening import Head, look
from nightdesk.feeds.reading import read_columns
from nightdesk.feeds.spellings import as_written, of_polygon, same_symbol, stem_of, symbol_of_name

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from nightdesk.core.calendar import Calendar

#: The actions file of a folder is called so, whatever its ending.
NAME = "actions"

REQUIRED = ("symbol", "session", "kind", "value")
OPTIONAL = ("other", "cash", "note", "source")
#: Columns of an export of the desk's own table, which a file may have and which say nothing here.
EXPORTED = ("known_at", "superseded_at")

#: Actions as read, before they are an answer: `row` is their place in `file`; `split_adjusted` says that the
#: amount was divided by the splits that came after it.
READ_COLUMNS = (*ACTION_COLUMNS, "file", "row", "split_adjusted")

#: Kinds whose `other` names the symbol that takes its place, or comes beside it.
WITH_OTHER = ("symbol_change", "spin_off")

#: No company has split its shares into more, or merged more into one.
LARGEST_RATIO = 10_000.0

HELD_BY_PRICES = "a dividend or split that its adjusted prices hold already"
OTHER_CURRENCY = "a dividend in another currency than dollars"


@dataclass(frozen=True)
class Vendors:
    """A vendor's own list of one kind of action: the plain names of its columns.

    Attributes
    ----------
    kind : str
    value : str
        Its amount or ratio.
    before : str or None
        Of a split: the shares before.
    exact : bool
        Whether a file of it has no other columns: with them it would be a table of something else.
    """

    kind: str
    symbol: str | None
    day: str
    value: str
    before: str | None = None
    exact: bool = False
    split_adjusted: bool = False
    spelling: Callable[[str], str] = as_written

    @property
    def marks(self) -> frozenset[str]:
        """What its header must have."""
        return frozenset(one for one in (self.symbol, self.day, self.value, self.before) if one is not None)


LISTS = (
    Vendors("split", "ticker", "executiondate", "splitto", "splitfrom", spelling=of_polygon),
    Vendors("dividend", "ticker", "exdividenddate", "cashamount", spelling=of_polygon),
    Vendors("split", None, "date", "stocksplits", exact=True),
    Vendors("dividend", None, "date", "dividends", exact=True, split_adjusted=True),
    Vendors("capital_gain", None, "date", "capitalgains", exact=True, split_adjusted=True),
)

#: The columns in which Polygon says what a payment is.
TYPES = ("dividendtype", "distributiontype")
#: What Polygon calls long- and short-term capital gains that a fund distributes.
GAINS = ("LT", "ST")


def holds_actions(head: Head) -> bool:
    """Whether a file of a folder is one of corporate actions, by its name or its header."""
    return stem_of(head.path.name).casefold() == NAME or _list_of(head) is not None


def read_actions(path: Path, calendar: Calendar) -> tuple[pd.DataFrame, dict[str, int]]:
    """The corporate actions of one file, with `READ_COLUMNS`, and how many rows were left out, by reason.

    Raises
    ------
    Refused
        With file, line and column, for an unknown column or kind, a value that is missing or impossible.
    """
    head = look(path)
    vendors = _list_of(head)
    if vendors is not None and stem_of(path.name).casefold() != NAME:
        return _read_list(head, vendors, calendar)
    return _read_own(head, calendar), {}


def stated_in_columns(
    frame: pd.DataFrame, table: pa.Table, places: Places, basis: Basis
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The actions in the columns split, dividend and capital_gain of a file of bars.

    A split of 0 or 1 and an amount of 0 are none. Where the prices hold dividends and splits already
    (`Basis.TOTAL`), they are counted and not taken.
    """
    rows: list[tuple[Any, ...]] = []
    held = 0
    symbol, day, source = (frame[name].to_numpy() for name in ("symbol", "session", "source"))
    for kind in STATED:
        if kind not in table.column_names:
            continue
        for row, value in _stated_values(table.column(kind), kind, places):
            if basis is Basis.TOTAL:
                held += 1
                continue
            where = (str(places.head.path), row + places.head.first_line, basis is Basis.SPLITS)
            rows.append((symbol[row], day[row], kind, value, source[row], "", 0.0, "", *where))
    return _frame(rows), {HELD_BY_PRICES: held} if held else {}


def combine(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Actions of several files, each once.

    Raises
    ------
    Refused
        Where two of them say different things of one symbol, day and kind, naming both places.
    """
    import pandas as pd

    given = [one for one in frames if len(one)]
    if not given:
        return _frame(())
    everything = pd.concat(given, ignore_index=True)
    key = ["symbol", "session", "kind"]
    first = everything.drop_duplicates(key)
    both = everything.merge(first, on=key, suffixes=("", "_first"))
    same = both["other"] == both["other_first"]
    for name in ("value", "cash"):
        same &= np.isclose(both[name], both[f"{name}_first"], rtol=1e-6)
    if not same.all():
        one = both[~same].iloc[0]
        raise Refused(
            f"{place(one['file_first'], one['row_first'])} and {place(one['file'], one['row'])}: two "
            f"different actions of kind {one['kind']} of {one['symbol']} on {one['session'].date()}: "
            "keep one of them"
        )
    return first.reset_index(drop=True)


def _frame(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(READ_COLUMNS))
    types: dict[str, Any] = {
        "session": "datetime64[s]",
        "value": "float64",
        "cash": "float64",
        "row": "int64",
        "split_adjusted": bool,
    }
    return frame.astype(types)


def _list_of(head: Head) -> Vendors | None:
    plain = {plain_name(name) for name in head.columns}
    return next((one for one in LISTS if one.marks <= plain and not (one.exact and one.marks != plain)), None)


def _stated_values(column: pa.ChunkedArray, kind: str, places: Places) -> list[tuple[int, float]]:
    """Rows (from 0) with an action and its value; a column is nearly always 0, 1 or empty."""
    import pandas as pd

    texts = pd.Series(as_texts(column.to_pylist()), dtype=object)
    none = {"0", "0.0", "1", "1.0"} if kind == "split" else {"0", "0.0"}
    out = []
    for row in np.flatnonzero(texts.notna() & ~texts.isin(none)):
        value = read_ratio(texts[row])
        if value == 0 or (kind == "split" and value == 1):
            continue
        _refuse_impossible(kind, value, texts[row], places.of(int(row), kind))
        out.append((int(row), value))
    return out


def _refuse_impossible(kind: str, value: float, found: str, where: str) -> None:
    ratio = kind in ("split", "adjustment", "symbol_change", "spin_off", "merger")
    what = "shares after for one before, such as 1.5 or 3:2" if ratio else "dollars a share"
    if math.isnan(value) or value < 0 or (ratio and value > LARGEST_RATIO):
        raise Refused(f"{where}: found {found!r}, expected {what}")


def _read_own(head: Head, calendar: Calendar) -> pd.DataFrame:
    """An actions file in the desk's own columns, strictly."""
    exported = {plain_name(name) for name in EXPORTED}
    there = [name for name in head.columns if plain_name(name) not in exported]
    by_plain = {plain_name(name): name for name in there}
    known = {plain_name(name): name for name in (*REQUIRED, *OPTIONAL)} | {"date": "session"}
    columns = {known[plain]: name for plain, name in by_plain.items() if plain in known}
    unknown = [name for plain, name in by_plain.items() if plain not in known]
    absent = ["session (or date)" if one == "session" else one for one in REQUIRED if one not in columns]
    expected = f"expected {', '.join(REQUIRED)} and, where a kind needs them, {', '.join(OPTIONAL)}"
    if absent or unknown or len(columns) < len(there):
        wrong = (
            f"the column {absent[0]} is missing" if absent
            else f"the column {unknown[0]} is not known" if unknown
            else "a column is there twice"
        )  # fmt: skip
        raise Refused(f"{head.path}, line 1: {wrong}; found {', '.join(head.columns)}; {expected}")
    columns = {"day": columns.pop("session"), **columns}
    table, _ = read_columns(head, columns, {})
    places = Places(head, columns)
    for name in ("symbol", "kind", "value"):
        refuse_empty(places, table, name)
    day = read_days(places, table, calendar).day
    texts = {name: as_texts(table.column(name).to_pylist()) for name in columns if name != "day"}
    rows = [
        _own_row(row, {name: (cells[row] or "").strip() for name, cells in texts.items()}, day[row], places)
        for row in range(table.num_rows)
    ]
    frame = _frame(rows)
    twice = frame[frame.duplicated(["symbol", "session", "kind"], keep=False)]
    if len(twice):
        one = twice.iloc[0]
        raise Refused(
            f"{place(head.path, one['row'])}: {one['symbol']} has two actions of kind {one['kind']} on "
            f"{one['session'].date()}: write one line, with what they add up to"
        )
    return frame


def _own_row(row: int, cells: Mapping[str, str], day: np.datetime64, places: Places) -> tuple[Any, ...]:
    kind, other = cells["kind"], cells.get("other", "")
    if kind not in ACTION_KINDS:
        raise Refused(f"{places.of(row, 'kind')}: found {kind!r}, expected one of {', '.join(ACTION_KINDS)}")
    value = read_ratio(cells["value"])
    _refuse_impossible(kind, value, cells["value"], places.of(row, "value"))
    if value == 0 and kind not in ("merger", "delisting"):
        raise Refused(
            f"{places.of(row, 'value')}: found 0, which is no {kind}: remove the line or correct it"
        )
    if kind == "accept" and value != 1:
        raise Refused(
            f"{places.of(row, 'value')}: found {cells['value']!r}, expected 1 for a price that is accepted"
        )
    if kind == "delisting" and value != 0:
        raise Refused(
            f"{places.of(row, 'value')}: found {cells['value']!r}, expected 0: what a share is paid "
            "when it is delisted stands in the column cash"
        )
    cash = read_ratio(cells.get("cash") or "0")
    if not cash >= 0:
        raise Refused(f"{places.of(row, 'cash')}: found {cells['cash']!r}, expected dollars a share")
    if not other and (kind in WITH_OTHER or (kind == "merger" and value > 0)):
        raise Refused(f"{places.of(row, 'other')}: found nothing, expected the new symbol of a {kind}")
    if kind == "merger" and not value and not cash:
        raise Refused(f"{places.of(row, 'cash')}: found nothing; a merger pays shares (value), cash, or both")
    head = places.head
    return (
        same_symbol(cells["symbol"]), day, kind, value, cells.get("source") or "files", other, cash,
        cells.get("note", ""), str(head.path), row + head.first_line, False,
    )  # fmt: skip


def _read_list(head: Head, vendors: Vendors, calendar: Calendar) -> tuple[pd.DataFrame, dict[str, int]]:
    plain = {plain_name(name): name for name in head.columns}
    wanted = {"day": vendors.day, "value": vendors.value, "symbol": vendors.symbol, "before": vendors.before}
    columns = {name: plain[one] for name, one in wanted.items() if one is not None}
    columns |= {name: plain[name] for name in ("id", *TYPES, "currency") if name in plain}
    if "symbol" not in columns and symbol_of_name(head.path.name) is None:
        raise Refused(f"{head.path}: it has no column of symbols, and its name says none: call it SYMBOL.csv")
    table, _ = read_columns(head, columns, {})
    places = Places(head, columns)
    for name in ("value", *(name for name in ("symbol", "before") if name in columns)):
        refuse_empty(places, table, name)
    day = read_days(places, table, calendar).day
    cells = {name: as_texts(table.column(name).to_pylist()) for name in columns if name != "day"}
    own = same_symbol(symbol_of_name(head.path.name) or "")
    rows: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    seen: set[str] = set()
    foreign = 0
    for row in range(table.num_rows):
        if "currency" in cells and (cells["currency"][row] or "USD").upper() != "USD":
            foreign += 1
            continue
        identity = cells["id"][row] if "id" in cells else None
        if identity in seen:
            continue  # pages of an answer that lie over each other
        seen |= set() if identity is None else {identity}
        text = cells["value"][row] or ""
        before = read_ratio(cells["before"][row] or "") if "before" in cells else 1.0
        value = read_ratio(text) / before if before else math.nan
        _refuse_impossible(vendors.kind, value, text, places.of(row, "value"))
        if value == (1 if vendors.kind == "split" else 0) or value == 0:
            continue
        paid_as = next((cells[one][row] for one in TYPES if one in cells), None)
        kind = "capital_gain" if paid_as in GAINS else vendors.kind
        symbol = same_symbol(vendors.spelling(cells["symbol"][row] or "")) if "symbol" in cells else own
        where = (str(head.path), row + head.first_line, vendors.split_adjusted)
        key = (symbol, day[row], kind)
        if key in rows and kind != "split":
            value += rows[key][3]  # a special dividend beside the usual one, short- and long-term gains
        rows[key] = (*key, value, "files", "", 0.0, "", *where)
    return _frame(list(rows.values())), {OTHER_CURRENCY: foreign} if foreign else {}
