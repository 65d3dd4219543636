"""Bars that a source restated, turned back into the prices of their own day before they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.corporate.findings import INFERRED_SOURCE
from nightdesk.core.corporate.restatement import SAME_PRICE, Restatement, Versions, read_restatement
from nightdesk.store.binary import copy_out, days
from nightdesk.store.checked_frames import PRICES, CheckedFrame
from nightdesk.store.db import Connection, Cursor
from nightdesk.store.queries import query
from nightdesk.store.rows import read_rows

if TYPE_CHECKING:
    import pandas as pd

#: Actions whose value is dollars a share, which a restatement divides too.
IN_DOLLARS = ("dividend", "capital_gain", "return_of_capital")
#: A stated payment is the stored one within this: restated dollars are rounded to cents.
HALF_A_CENT = 0.0051

_BAR_TYPES = {"symbol_id": ">i4", "session": ">i4", **dict.fromkeys((*PRICES, "volume"), ">f8")}


@dataclass(frozen=True)
class TurnedBack:
    """Bars and actions as they are to be stored, how many bars were restated, and what was read from it."""

    bars: CheckedFrame
    actions: pd.DataFrame | None
    count: int = 0
    words: tuple[str, ...] = ()


def turn_back(
    conn: Connection, cur: Cursor, bars: CheckedFrame, actions: pd.DataFrame | None, ids: Mapping[str, int]
) -> TurnedBack:
    """Turn restated bars back, and add the actions that a restatement implies.

    The caller holds the market's lock.
    """
    if not len(bars):
        return TurnedBack(bars, actions)
    stored = _stored_bars(cur, bars, ids)
    incoming = np.column_stack([bars.values[name] for name in PRICES])
    with np.errstate(invalid="ignore"):
        other = np.abs(incoming - stored[:, :4]) > SAME_PRICE * np.abs(stored[:, :4])
    suspects = np.unique(bars.symbol[other.any(axis=1)])
    if not len(suspects):
        return TurnedBack(bars, actions)
    known = _stored_actions(conn, [bars.symbols[one] for one in suspects], bars)
    prices, volume = incoming.copy(), bars.values["volume"].copy()
    count, words, factors = 0, [], {}
    rows: list[dict[str, object]] = []
    for one in suspects:
        symbol, at = bars.symbols[one], np.flatnonzero(bars.symbol == one)
        splits = {
            day: value for (name, day, kind), value in known.items() if (name, kind) == (symbol, "split")
        }
        found = read_restatement(
            Versions(
                day=bars.day[at],
                incoming=incoming[at],
                stored=stored[at, :4],
                incoming_volume=bars.values["volume"][at],
                stored_volume=stored[at, 4],
                splits=splits | _stated_splits(actions, symbol),
            )
        )
        if found is None:
            continue
        prices[at], volume[at] = found.prices, found.volume
        count += found.count
        words += [f"{symbol}: {text}" for text in found.words]
        factors[symbol] = (bars.day[at], found)
        rows += [
            {"symbol": symbol, "session": action.day, "kind": action.kind, "value": action.value}
            | {"source": INFERRED_SOURCE, "other": "", "cash": 0.0, "note": action.note}
            for action in found.implied
        ]
    values = {name: prices[:, k] for k, name in enumerate(PRICES)} | {"volume": volume}
    turned = _payments_turned_back(actions, factors, known)
    return TurnedBack(replace(bars, values=values), _with_implied(turned, rows), count, tuple(words))


def _stored_bars(cur: Cursor, bars: CheckedFrame, ids: Mapping[str, int]) -> NDArray[np.float64]:
    """Open, high, low, close and volume that are stored for each row, NaN where nothing is."""
    numbers = np.array([ids[name] for name in bars.symbols], dtype=np.int64)[bars.symbol]
    span = {
        "symbols": [ids[name] for name in bars.symbols],
        "first": bars.day.min().item(),
        "last": bars.day.max().item(),
    }
    rows = copy_out(cur, cur.mogrify(query("live_bars"), span), _BAR_TYPES)
    out = np.full((len(bars), 5), np.nan)
    if not len(rows):
        return out
    held = rows["symbol_id"].astype(np.int64) * 1_000_000 + days(rows["session"]).astype(np.int64)
    key = numbers * 1_000_000 + bars.day.astype(np.int64)
    order = np.argsort(held)
    place = np.minimum(np.searchsorted(held[order], key), len(held) - 1)
    found = held[order][place] == key
    for k, name in enumerate((*PRICES, "volume")):
        out[found, k] = rows[name].astype(np.float64)[order][place[found]]
    return out


def _stored_actions(
    conn: Connection, symbols: list[str], bars: CheckedFrame
) -> dict[tuple[str, np.datetime64, str], float]:
    """Values of the stored actions by symbol, day and kind."""
    found = read_rows(
        conn, "actions_in_force", symbols=symbols, first=bars.day.min().item(), last=bars.day.max().item()
    )
    return {
        (one["symbol"], np.datetime64(one["session"], "D"), one["kind"]): float(one["value"]) for one in found
    }


def _stated_splits(actions: pd.DataFrame | None, symbol: str) -> dict[np.datetime64, float]:
    if actions is None:
        return {}
    own = actions[(actions["symbol"] == symbol) & (actions["kind"] == "split")]
    return dict(
        zip(own["session"].to_numpy().astype("datetime64[D]"), own["value"].astype(float), strict=True)
    )


def _payments_turned_back(
    actions: pd.DataFrame | None,
    factors: Mapping[str, tuple[NDArray[np.datetime64], Restatement]],
    known: Mapping[tuple[str, np.datetime64, str], float],
) -> pd.DataFrame | None:
    """Dollars a share in those of their own day, where the prices of that day came restated."""
    if actions is None or actions.empty or not factors:
        return actions
    value = actions["value"].to_numpy(np.float64).copy()
    named = zip(
        actions["symbol"], actions["session"].to_numpy().astype("datetime64[D]"), actions["kind"], strict=True
    )
    for row, key in enumerate(named):
        symbol, day, kind = key
        if symbol not in factors or kind not in IN_DOLLARS:
            continue
        bar_days, found = factors[symbol]
        at = min(int(np.searchsorted(bar_days, day)), len(bar_days) - 1)
        turned = value[row] / found.factor[at]
        held = known.get(key)
        if held is None:
            value[row] = turned
        elif abs(turned - held) <= HALF_A_CENT / found.factor[at]:
            value[row] = held
    return actions.assign(value=value)


def _with_implied(actions: pd.DataFrame | None, rows: list[dict[str, object]]) -> pd.DataFrame | None:
    """The actions and those that are implied, but where the source says something of that kind and day."""
    import pandas as pd

    if not rows:
        return actions
    implied = pd.DataFrame(rows)
    implied["session"] = implied["session"].astype("datetime64[s]")
    if actions is None or actions.empty:
        return implied
    both = pd.concat([actions, implied], ignore_index=True)
    return both.drop_duplicates(["symbol", "session", "kind"], keep="first", ignore_index=True)
