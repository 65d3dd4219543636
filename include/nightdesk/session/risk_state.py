"""The book's drawdown level in the daily run: read before a decision, kept after it, told to people."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from nightdesk.core.drawdown_levels import Levels
from nightdesk.core.errors import Refused
from nightdesk.engine import Facts, Judged, facts_at
from nightdesk.risk import LevelChange, Override, RiskEvent, RiskState
from nightdesk.risk.levels import REVIEWED
from nightdesk.risk.moves import asks_for, describe, entries_at
from nightdesk.session.context import Context
from nightdesk.session.writing import Saver
from nightdesk.store.db import now
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.message_rows import asking_key, raise_alert
from nightdesk.store.override_rows import overrides_known
from nightdesk.store.risk_state_rows import (
    level_change_row,
    newest_risk_state,
    read_risk_events,
    read_risk_state,
    risk_cap_rows,
    risk_state_row,
    save_risk_event,
)


def session_facts(context: Context) -> Facts:
    """What people and the desk itself have said that counts in the session's decision."""
    book, session = context.book.name, context.session
    switch = kill_switch(context.conn, book, session, context.as_of)
    events = list(read_risk_events(context.conn, book, session, context.as_of))
    if switch.on:
        events.append(RiskEvent(switch.session or session, "kill", switch.reason, switch.who))
    facts = facts_at(events, session, context.as_of, simulates=context.book.simulated)
    return replace(facts, overrides=session_overrides(context))


def session_overrides(context: Context) -> tuple[Override, ...]:
    """What people limit in the decision, as it was known by then."""
    return overrides_known(
        context.conn, context.book.name, context.as_of, context.session, context.known_by()
    )


def risk_before(context: Context) -> RiskState | None:
    """What the decision before left of the book's risk; None where none was ever kept.

    Then the decision begins from the highest NAV known, which judges the drawdown at once.

    Raises
    ------
    Refused
        When earlier decisions left one and the last of them did not: a level must not get lost.
    """
    previous, book = context.previous, context.book.name
    if previous is None:
        return None
    found = read_risk_state(context.conn, book, previous)
    if found is None:
        earlier = newest_risk_state(context.conn, book, previous)
        if earlier is not None:
            schedule = context.schedule
            first, before = schedule.session_of(previous), f"{schedule.noun} {schedule.name_of(previous)}"
            raise Refused(
                f"{book} {context.name}: {before} has left no risk state, and {earlier.session} has: "
                f"run `nightdesk replay {book} --from {first} --to {context.session}` to decide them again"
            )
    return found


def keep_risk(context: Context, save: Saver, judged: Judged) -> None:
    """Keep what a decision made of the book's risk, and tell people of a move and of what they are asked."""
    together = judged.correlations
    numbers = {
        "volatility": judged.volatility,
        "average_correlation": together.average,
        "lowest_correlation": together.lowest,
    }
    save.rows("risk_state", [risk_state_row(judged.risk) | numbers])
    save.rows("risk_caps", risk_cap_rows(judged.risk))
    save.rows("level_changes", [] if judged.change is None else [level_change_row(judged.change)])
    if save.sealed is None:
        _tell_level(context, judged)


def _tell_level(context: Context, judged: Judged) -> None:
    """Tell of a move; of a level that waits for a person in one EMERGENCY, once somebody can see it."""
    levels, risk, change = context.book.levels, judged.risk, judged.change
    if levels is None:
        return
    if risk.waits() and context.as_of == context.schedule.latest_completed(now(context.conn)):
        _ask(context, risk, levels, change)
    elif change is not None and not _was_asked(context, change):
        # Of a past session nobody can be asked: the newest one asks.
        raise_alert(
            context.conn,
            f"level {context.book.name} {change.session} {change.before} {change.after}",
            "CRITICAL" if change.after > max(change.before, 1) else "WARNING",
            f"{context.book.name}: drawdown level {change.after}",
            describe(change, levels),
            book=context.book.name,
            session=change.session,
        )


def _ask(context: Context, risk: RiskState, levels: Levels, change: LevelChange | None) -> None:
    """Note that a person can see this session, and tell what is waited for; once a stay at a level."""
    book, wanted, since = context.book.name, asks_for(risk.level), _since(risk)
    reason = f"drawdown level {risk.level} since {since}"
    save_risk_event(
        context.conn,
        book,
        RiskEvent(context.session, "ask", reason, "desk", after=context.previous),
        key=f"ask {book} {since} {risk.level}",
    )
    entered = (
        f"{book} stands at drawdown level {risk.level} since {since}. {entries_at(risk.level, levels)}"
        if change is None
        else describe(change, levels)
    )
    raise_alert(
        context.conn,
        f"{asking_key(book)}{since} {risk.level}",
        "EMERGENCY",
        f"{book} waits for a person: {wanted} of level {risk.level}",
        f"{entered}\n\nAnswer in the DAG resume__{book}, or by "
        f'`nightdesk resume {book} --reason "..."`; a yes or a no acknowledges this alert. A yes opens the '
        "way back, which begins when the portfolio that the book wants has been calm for some sessions; "
        "without an answer it does not begin.",
        book=book,
        session=context.session,
    )


def _was_asked(context: Context, change: LevelChange) -> bool:
    """Whether a person was told of the stay at a level that a move begins: a rerun has no news then."""
    facts = read_risk_events(context.conn, context.book.name, date.max)
    return change.after >= REVIEWED and any(
        one.kind == "ask" and one.session >= change.session for one in facts
    )


def _since(risk: RiskState) -> date:
    if risk.since is None:
        raise ValueError("a level that waits was entered in a session")
    return risk.since
