"""The steps that depend on no position: factors, the regime, the signals of each strategy."""

from __future__ import annotations

import numpy as np

from nightdesk.errors import Refused
from nightdesk.factors import STANDARD, compute
from nightdesk.panel import Floats
from nightdesk.pipeline.context import Context
from nightdesk.pipeline.saving import Outcome, saving
from nightdesk.regime import classify
from nightdesk.store.decisions import factor_set, read_factors
from nightdesk.strategies import View


def factors(context: Context) -> Outcome:
    """The desk's own factors and those that the book needs, of every symbol at the session."""
    names = tuple(dict.fromkeys((*STANDARD, *context.desk.factor_names)))
    panel = context.panel()
    values = compute(panel, names, benchmark=context.book.benchmark)
    table = np.stack([values[name][-1] for name in names], axis=1)
    with saving(context) as save:
        number = factor_set(context.conn, names)
        rows = [
            {"symbol": symbol, "factor_set_id": number, "factor_values": table[n]}
            for n, symbol in enumerate(panel.symbols)
        ]
        save.rows("factors", rows)
    return save.outcome(symbols=len(rows), factors=len(names))


def regime(context: Context) -> Outcome:
    """The band of the newest close of the volatility index."""
    panel, book = context.panel(), context.book
    column = panel.column(book.volatility_index)
    vix, age = float(panel.last_close[-1, column]), int(panel.age[-1, column])
    if age < 0:
        raise Refused(
            f"{book.name} {context.session}: {book.volatility_index} has no bar up to this session, "
            "so no regime is known: bring its bars in, then run this session's ingest step again"
        )
    band = int(classify(np.array([vix]), book.regime)[0])
    with saving(context) as save:
        save.rows("regimes", [{"band": band, "regime": book.regime[band].name, "vix": vix, "vix_age": age}])
    return save.outcome(regime=book.regime[band].name)


def signals(context: Context, strategy: str) -> Outcome:
    """What one strategy says of every symbol, from the stored factors."""
    if strategy not in context.desk.strategies:
        raise Refused(
            f"{strategy} is not a strategy of book {context.book.name}: "
            f"known are {', '.join(context.desk.strategies)}"
        )
    spoken = context.desk.strategies[strategy].signals(session_view(context))
    rows = [
        {
            "symbol": symbol,
            "direction": spoken.direction[0, n],
            "strength": spoken.strength[0, n],
            "confidence": spoken.confidence[0, n],
            "reason": spoken.reason[0, n],
        }
        for n, symbol in enumerate(context.book.symbols)
    ]
    with saving(context) as save:
        save.rows_of("signals", {"strategy": strategy}, rows)
    buys = int((spoken.direction > 0).sum())
    return save.outcome(buys=buys, sells=int((spoken.direction < 0).sum()), symbols=len(rows))


def session_view(context: Context) -> View:
    """What the strategies see of the session."""
    panel, book = context.panel(), context.book
    n = len(book.symbols)
    column = panel.column(book.volatility_index)
    return View(
        symbols=book.symbols,
        sessions=panel.sessions[-1:],
        close=panel.close[-1:, :n],
        vix=panel.last_close[-1:, column],
        factors={name: row[None, :] for name, row in session_factors(context).items()},
    )


def session_factors(context: Context) -> dict[str, Floats]:
    """The stored factors that the book needs, each of shape (n_symbols,); `Refused` where one is missing."""
    stored = read_factors(context.conn, context.book.name, context.session, context.book.symbols)
    lacking = [name for name in context.desk.factor_names if name not in stored]
    if lacking:
        raise Refused(
            f"{context.book.name} {context.session}: factors {', '.join(lacking)} are not stored: "
            "run this session's factors step first"
        )
    return {name: stored[name] for name in context.desk.factor_names}
