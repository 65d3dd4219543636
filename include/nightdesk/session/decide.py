"""The steps that decide: targets, the gate, the orders that are planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nightdesk import engine
from nightdesk.core.cell_figures import Figures, figures_of_cell
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.engine import Carried, Day, State, Targets
from nightdesk.engine.exits import other_of
from nightdesk.engine.inputs import Unscaled
from nightdesk.orders.order import Cross, Order, marked
from nightdesk.orders.resting import Protected
from nightdesk.portfolio import Bundles, Dropped
from nightdesk.session.auto_stop import Counts, stop_by_rule
from nightdesk.session.context import Context
from nightdesk.session.loading import session_day, session_market, session_state, settled_state
from nightdesk.session.reading_ahead import decision_asks, ledger_asks, stored_orders_asks
from nightdesk.session.risk_state import keep_risk
from nightdesk.session.sequencing import in_turn
from nightdesk.session.signals import session_view, signal_rows
from nightdesk.session.tax import keep_view, taxed
from nightdesk.session.writing import Saver, StepOutcome, saving
from nightdesk.store.ahead import reading_once
from nightdesk.store.decision_rows import (
    all_silent,
    bundles_of,
    by_position,
    gated_of,
    target_scale,
    targets_of,
    verdict_row,
)
from nightdesk.store.installation import installation_mark
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import cross_rows, intent_rows, order_rows, orders_of, planned_event
from nightdesk.store.protection_rows import protection_rows, resting_orders
from nightdesk.store.risk_report_rows import risk_report_rows
from nightdesk.store.turn_rows import state_rows
from nightdesk.strategies.strategy import Codes


def targets(context: Context) -> StepOutcome:
    """Size what the strategies want."""
    with in_turn(context):
        with reading_once(context.conn, decision_asks(context)):
            state, day = session_state(context), session_day(context)
        day = engine.heard(context.desk, state, day)
        wanted = engine.targets(context.desk, state, day)
        rows = _by_position(
            context,
            held=wanted.held,
            quantity=wanted.quantity,
            weight=wanted.weight,
            confidence=wanted.confidence,
            **{name: getattr(wanted.carried, name) for name in Carried.names()},
            cause=wanted.cause,
        )
        figures = engine.sizing_figures(context.desk, state, day)
        if figures:
            rows = _with_figures(context, rows, figures)
        if wanted.bundles is not None:
            rows = _with_bundles(context, rows, wanted.bundles)
        with saving(context) as save:
            _keep_turns(context, save, day)
            save.speaking("targets", {}, rows, by=("held", "quantity", "cause", *Carried.names()))
            save.rows("dropped_entries", [_dropped_row(context, one) for one in wanted.dropped])
            save.rows("target_scales", [{"volatility": wanted.volatility, "scale": wanted.scale}])
            changes = int((wanted.quantity != wanted.held).any(axis=0).sum())
            barred = sum(one.filter == "condition" for one in wanted.dropped)
            told = {"barred": barred} if context.desk.entry_conditions else {}
            save.done(changes=changes, scale=f"{wanted.scale:.4f}", **told)
        return save.outcome()


def _keep_turns(context: Context, save: Saver, day: Day) -> None:
    """Keep what strategies said in their turn, and what they leave to the next one."""
    for name, one in day.spoken.items():
        speaker = context.desk.strategies[name]
        seen = replace(session_view(context), turns={name: (one.states,)})
        rows = signal_rows(context, name, one.signals, speaker.figures(seen, one.signals))
        save.speaking("signals", {"strategy": name}, rows, by=("direction", "reason"))
        save.flush()  # a table is named once a statement
    for table, left in state_rows({name: one.states for name, one in day.spoken.items()}).items():
        save.rows(table, left)


def gate(context: Context) -> StepOutcome:
    """Put the stored targets through the risk rules."""
    with in_turn(context):
        with reading_once(context.conn, decision_asks(context, "target_rows", "target_scale")):
            wanted = _stored_targets(context)
            state, day = taxed(context, session_state(context)), session_day(context)
        gated = engine.gate(context.desk, state, day, wanted)
        told = engine.risk_report(context.desk, state, day, gated)
        spoken = gated.verdicts(context.book.symbols)
        with saving(context) as save:
            save.rows("verdicts", [verdict_row(one) for one in spoken])
            # What is held and sold whole is let through as 0: that says something.
            left = _by_position(context, quantity=gated.quantity, held=wanted.held)
            save.speaking("gated", {}, left, by=("quantity", "held"), without=("held",))
            keep_risk(context, save, gated.judged)
            for table, lines in risk_report_rows(told).items():
                save.rows(table, lines)
            keep_view(context, save, state.tax)
            if save.sealed is None:
                _stop_by_breaker(context, state, gated)
                _tell_breaches(context, gated)
            actions = [one.action for one in spoken]
            counts = {name: actions.count(name) for name in ("approve", "cut", "reject")}
            save.done(level=gated.judged.risk.level, **counts)
        return save.outcome()


def orders(context: Context) -> StepOutcome:
    """Write the orders that lead to what the gate left, as planned, and what needs none; nothing is sent."""
    with in_turn(context):
        with reading_once(context.conn, ledger_asks(context)):
            state, day = settled_state(context), session_market(context).day(-1)
            quantity = _stored_quantity(context)
            resting = resting_orders(context.conn, context.book.name, context.as_of)
        desk, bundles, carried = context.desk, _bundles(context), _carried(context)
        planned, crosses = engine.plan_all(desk, state, day, quantity, bundles)
        protected = engine.plan_protection(desk, state, day, quantity, carried, resting)
        # Exits have the id of their entry, so that this has the one that it leaves with before.
        sent = engine.bracketed(desk, state, _marked(context, planned), carried)
        protected = (*_marked_too(context, protected), *sent.protected)
        return write_orders(context, sent.orders, crosses, protected)


def write_orders(
    context: Context,
    planned: Sequence[Order],
    crosses: Sequence[Cross],
    protected: Sequence[Protected] = (),
) -> StepOutcome:
    """Write the orders of a session with their intents and first events, its crosses and what it does for the
    protection of positions, in one go.
    """
    causes = {one.order.client_order_id: one.words for one in protected if one.order is not None}
    planned = [*planned, *engine.placed_by(protected)]
    with saving(context, ahead=stored_orders_asks(context)) as save:
        with reading_once(context.conn):
            stored = orders_of(context.conn, context.book.name, context.as_of)
        # A second try is no part of the decision: it stays as the person who asked for it left it.
        again = [one.order for one in stored if one.order.generation]
        save.rows("orders", order_rows([*planned, *again]))
        save.rows("order_intents", intent_rows([*planned, *again]))
        save.rows("crosses", cross_rows(crosses))
        save.rows("protections", protection_rows(protected))
        decided = [planned_event(one, causes.get(one.client_order_id, "decided")) for one in planned]
        save.add("order_events", decided)
        told = {"protected": len(protected)} if protected else {}
        save.done(orders=len(planned), crosses=len(crosses), **told)
    return save.outcome()


def _marked_too(context: Context, protected: Sequence[Protected]) -> tuple[Protected, ...]:
    """The same with the orders that they place, marked."""
    orders = iter(_marked(context, engine.placed_by(protected)))
    return tuple(one if one.order is None else replace(one, order=next(orders)) for one in protected)


def _carried(context: Context) -> Carried:
    """What the stored targets carry on; read where something may rest by it."""
    if not context.desk.protective:
        return Carried.nothing((len(context.desk.strategies), len(context.book.symbols)))
    rows = targets_of(context.conn, context.book.name, context.as_of)
    return Carried.of(_as_arrays(context, rows, *Carried.names()))


def _marked(context: Context, planned: Sequence[Order]) -> list[Order]:
    """Orders for a real broker with this installation's mark; one that is stored keeps the id that it has."""
    if context.book.simulated:
        return list(planned)
    mark = installation_mark(context.conn)
    stored = {one.order.client_order_id for one in orders_of(context.conn, context.book.name, context.as_of)}
    return [
        one if one.client_order_id in stored or context.book.is_simulated(one.account) else marked(one, mark)
        for one in planned
    ]


