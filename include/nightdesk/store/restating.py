"""Bars that a source restated, turned back into the prices of their own day before they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.corporate.findings import INFERRED_SOURCE
from nightdesk.core.corporate.restatement import Restatement, Versions, read_restatement
from nightdesk.store.checked_frames import PRICES, CheckedFrame
from nightdesk.store.db import Connection
from nightdesk.store.rows import read_rows
from nightdesk.store.stored_bars import StoredBars

if TYPE_CHECKING:
    import pandas as pd

#: Actions whose value is dollars a share, which a restatement divides too.
IN_DOLLARS = ("dividend", "capital_gain", "return_of_capital")
#: A stated payment is the stored one within this: restated dollars are rounded to cents.
HALF_A_CENT = 0.0051


@dataclass(frozen=True)
class TurnedBack:
    """Bars and actions as they are to be stored, how many bars were restated, and what was read from it."""

    bars: CheckedFrame
    actions: pd.DataFrame | None
    count: int = 0
    words: tuple[str, ...] = ()


def turn_back(
    conn: Connection,
    bars: CheckedFrame,
    stored: StoredBars,
    differs: NDArray[np.bool_],
    actions: pd.DataFrame | None,
) -> TurnedBack:
    """Turn restated bars back, and add the actions that a restatement implies.

    `differs` says of each row whether other prices are stored. The caller holds the market's lock.
    """
    suspects = np.unique(bars.symbol[differs])
    if not len(suspects):
        return TurnedBack(bars, actions)
    known = _stored_actions(conn, [bars.symbols[one] for one in suspects], bars)
    splits = _splits_of(actions, known)
    values = {name: one.copy() for name, one in bars.values.items()}
    count, words, factors = 0, [], {}
    rows: list[dict[str, object]] = []
    for one in suspects:
        symbol, at = bars.symbols[one], slice(*np.searchsorted(bars.symbol, (one, one + 1)))
        found = read_restatement(
            Versions(
                day=bars.day[at],
                incoming=np.column_stack([bars.values[name][at] for name in PRICES]),
                stored=np.column_stack([stored.value(name, at) for name in PRICES]),
                incoming_volume=bars.values["volume"][at],
                stored_volume=stored.value("volume", at),
                splits=splits.get(symbol, {}),
            )
        )
        if found is None:
            continue
        for k, name in enumerate(PRICES):
            values[name][at] = found.prices[:, k]
        values["volume"][at] = found.volume
        count += found.count
        words += [f"{symbol}: {text}" for text in found.words]
        factors[symbol] = (bars.day[at], found)
        rows += [
            {"symbol": symbol, "session": action.day, "kind": action.kind, "value": action.value}
            | {"source": INFERRED_SOURCE, "other": "", "cash": 0.0, "note": action.note}
            for action in found.implied
        ]
    turned = _payments_turned_back(actions, factors, known)
    return TurnedBack(replace(bars, values=values), _with_implied(turned, rows), count, tuple(words))


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


def _splits_of(
    actions: pd.DataFrame | None, known: Mapping[tuple[str, np.datetime64, str], float]
) -> dict[str, dict[np.datetime64, float]]:
    """The splits of each symbol: those stored, and before them those stated now."""
    out: dict[str, dict[np.datetime64, float]] = {}
    for (symbol, day, kind), value in known.items():
        if kind == "split":
            out.setdefault(symbol, {})[day] = value
    if actions is not None:
        own = actions[actions["kind"] == "split"]
        days = own["session"].to_numpy().astype("datetime64[D]")
        for symbol, day, value in zip(own["symbol"], days, own["value"].astype(float), strict=True):
            out.setdefault(symbol, {})[day] = value
    return out


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
