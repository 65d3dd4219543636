"""From a panel, its factors and what the data checks withhold to the market as decisions see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk import regime
from nightdesk.core.calendar import as_date, as_instant, get_calendar
from nightdesk.core.panel import Action, Floats, Hours, Panel
from nightdesk.core.withheld import Withheld, under_their_names, usable
from nightdesk.engine.adjusted_contracts import with_adjustments
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Flags
from nightdesk.engine.market import HourRows, Market
from nightdesk.strategies.bundle_signals import bundles_by_session, check_bundles
from nightdesk.strategies.learning import with_models
from nightdesk.strategies.model import Model
from nightdesk.strategies.strategy import BAR, Signals, View, newest_close

#: Fields of a market that are those of its panel.
_AS_IN_THE_PANEL = ("fill_open", "fill_low", "fill_high", "fill_volume", "dividend", "split")


def observe(
    desk: Desk,
    panel: Panel,
    factors: Mapping[str, Floats],
    signals: Mapping[str, Signals] | None = None,
    *,
    withheld: Withheld | None = None,
    entries_allowed: Flags | None = None,
) -> Market:
    """Lay out what decisions see of a panel.

    Parameters
    ----------
    desk : Desk
    panel : Panel
        From the book's origin on, as it is; its first columns are the book's symbols. Of hours, its days are
        those whose bars are not withheld.
    factors : mapping of name to ndarray of shape (n_sessions, n_columns or n_symbols)
        At least `desk.factor_names`, computed from the bars that are not withheld
        (`nightdesk.core.withheld.usable`).
    signals : mapping of strategy name to Signals, optional
        Those stored before; made from the factors when left out.
    withheld : Withheld, optional
        What the data checks keep from decisions; nothing by default.
    entries_allowed : bool ndarray of shape (n_sessions,), optional
        False while benchmark or volatility index are absent; all True by default.

    Returns
    -------
    Market
        Row t is a function of rows up to t.
    """
    n, member = len(desk.symbols), desk.book.member_mask(panel.sessions)
    whole = panel.days
    panel, factors = under_their_names(panel, factors)
    if withheld is None:
        withheld = Withheld.nothing(panel)
    if entries_allowed is None:
        entries_allowed = np.ones(len(panel), dtype=bool)
    sound = usable(panel, withheld.bars)
    models: Mapping[str, tuple[Model, ...]] = {}
    studies: Mapping[str, Sequence[Any]] = {}
    if signals is None:
        view = View.of(sound, factors, desk.symbols, desk.book.volatility_index, member, desk.book.pairs)
        signals, models = _spoken(desk, view)
        studies = {name: one.study(view) for name, one in desk.in_turn.items()}
    bundle, ratio = bundles_by_session(desk.strategies, signals) if desk.has_bundles else (None, None)
    vix = newest_close(sound, desk.book.volatility_index)
    events = with_adjustments(desk, panel)
    return Market(
        desk=desk,
        sessions=tuple(as_date(session) for session in panel.sessions),
        closes=_closes(desk, panel),
        price=_with_new_symbols(desk, usable(panel, withheld.prices), events),
        **{name: getattr(panel, name)[:, :n] for name in _AS_IN_THE_PANEL},
        bad_opens=withheld.opens,
        **{name: getattr(sound, name)[:, :n] for name in BAR},
        quarantined=withheld.quarantined[:, :n],
        withheld_bars=withheld.bars[:, :n],
        has_bar=np.isfinite(panel.close[:, :n]),
        age=panel.age[:, :n],
        factors={name: factors[name][:, :n] for name in desk.factor_names},
        returns=_padded_returns(desk, usable(whole, withheld.bars) if whole is not panel.days else sound),
        signals=signals,
        direction=_stack([signals[name].direction for name in desk.strategies]),
        side=_stack([signals[name].side for name in desk.strategies]),
        confidence=_stack([signals[name].confidence for name in desk.strategies]),
        strength=_stack([signals[name].strength for name in desk.strategies]),
        vix=vix,
        band=regime.classify(vix, desk.book.regime),
        entries_allowed=entries_allowed,
        opens_month=_opens_month(desk, panel),
        models=models,
        happened=events,
        hours=None if panel.hours is None else _hour_rows(desk, panel.hours),
        bundle=bundle,
        ratio=ratio,
        member=member,
        off=desk.book.off_mask(panel.sessions),
        legs=desk.book.leg_mask(panel.sessions),
        studies=studies,
    )


def _spoken(desk: Desk, view: View) -> tuple[dict[str, Signals], Mapping[str, tuple[Model, ...]]]:
    """What the strategies say, and the models of those that learn."""
    view = with_models(view, desk.strategies.values())
    signals = {name: strategy.signals(view) for name, strategy in desk.strategies.items()}
    for name, strategy in desk.strategies.items():
        check_bundles(strategy, signals[name], desk.symbols, view.sessions)
    return signals, view.models


def _padded_returns(desk: Desk, sound: Panel) -> Floats:
    """Returns of sessions behind as many rows of NaN as the longest window has more than its own row."""
    terms, returns = desk.book.portfolio, sound.days.returns[:, : len(desk.symbols)]
    window = max(terms.volatility_window, terms.var_window)
    padding = np.full((window - (sound.hours is None), returns.shape[1]), np.nan)
    return np.vstack([padding, returns])


def _hour_rows(desk: Desk, hours: Hours) -> HourRows:
    at_open = hours.opens if desk.book.schedule.fill == "mean" else np.ones_like(hours.opens)
    return HourRows(
        day=hours.day,
        sessions=len(hours.days),
        closes=hours.closes,
        fills_at_mean=~at_open,
        mean=hours.mean[:, : len(desk.symbols)],
    )


def _with_new_symbols(desk: Desk, sound: Panel, events: Sequence[Sequence[Action]]) -> Floats:
    """Marking prices, in which a symbol that an action brings is worth what it says until it has a bar.

    The symbol of an adjusted option may have been that of another contract, whose bars say nothing of it.
    Row t is a function of rows up to t.
    """
    price = sound.last_close[:, : len(desk.symbols)]
    out = price
    for t, happened in enumerate(events):
        for one in happened:
            old, new = desk.column.get(one.symbol), desk.column.get(one.other)
            if not t or old is None or new is None or not one.value:
                continue
            known = sound.close if one.symbol in desk.contracts else price
            if np.isfinite((sound.close if known is not price else out)[t, new]):
                continue
            worth = one.cash if one.kind == "spin_off" else (out[t - 1, old] - one.cash) / one.value
            until = np.flatnonzero(np.isfinite(known[t:, new]))
            stop = t + int(until[0]) if len(until) else len(price)
            out = out.copy() if out is price else out
            out[t:stop, new] = worth
    return out


def _stack[D: np.generic](arrays: Sequence[NDArray[D]]) -> NDArray[D]:
    """Arrays of every strategy as one of shape (n_sessions, n_strategies, n_symbols)."""
    return np.stack(arrays, axis=1)


def _opens_month(desk: Desk, panel: Panel) -> Flags:
    """By the calendar and not by the panel, whose first session need not be the first of its month."""
    calendar = get_calendar(desk.book.calendar)
    months = calendar.sessions.astype("datetime64[M]")
    at = np.searchsorted(calendar.sessions, panel.sessions)
    opens: Flags = (at == 0) | (months[at] != months[at - 1])
    return opens if panel.hours is None else opens & panel.hours.opens


def _closes(desk: Desk, panel: Panel) -> tuple[datetime, ...]:
    if panel.hours is not None:
        return tuple(as_instant(moment) for moment in panel.hours.instants)
    calendar = get_calendar(desk.book.calendar)
    at = np.searchsorted(calendar.sessions, panel.sessions)
    return tuple(as_instant(moment) for moment in calendar.closes[at])