def _stop_by_breaker(context: Context, state: State, gated: engine.Gated) -> None:
    """Stop the book from its next decision on where a rule says so; the breaker itself serves until then."""
    reason, book = engine.kill_reason(state, gated), context.book.name
    if reason is not None:
        key = f"breaker {book} {context.name}"
        following = context.schedule.session_of(context.schedule.after(context.as_of))
        counts = Counts(following, context.as_of)
        stop_by_rule(context.conn, book, rule="breaker", reason=reason, key=key, counts=counts)


def _tell_breaches(context: Context, gated: engine.Gated) -> None:
    """Tell people of limits of the whole book that were passed and ask for an alert, each once."""
    book, session = context.book, context.session
    for breach in gated.breaches:
        if breach.level:
            raise_alert(
                context.conn,
                f"breach {book.name} {breach.rule} {breach.key or context.name}",
                breach.level,
                f"{book.name} {session}: {breach.note} beyond the limit of {breach.rule}",
                f"{breach.words[0].upper()}{breach.words[1:]}.\n\n"
                f"`nightdesk risk {book.name}` shows every limit with its room.",
                book=book.name,
                session=session,
            )


def _by_position(context: Context, **arrays: Floats | Codes) -> list[dict[str, Any]]:
    """A row a strategy and symbol from arrays of shape (n_strategies, n_symbols)."""
    return [
        {"strategy": strategy, "symbol": symbol, **{name: values[s, n] for name, values in arrays.items()}}
        for s, strategy in enumerate(context.desk.strategies)
        for n, symbol in enumerate(context.book.symbols)
    ]


