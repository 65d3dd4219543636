"""Why positions end and entries were taken away, in words made from stored rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightdesk.engine.exits import (
    UNEVEN_WORDS,
    Cause,
    age_words,
    bundle_words,
    dropped_words,
    kept_words,
    sessions_held,
    stop_words,
    target_words,
)
from nightdesk.session.context import Context
from nightdesk.store.decision_rows import read_quality, targets_of
from nightdesk.store.ledger_rows import positions_of

#: Of causes that have no numbers of their own.
PLAIN = {
    Cause.NONE: "",
    Cause.OPENS: "opens",
    Cause.SIGNAL: "left by its signal",
    Cause.SUPERSEDED: "superseded by another entry",
    Cause.CORRELATED: "moves with another symbol",
    Cause.UNEVEN: UNEVEN_WORDS,
    Cause.CONDITION: "a condition on entries does not hold",
}


#: Causes by which a position is left, or kept, whatever its signal says.
ENDED = (Cause.STOP, Cause.TARGET, Cause.AGE, Cause.BUNDLE, Cause.UNEVEN, Cause.KEPT)


def why_of(context: Context, target: Mapping[str, Any]) -> str:
    """Why a strategy wants what a row of the session's targets says; empty where it wants nothing new."""
    cause = Cause(target["cause"])
    if cause in PLAIN:
        return PLAIN[cause]
    if cause in (Cause.BUNDLE, Cause.KEPT):
        return _with_its_bundle(context, target, cause)
    key = (target["strategy"], target["symbol"])
    rows = positions_of(context.conn, context.book.name, context.as_of)
    held = next((row for row in rows if (row["strategy"], row["symbol"]) == key and row["quantity"]), None)
    if held is None or held["entry_session"] is None:
        return f"left by its {cause.name.lower()}"
    if cause in (Cause.STOP, Cause.TARGET):
        average, price = float(held["cost"] / held["quantity"]), float(held["price"])
        if cause == Cause.STOP:
            return stop_words(price, average, float(target["stop_distance"]))
        return target_words(price, average, float(target["target_distance"]))
    age = sessions_held(context.book.calendar, held["entry_session"], context.session)
    plan = context.desk.exit_plans[target["strategy"]]
    return age_words(age, plan.sessions or age)


def _with_its_bundle(context: Context, target: Mapping[str, Any], cause: Cause) -> str:
    """Why a leg goes, is not opened, or stays, by the other legs of its bundle."""
    conn, book, as_of = context.conn, context.book.name, context.as_of
    rows = targets_of(conn, book, as_of)
    key = (target["strategy"], target["bundle"])
    legs = [
        row for row in rows if (row["strategy"], row["bundle"]) == key and row["symbol"] != target["symbol"]
    ]
    if cause == Cause.KEPT:
        quality = read_quality(conn, book, as_of)
        every = {target["symbol"], *(row["symbol"] for row in legs)}
        stuck = every & set(() if quality is None else quality.quarantined)
        return kept_words(sorted(stuck))
    if not target["held"]:
        return "not opened, as another leg of its bundle"
    own = next((row for row in legs if row["cause"] not in (Cause.BUNDLE, Cause.NONE, Cause.OPENS)), None)
    return bundle_words("" if own is None else own["symbol"], "" if own is None else why_of(context, own))


def ends_of(context: Context) -> dict[tuple[str, str], str]:
    """Why positions are left beside what signals say of them: stops, targets and ages of a decision."""
    rows = targets_of(context.conn, context.book.name, context.as_of)
    ended = [row for row in rows if row["cause"] in ENDED]
    return {(row["strategy"], row["symbol"]): why_of(context, row) for row in ended}


def dropped_of(row: Mapping[str, Any]) -> str:
    """Why a filter took away the entry of a row of the session's dropped entries."""
    return dropped_words(row["filter"], row["other"], row["observed"], row["filter_limit"], row["words"])
