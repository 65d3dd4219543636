"""The steps of a session, one function per task, and all of them in order.

Every attempt at a step is recorded in `run_steps`, by statements of their own that stand whatever becomes of
the attempt. A step returns small counts; of a sealed session it writes nothing and counts what differs.

A **dry run** computes everything and keeps nothing. Its `ingest` stores bars, which are facts of the market
and no decision; every other step runs all the steps up to itself within one transaction and rolls it back, so
each may be asked alone. Nothing is sent, and the page of its report is a file beside the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from nightdesk.core.book import Book
from nightdesk.core.errors import NotYet, Refused
from nightdesk.core.leaves import changed_leaves
from nightdesk.core.masking import mask_line
from nightdesk.session.code_agreement import agree_on_code
from nightdesk.session.context import Context, ensure_started
from nightdesk.session.writing import StepOutcome
from nightdesk.store.book_rows import book_version
from nightdesk.store.db import transaction
from nightdesk.store.run_rows import StoredRun, end_step, find_run, open_attempt, sealed_because
from nightdesk.version import code_version

#: So many changed keys are named; a book that was written anew has hundreds.
KEYS_NAMED = 8


def changed_since(context: Context, run: StoredRun) -> str:
    """What differs between the code and book that decided a session and those of now; empty for nothing."""
    words, now = [], code_version(context.desk)
    if run.code_version != now:
        words.append(f"decided by version {run.code_version}, now {now}")
    if run.config_hash != context.book.config_hash:
        words.append(f"book changed: {book_changes(context, run)}")
    return "; ".join(words)


def book_changes(context: Context, run: StoredRun) -> str:
    """The keys of the book that differ from those that decided a session, as ``key: then -> now``."""
    before = book_version(context.conn, run.book, run.config_hash)
    if before is None:
        return "which keys is not known, as it was decided before the desk kept what books say"
    keys = changed_leaves(before, said_by(context.book))
    more = [f"and {len(keys) - KEYS_NAMED} more"] if len(keys) > KEYS_NAMED else []
    return mask_line(", ".join([*keys[:KEYS_NAMED], *more]))


def said_by(book: Book) -> Mapping[str, Any]:
    """All that a book decides by, as JSON writes it."""
    said: Mapping[str, Any] = json.loads(book.configuration)
    return said


Counts = dict[str, int | str]

#: The steps in the order in which one process runs them; `signals` stands for one step per strategy.
STEPS = (
    "ingest", "quality", "factors", "regime", "signals",
    "settle", "targets", "gate", "orders", "submit", "report", "close",
)  # fmt: skip

#: The steps that depend on positions: they run in the order of decisions, under the book's lock.
IN_TURN = frozenset(STEPS[STEPS.index("settle") :])


def ingest(context: Context) -> Counts:
    """Bars and corporate actions up to the session, from the first feed that answers well."""
    from nightdesk.session import ingest as ingest_step
    from nightdesk.session.member_list import with_list_of_now
    from nightdesk.session.open_check import check_before_open

    if context.dry_run and not context.rehearsing:
        listed, counts = with_list_of_now(context)
        stored = ingest_step.store_market(listed).counts
        return {**counts, **stored, **check_before_open(listed)[1]}
    return _perform(context, "ingest", ingest_step.ingest)


def quality(context: Context) -> Counts:
    """The checks of the data: bad symbols are quarantined, a bad benchmark or VIX stops the run."""
    from nightdesk.session import quality_step

    return _perform(context, "quality", quality_step.quality)


def factors(context: Context) -> Counts:
    """One number per factor and symbol."""
    from nightdesk.session import signals as signals_step

    return _perform(context, "factors", signals_step.factors)


def regime(context: Context) -> Counts:
    """The market state, from VIX."""
    from nightdesk.session import signals as signals_step

    return _perform(context, "regime", signals_step.regime)


def signals(context: Context, strategy: str) -> Counts:
    """What one strategy says of every symbol."""
    from nightdesk.session import signals as signals_step

    return _perform(context, f"signals:{strategy}", partial(signals_step.signals, strategy=strategy))


def settle(context: Context) -> Counts:
    """Wait for the book's turn; fills are booked, ledger and broker are reconciled, the book is marked."""
    from nightdesk.session import settle as settle_step

    return _perform(context, "settle", settle_step.settle)


def targets(context: Context) -> Counts:
    """The positions that the book wants."""
    from nightdesk.session import decide

    return _perform(context, "targets", decide.targets)


def gate(context: Context) -> Counts:
    """The risk rules: approve, cut or reject."""
    from nightdesk.session import decide

    return _perform(context, "gate", decide.gate)


def orders(context: Context) -> Counts:
    """What passed the gate, netted into orders and written as planned."""
    from nightdesk.session import decide

    return _perform(context, "orders", decide.orders)


def submit(context: Context) -> Counts:
    """Send each planned order to the broker, exactly once."""
    from nightdesk.session import submit as submit_step

    return _perform(context, "submit", submit_step.submit)


def report(context: Context) -> Counts:
    """The page of the session, stored and written to the folder of reports."""
    from nightdesk.session import report as report_step

    return _perform(context, "report", report_step.report)