def _with_figures(context: Context, rows: list[dict[str, Any]], figures: Figures) -> list[dict[str, Any]]:
    """Rows of `_by_position` with what is shown of each."""
    row, column = context.desk.strategy_row, context.desk.column
    return [
        {**one, "figures": figures_of_cell(figures, row[one["strategy"]], column[one["symbol"]])}
        for one in rows
    ]


def _with_bundles(context: Context, rows: list[dict[str, Any]], bundles: Bundles) -> list[dict[str, Any]]:
    """Rows of `_by_position` with the bundle of each."""
    row, column = context.desk.strategy_row, context.desk.column
    return [{**one, **_bundle_columns(bundles, row[one["strategy"]], column[one["symbol"]])} for one in rows]


def _bundle_columns(bundles: Bundles, s: int, n: int) -> dict[str, int | float | None]:
    """The columns of a row of targets that say which bundle a position is a leg of."""
    code = int(bundles.code[s, n])
    if not code:
        return {"bundle": None, "ratio": None, "uneven": None}
    return {"bundle": code, "ratio": float(bundles.ratio[s, n]), "uneven": int(bundles.uneven[s, n])}


def _bundles(context: Context) -> Bundles | None:
    """What belongs together by the stored targets; None in a book without bundles."""
    if not context.desk.has_bundles:
        return None
    found = bundles_of(
        context.conn, context.book.name, context.as_of, tuple(context.desk.strategies), context.book.symbols
    )
    return Bundles(found.code, found.ratio, found.uneven)


def _dropped_row(context: Context, dropped: Dropped) -> dict[str, Any]:
    """An entry that a filter took away, as its table holds it."""
    return {
        "strategy": tuple(context.desk.strategies)[dropped.strategy],
        "symbol": context.book.symbols[dropped.symbol],
        "filter": dropped.filter,
        "other": other_of(context.desk, dropped),
        "observed": dropped.value,
        "filter_limit": dropped.limit,
        "words": dropped.words or None,
    }


def _as_arrays(context: Context, rows: list[dict[str, Any]], *names: str) -> dict[str, Floats]:
    """The way back of `_by_position`."""
    return by_position(rows, tuple(context.desk.strategies), context.book.symbols, names)


def _stored_targets(context: Context) -> Targets:
    book, as_of = context.book.name, context.as_of
    scale = target_scale(context.conn, book, as_of)
    if scale is None:
        raise Refused(f"{book} {context.name} has no targets: run its targets step first")
    rows = targets_of(context.conn, book, as_of)
    arrays = _as_arrays(context, rows, "held", "quantity", "weight", "confidence", "cause", *Carried.names())
    cause = arrays.pop("cause").astype(np.int8)
    carried = Carried.of({name: arrays.pop(name) for name in Carried.names()}, _bundles(context))
    numbers: dict[str, Any] = {**arrays, "scale": scale["scale"]}
    return Targets(**numbers, carried=carried, cause=cause, unscaled=Unscaled.measured(scale["volatility"]))


def _stored_quantity(context: Context) -> Floats:
    """What the gate let through, of shape (n_strategies, n_symbols)."""
    book, as_of = context.book.name, context.as_of
    rows = gated_of(context.conn, book, as_of)
    if not rows and not (context.book.members and all_silent(context.conn, book, as_of, "gated")):
        raise Refused(f"{book} {context.name} has not passed the gate: run its gate step first")
    return _as_arrays(context, rows, "quantity")["quantity"]
