"""The models of strategies that learn, in the daily run: fitted once, stored, and read by later sessions.

The model of a grid session is fitted by the first run that needs it, usually that of the grid session itself,
on the bars which that run knows. From then on it is live as it was stored, whatever becomes of the bars: only
the run that fitted it fits it again when it is repeated before its session is sealed.
"""

from __future__ import annotations

from typing import Any

from nightdesk.core.calendar import Sessions, as_date
from nightdesk.core.errors import Refused
from nightdesk.factors import compute
from nightdesk.session.context import Context
from nightdesk.session.writing import Saver
from nightdesk.store.model_rows import lock_models, read_model
from nightdesk.strategies import LearningStrategy, Model, Strategy, View


def live_models(context: Context, strategy: Strategy) -> dict[str, tuple[Model, ...]]:
    """The stored model that is live in the session, as `View.models` holds it.

    Empty for a strategy that does not learn; `Refused` where the model is not stored, or was changed.
    """
    if not isinstance(strategy, LearningStrategy):
        return {}
    row = _stored(context, strategy)
    if row is None:
        raise Refused(
            f"{context.book.name} {context.name}: the model of {strategy.name} is not stored: "
            "run this session's signals again"
        )
    return {strategy.name: (_model(row),)}


def fresh_model(context: Context, strategy: LearningStrategy) -> Model | None:
    """The session's live model, where it is this run's to fit; None where another session's run did."""
    row = _stored(context, strategy)
    if row is not None and row["as_of"] != context.as_of:
        return None
    book, panel = context.book, context.usable_panel().until(_live_row(context, strategy) + 1)
    values = compute(panel, strategy.factors, benchmark=book.benchmark, universe=len(book.symbols))
    return strategy.fit(View.of(panel, values, book.symbols, book.volatility_index))


def keep_model(context: Context, save: Saver, strategy: LearningStrategy, fresh: Model | None) -> Model:
    """The live model of the session, stored where it is this run's; in the transaction of its signals.

    Parameters
    ----------
    context : Context
    save : Saver
        Of a sealed session the fresh model is compared with the stored one, and nothing is written.
    strategy : LearningStrategy
    fresh : Model or None
        What `fresh_model` gave before the transaction.
    """
    lock_models(context.conn, context.book.name, strategy.name)
    row = _stored(context, strategy)
    mine = fresh if row is None or row["as_of"] == context.as_of else None
    rows = [] if mine is None else [_row(context, strategy, mine)]
    save.rows_of("models", {"strategy": strategy.name}, rows)
    if mine is not None:
        return mine
    if row is None:
        raise Refused(
            f"{context.book.name} {context.name}: the model of {strategy.name} was cleared "
            "while its signals were made: run this session's signals again"
        )
    return _model(row)


def _live_row(context: Context, strategy: LearningStrategy) -> int:
    """Row of the panel in which the live model was fitted."""
    return int(strategy.live_rows(_sessions(context))[-1])


def _sessions(context: Context) -> Sessions:
    """The sessions of the panel."""
    return context.calendar.between(context.record.origin, context.session)


def _stored(context: Context, strategy: LearningStrategy) -> dict[str, Any] | None:
    fitted = as_date(_sessions(context)[_live_row(context, strategy)])
    recipe = strategy.recipe(context.book.symbols)
    return read_model(context.conn, context.book.name, strategy.name, fitted, recipe)


def _row(context: Context, strategy: LearningStrategy, model: Model) -> dict[str, Any]:
    return {
        "fitted": model.fitted,
        "recipe": strategy.recipe(context.book.symbols),
        "digest": model.digest,
        "first_sample": model.first,
        "last_sample": model.last,
        "samples": model.samples,
        "rising": model.rising,
        "features": model.features,
        "means": model.means,
        "deviations": model.deviations,
        "coefficients": model.coefficients,
        "intercept": model.intercept,
        "log_loss": model.log_loss,
        "accuracy": model.accuracy,
    }


def _model(row: dict[str, Any]) -> Model:
    """The model of a row; `Refused` where its numbers are not those that were stored."""
    model = Model(
        fitted=row["fitted"],
        first=row["first_sample"],
        last=row["last_sample"],
        samples=row["samples"],
        rising=row["rising"],
        features=tuple(row["features"]),
        means=tuple(row["means"]),
        deviations=tuple(row["deviations"]),
        coefficients=tuple(row["coefficients"]),
        intercept=row["intercept"],
        log_loss=row["log_loss"],
        accuracy=row["accuracy"],
    )
    if model.digest != row["digest"]:
        raise Refused(
            f"the model of {row['fitted']} has the digest {model.digest}, and {row['digest']} was stored: "
            f"its row was changed; replay the book from {row['session']} on to fit it again"
        )
    return model
