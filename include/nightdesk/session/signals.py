"""The steps that depend on no position: factors, the regime, the signals of each strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nightdesk.core.cell_figures import Figures, figures_of_cell
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats, Panel
from nightdesk.engine import overlay
from nightdesk.factors import STANDARD, compute
from nightdesk.regime import classify
from nightdesk.sentiment import Sentiment
from nightdesk.session.context import Context
from nightdesk.session.models import fresh_model, keep_model
from nightdesk.session.reading_ahead import signals_asks
from nightdesk.session.writing import StepOutcome, saving
from nightdesk.store.ahead import reading_once
from nightdesk.store.decision_rows import STORED_SIDES, factor_set, read_factors
from nightdesk.store.run_rows import sealed_because
from nightdesk.store.turn_rows import studies_of, study_rows
from nightdesk.strategies import LearningStrategy, Signals, Strategy, View
from nightdesk.strategies.bundle_signals import check_bundles
from nightdesk.strategies.strategy import BAR


def factors(context: Context) -> StepOutcome:
    """The desk's own factors, those that the book needs and shows, of every symbol at the session.

    With them what strategies that speak in turn measure of it. A sealed session keeps the list that it has:
    what pages show may change, and is no difference of it.
    """
    names = _listed(context)
    panel, told = context.usable_panel(), context.sentiment()
    book = context.book
    member = book.member_mask(panel.sessions)
    values = compute(panel, names, benchmark=book.benchmark, universe=len(book.symbols), member=member)
    table = np.stack([values[name][-1] for name in names], axis=1)
    studied = _studied(context, panel, values) if context.desk.in_turn else {}
    with saving(context) as save:
        number = factor_set(context.conn, names)
        rows = [
            {"symbol": symbol, "factor_set_id": number, "factor_values": table[n]}
            for n, symbol in enumerate(panel.symbols)
        ]
        save.rows("factors", rows)
        for into, measured in studied.items():
            save.rows(into, measured)
        if told is not None:
            save.rows("sentiments", _sentiments(context, told))
        heard = {} if told is None else {"headlines": int(told.count[-1].sum())}
        save.done(symbols=len(rows), factors=len(names), **heard)
    return save.outcome()


def _studied(context: Context, panel: Panel, values: Mapping[str, Floats]) -> dict[str, list[dict[str, Any]]]:
    """What strategies that speak in turn measure of the session, as rows by table."""
    book, last = context.book, len(panel) - 1
    member = book.member_mask(panel.sessions)
    view = View.of(panel, values, book.symbols, book.volatility_index, member, book.pairs)
    return study_rows({name: one.study(view, last)[last] for name, one in context.desk.in_turn.items()})


def _listed(context: Context) -> tuple[str, ...]:
    """The factors to be stored, by name; of a sealed session those that it has."""
    desk, book, as_of = context.desk, context.book.name, context.as_of
    decide = (*STANDARD, *desk.factor_names)
    if sealed_because(context.conn, book, as_of) is not None:
        kept = tuple(read_factors(context.conn, book, as_of, context.book.symbols))
        if set(decide) <= set(kept):
            return kept
    return tuple(dict.fromkeys((*decide, *desk.reported)))


def _sentiments(context: Context, told: Sentiment) -> list[dict[str, Any]]:
    """The rows of the session's symbols of which anything was published."""
    scorer = context.book.sentiment.scorer
    return [
        {
            "symbol": context.book.symbols[n],
            "scorer": scorer,
            "score": float(told.mean[-1, n]),
            "count": int(told.count[-1, n]),
        }
        for n in np.flatnonzero(told.count[-1])
    ]


def regime(context: Context) -> StepOutcome:
    """The band of the newest close of the volatility index."""
    book, day = context.book, context.checked().day(returns=False)
    column = book.panel_symbols.index(book.volatility_index)
    vix, age = float(day.last_close[column]), int(day.age[column])
    if age < 0:
        raise Refused(
            f"{book.name} {context.name}: {book.volatility_index} has no bar up to this session, "
            "so no regime is known: bring its bars in, then run this session's ingest step again"
        )
    band = int(classify(np.array([vix]), book.regime)[0])
    with saving(context) as save:
        save.rows("regimes", [{"band": band, "regime": book.regime[band].name, "vix": vix, "vix_age": age}])
        save.done(regime=book.regime[band].name)
    return save.outcome()


