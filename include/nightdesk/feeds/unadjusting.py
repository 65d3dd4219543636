"""Raw prices from those that a vendor divided by later splits, and its amounts of dividends likewise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.feeds.layouts import PRICES

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

#: Prices are rounded to this many decimals once splits are taken out of them, so that a later split, by
#: which the vendor divides its whole history, gives the same raw prices again.
PRICE_DECIMALS = 4
CASH_DECIMALS = 6

PAID_A_SHARE = ("dividend", "capital_gain", "return_of_capital")


def unadjust(bars: pd.DataFrame, actions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bars and actions in the raw dollars of their own day, where ``split_adjusted`` says that they are not.

    A price is multiplied, a volume divided, by the splits of its symbol after its day; the adjusted close
    stays, so that it grows against the close with each split.

    Parameters
    ----------
    bars : DataFrame
        Columns symbol, session, the prices, volume, split_adjusted.
    actions : DataFrame
        Columns symbol, session, kind, value, split_adjusted; those of kind split are the splits.
    """
    splits = actions[actions["kind"] == "split"]
    mine = bars["split_adjusted"].to_numpy(bool)
    if mine.any():
        bars, rows = bars.copy(), bars[mine]
        later = _later_splits(rows["symbol"].to_numpy(), rows["session"].to_numpy(), splits)
        for name in PRICES:
            bars.loc[mine, name] = np.round(rows[name].to_numpy() * later, PRICE_DECIMALS)
        bars.loc[mine, "volume"] = np.round(rows["volume"].to_numpy() / later)
    paid = actions["split_adjusted"].to_numpy(bool) & actions["kind"].isin(PAID_A_SHARE).to_numpy(bool)
    if paid.any():
        actions, rows = actions.copy(), actions[paid]
        later = _later_splits(rows["symbol"].to_numpy(), rows["session"].to_numpy(), splits)
        actions.loc[paid, "value"] = np.round(rows["value"].to_numpy() * later, CASH_DECIMALS)
    return bars, actions


def _later_splits(symbol: NDArray[Any], day: NDArray[np.datetime64], splits: pd.DataFrame) -> Floats:
    """Of each row the product of its symbol's splits after its day: shares now for one of that day."""
    product = np.ones(len(symbol))
    for name, own in splits.groupby("symbol", sort=False):
        ordered = own.sort_values("session")
        after = np.append(np.cumprod(ordered["value"].to_numpy()[::-1])[::-1], 1.0)
        mine = symbol == name
        at = np.searchsorted(ordered["session"].to_numpy(), day[mine], side="right")
        product[mine] = after[at]
    return product