def close(context: Context) -> Counts:
    """Compare what should exist with what does, raise missing alerts, and seal the session."""
    from nightdesk.session import close as close_step

    return _perform(context, "close", close_step.close)


def run_session(
    context: Context,
    progress: Callable[[str], None] = lambda step: None,
    first: str = STEPS[0],
    last: str = STEPS[-1],
) -> dict[str, Counts]:
    """Run the steps of a session in order, in this process; by default all of them.

    Parameters
    ----------
    context : Context
        The session.
    progress : callable
        Told the name of each step before it begins.
    first, last : str
        Names among `STEPS`; a dry run has all of them.

    Returns
    -------
    dict of step to counts
        In the order of the steps; a strategy that failed has the count ``failed``.

    Raises
    ------
    NightdeskError
        What a step raised; a strategy's failure only when none of them spoke.
    """
    if context.dry_run:
        progress("ingest")
        stored = ingest(context)
        done = _rehearse(context, _plan(context), progress)
        return {**done, "ingest": stored}
    return _run(context, _plan(context, first, last), progress)


def _plan(context: Context, first: str = STEPS[0], last: str = STEPS[-1]) -> list[str]:
    names: list[str] = []
    for step in STEPS[STEPS.index(first) : STEPS.index(last) + 1]:
        names += [f"signals:{one}" for one in context.book.strategies] if step == "signals" else [step]
    return names


def _run(context: Context, plan: list[str], progress: Callable[[str], None]) -> dict[str, Counts]:
    done: dict[str, Counts] = {}
    failure: Exception | None = None
    for name in plan:
        progress(name)
        step, _, strategy = name.partition(":")
        if strategy:
            try:
                done[name] = signals(context, strategy)
            except Exception as error:  # noqa: BLE001 (a defect in one strategy must not silence the others)
                done[name], failure = {"failed": f"{type(error).__name__}: {error}"}, error
            continue
        heard = [
            counts for one, counts in done.items() if one.startswith("signals:") and "failed" not in counts
        ]
        if failure is not None and not heard:
            raise failure
        done[name] = _STEP[step](context)
    return done


def _perform(context: Context, name: str, body: Callable[[Context], StepOutcome]) -> Counts:
    if context.dry_run and not context.rehearsing:
        plan = _plan(context)
        return _rehearse(context, plan[: plan.index(name) + 1])[name]
    ensure_started(context)
    turn_after = context.previous if name in IN_TURN else None
    attempt = open_attempt(context.conn, context.new_run(), name, context.task, turn_after)
    try:
        with context.working_on(attempt):
            agree_on_code(context, attempt, name)
            another = None if name == "ingest" else _of_another_book(context, attempt.run)
            listed = context if name == "ingest" and not context.rehearsing else context.as_listed()
            outcome = body(listed) if another is None else another
    except BaseException as error:
        if not context.conn.closed:
            status = "waiting" if isinstance(error, NotYet) else "failed"
            words = f"{type(error).__name__}: {error}"
            end_step(context.conn, attempt.number, status, error=words, unlock=attempt.locks)
        raise
    told = outcome.told()
    if attempt.has_ended:
        return told
    if outcome.sealed is not None:
        told |= _changed(context)
    end_step(
        context.conn,
        attempt.number,
        "done" if outcome.sealed is None else "compared",
        counts=told,
        differences=outcome.differences,
        unlock=attempt.locks,
    )
    return told


def _changed(context: Context) -> Counts:
    """In words, what differs from the code and the book that decided a sealed session."""
    run = find_run(context.conn, context.book.name, context.as_of)
    words = "" if run is None else changed_since(context, run)
    return {"changed": words} if words else {}


def _of_another_book(context: Context, run: StoredRun) -> StepOutcome | None:
    """What is said of a session that was begun before the book's file was changed; None when it was not.

    Two books do not share a decision. A session that is closed differs, and is not computed again.

    Raises
    ------
    Refused
        When the session is still open.
    """
    if run.known_by is None or run.config_hash == context.book.config_hash:
        return None
    closed = sealed_because(context.conn, run.book, run.as_of, by_sending=False)
    if closed is not None:
        return StepOutcome({}, closed, (changed_since(context, run),))
    sent = sealed_because(context.conn, run.book, run.as_of) is not None
    raise Refused(
        f"the file of book {run.book} has changed since session {run.session} was begun "
        f"({book_changes(context, run)}): "
        + (
            "restore it until the session is closed"
            if sent
            else "run the session again from its ingest step on"
        )
    )


class _RollBack(Exception):
    """Ends the transaction of a rehearsal."""


def _rehearse(
    context: Context, plan: list[str], progress: Callable[[str], None] = lambda name: None
) -> dict[str, Counts]:
    """Run steps and keep nothing of what they wrote."""
    done: dict[str, Counts] = {}
    try:
        with transaction(context.conn):
            done = _run(replace(context, rehearsing=True), plan, progress)
            raise _RollBack
    except _RollBack:
        return done


_STEP: dict[str, Callable[[Context], Counts]] = {
    "ingest": ingest,
    "quality": quality,
    "factors": factors,
    "regime": regime,
    "settle": settle,
    "targets": targets,
    "gate": gate,
    "orders": orders,
    "submit": submit,
    "report": report,
    "close": close,
}