def signals(context: Context, strategy: str) -> StepOutcome:
    """What one strategy says of every symbol, from the stored factors; one that learns, by its live model."""
    if strategy not in context.desk.strategies:
        raise Refused(
            f"{strategy} is not a strategy of book {context.book.name}: "
            f"known are {', '.join(context.desk.strategies)}"
        )
    if strategy in context.desk.in_turn:
        return _waits_for_its_turn(context, strategy)
    with reading_once(context.conn, signals_asks(context)):
        speaker, view = context.desk.strategies[strategy], session_view(context)
    fresh = fresh_model(context, speaker) if isinstance(speaker, LearningStrategy) else None
    with saving(context) as save:
        if isinstance(speaker, LearningStrategy):
            view = replace(view, models={strategy: (keep_model(context, save, speaker, fresh),)})
        spoken = overlay(
            _heard(context, speaker, view),
            strategy,
            [context.as_of],
            context.book.symbols,
            context.injected,
        )
        rows = signal_rows(context, strategy, spoken, speaker.figures(view, spoken))
        save.speaking("signals", {"strategy": strategy}, rows, by=("direction", "injected"))
        buys = int((spoken.direction > 0).sum())
        sells = int((spoken.direction < 0).sum())
        mine = [one for one in context.injected if one.strategy == strategy]
        marked = {"injected": len(mine)} if mine else {}
        save.done(buys=buys, sells=sells, symbols=len(context.book.symbols), **marked)
    return save.outcome()


def _waits_for_its_turn(context: Context, strategy: str) -> StepOutcome:
    """Of a strategy that speaks in turn: what it measured is there; it is heard when targets are made."""
    session_factors(context)
    measured = studies_of(context.conn, context.book.name, context.as_of, [strategy])[strategy]
    with saving(context) as save:
        save.done(measured=len(measured), heard="in turn")
    return save.outcome()


def _heard(context: Context, speaker: Strategy, view: View) -> Signals:
    """What a strategy says, its bundles checked."""
    said = speaker.signals(view)
    check_bundles(speaker, said, context.book.symbols, view.sessions)
    return said


def _bundle_of(spoken: Signals, n: int) -> dict[str, Any]:
    """The columns of a row that say which bundle the symbol is a leg of."""
    if spoken.bundle is None or spoken.ratio is None or not spoken.bundle[0, n]:
        return {"bundle": None, "ratio": None}
    return {"bundle": spoken.bundle[0, n], "ratio": spoken.ratio[0, n]}


def signal_rows(context: Context, strategy: str, spoken: Signals, figures: Figures) -> list[dict[str, Any]]:
    """What one strategy says of the session, of shape (1, n_symbols), as its table holds it."""
    injected = {one.symbol for one in context.injected if one.strategy == strategy}
    return [
        {
            "symbol": symbol,
            "direction": spoken.direction[0, n],
            "side": STORED_SIDES[int(spoken.side[0, n])],
            "strength": spoken.strength[0, n],
            "confidence": spoken.confidence[0, n],
            "reason": spoken.reason[0, n],
            "injected": symbol in injected,
            "figures": None if symbol in injected else figures_of_cell(figures, 0, n),
            **(_bundle_of(spoken, n) if context.desk.has_bundles else {}),
        }
        for n, symbol in enumerate(context.book.symbols)
    ]


def session_view(context: Context) -> View:
    """What the strategies see of the session, without the models of those that learn."""
    book, day = context.book, context.checked().day(returns=False)
    column = book.panel_symbols.index(book.volatility_index)
    bars: dict[str, Any] = {name: day.bars[name][None, : len(book.symbols)] for name in BAR}
    return View(
        symbols=book.symbols,
        sessions=np.array([context.session], dtype="datetime64[D]"),
        **bars,
        vix=day.last_close[None, column],
        factors={name: row[None, :] for name, row in session_factors(context).items()},
        member=None if day.market.member is None else day.market.member[-1:],
        pairs=book.pairs,
    )


def session_factors(context: Context) -> dict[str, Floats]:
    """The stored factors that the book needs, each of shape (n_symbols,); `Refused` where one is missing."""
    stored = read_factors(context.conn, context.book.name, context.as_of, context.book.symbols)
    lacking = [name for name in context.desk.factor_names if name not in stored]
    if lacking:
        raise Refused(
            f"{context.book.name} {context.name}: factors {', '.join(lacking)} are not stored: "
            "run this session's factors step first"
        )
    return {name: stored[name] for name in context.desk.factor_names}
