"""Price histories with known corporate actions, as a vendor would publish them."""

from collections.abc import Mapping

import numpy as np

from nightdesk.core.corporate.evidence import History
from nightdesk.core.panel import Action, Bars, Column, Panel, build_panel

#: Actions by the bar that they count from: kind and value.
type Rows = Mapping[int, tuple[str, float]]


def true_prices(seed: int, length: int, start: float = 60.0, volatility: float = 0.012) -> np.ndarray:
    """Closes of shares that never split nor pay."""
    rng = np.random.default_rng(seed)
    return start * np.exp(np.cumsum(rng.normal(0.0002, volatility, length)))


def history(
    close: np.ndarray,
    factor: np.ndarray | float | None = None,
    *,
    decimals: int | None = None,
    gap: float = 0.001,
    volume: np.ndarray | float = 1e6,
) -> History:
    """Bars around raw closes; `factor` makes the adjusted close, `decimals` rounds all that is published."""
    open_ = np.append(close[0], close[:-1]) if gap == 0 else close * (1 + gap)
    published = close if decimals is None else np.round(close, decimals)
    shown = open_ if decimals is None else np.round(open_, decimals)
    adjusted = np.full(len(close), np.nan) if factor is None else close * factor
    return History(
        open=shown,
        high=np.maximum(shown, published) + 0.5,
        low=np.minimum(shown, published) * 0.99,
        close=published,
        volume=np.broadcast_to(np.asarray(volume, dtype=float), close.shape),
        adjusted=adjusted if decimals is None else np.round(adjusted, decimals),
    )


def panel(close: np.ndarray, actions: Rows | list[tuple[int, str, float]]) -> Panel:
    """A panel of one symbol, AAA, with a bar on every day from 2021-01-01 on."""
    days = np.datetime64("2021-01-01") + np.arange(len(close))
    rows = [(at, *one) for at, one in actions.items()] if isinstance(actions, Mapping) else actions
    bars = Bars(
        column=np.zeros(len(close), dtype=np.intp), day=days,
        open=close, high=close + 0.5, low=close * 0.99, close=close, volume=np.full(len(close), 1e6),
    )  # fmt: skip
    told = [Action("AAA", days[0] + at, kind, value) for at, kind, value in rows]
    return build_panel(days, [Column("AAA")], bars, told)
