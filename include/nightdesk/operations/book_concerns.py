"""What stands against a book now, read from the store: the status and the end of `up` tell the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from nightdesk.alerts.concerns import Concern, concerns
from nightdesk.engine.stale import stale_words
from nightdesk.operations.approval import newest_answer
from nightdesk.operations.trading_stage import right_of_started
from nightdesk.session.foreign_orders import words_of
from nightdesk.session.trading_right import NO_RIGHT
from nightdesk.session.unsent_orders import unsent_notes
from nightdesk.store.decision_rows import (
    newest_decisions,
    read_quality,
    silent_strategies,
    uneven_bundles,
)
from nightdesk.store.foreign_order_rows import foreign_orders
from nightdesk.store.health_rows import quarantines_at, read_findings
from nightdesk.store.holdings import stale_holdings_of
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.ledger_rows import disputed_positions, latest_marked, positions_of
from nightdesk.store.member_rows import not_members
from nightdesk.store.override_rows import standing_overrides
from nightdesk.store.risk_state_rows import newest_risk_state, read_risk_events

if TYPE_CHECKING:
    from nightdesk.core.schedule import Schedule
    from nightdesk.risk import RiskState
    from nightdesk.store.db import Connection


def concerns_of(
    conn: Connection, book: str, schedule: Schedule | None, without_file: str = ""
) -> tuple[Concern, ...]:
    """All that stands against a started book after its newest decision, the gravest first.

    Parameters
    ----------
    conn : Connection
    book : str
        Its name.
    schedule : Schedule or None
        When it decides, which names its decisions; None where its file is gone or wrong: by their sessions.
    without_file : str
        Why it has no file, and what to do; empty where it has one.
    """
    switch, risk = kill_switch(conn, book), _answered(conn, book)
    right = right_of_started(conn, book)
    lacks = [] if right is None or not right.why else [f"{NO_RIGHT}: {right.why}"]
    marked = latest_marked(conn, book)
    stale = [] if marked is None else stale_holdings_of(conn, book, marked)
    newest = newest_decisions(conn, book, newest=1)
    foreign = [words_of(one) for one in foreign_orders(conn, book)]
    if not newest:
        by_hand = [one.words for one in standing_overrides(conn, book, date.min)]
        return concerns(
            switch,
            risk,
            foreign=foreign,
            blocked=lacks,
            without_file=without_file,
            by_hand=by_hand,
            schedule=schedule,
        )
    as_of, session = newest[0]["as_of"], newest[0]["session"]
    quality, findings = read_quality(conn, book, as_of), read_findings(conn, book, as_of)
    spells = quarantines_at(conn, book, session, as_of)
    stopped = [row["detail"] for row in findings if row["outcome"] == "stopped"]
    gone = frozenset(not_members(conn, book, as_of)) - held_symbols(conn, book)
    blocked = [] if quality is None or quality.entries_allowed else [quality.reason]
    return concerns(
        switch,
        risk,
        foreign=foreign,
        disputed=disputed_positions(conn, book, as_of),
        without_file=without_file,
        blocked=[*lacks, *(stopped or blocked)],
        failed=_decision(newest[0], schedule) if newest[0]["status"] == "failed" else None,
        unsent=unsent_notes(conn, book, as_of),
        silent=silent_strategies(conn, book, as_of),
        uneven=[one.words for one in uneven_bundles(conn, book, as_of)],
        quarantined=[
            (_since(spells.get(row["symbol"]), schedule), row["detail"])
            for row in findings
            if row["outcome"] == "quarantined" and row["symbol"] not in gone
        ],
        stale=[(row["symbol"], stale_words(row["last_bar"], row["sessions"])) for row in stale],
        by_hand=_by_hand(conn, book, _next_session(newest[0], schedule)),
        schedule=schedule,
    )


def held_symbols(conn: Connection, book: str) -> frozenset[str]:
    """What a book holds at its newest mark."""
    marked = latest_marked(conn, book)
    rows = [] if marked is None else positions_of(conn, book, marked)
    return frozenset(row["symbol"] for row in rows if row["quantity"])


def _decision(row: Mapping[str, Any], schedule: Schedule | None) -> str:
    """What people call a decision, with its name."""
    if schedule is None:
        return f"session {row['session']}"
    return f"{schedule.noun} {schedule.name_of(row['as_of'])}"


def _by_hand(conn: Connection, book: str, session: date) -> list[str]:
    """What people have said that limits the next decision, which lies in `session`."""
    levels = [
        f"drawdown level {one.level} by {one.who} in the decision of {one.session} ({one.reason})"
        for one in read_risk_events(conn, book, session)
        if one.kind == "level" and one.session == session
    ]
    return levels + [one.words for one in standing_overrides(conn, book, session)]


def _next_session(newest: Mapping[str, Any], schedule: Schedule | None) -> date:
    """The session of the decision that is the next to be made."""
    session: date = newest["session"]
    if schedule is None or newest["status"] != "closed":
        return session
    return schedule.session_of(schedule.after(newest["as_of"]))


def _since(spell: Mapping[str, Any] | None, schedule: Schedule | None) -> str:
    """When a spell of quarantine began; empty where it is not known."""
    if spell is None:
        return ""
    return f"since {spell['first_session'] if schedule is None else schedule.name_of(spell['first_as_of'])}"


def _answered(conn: Connection, book: str) -> RiskState | None:
    """Where the book stands with its levels, a yes that counts from the next decision included."""
    answer = newest_answer(conn, book)
    if answer is not None and answer[0].kind != "reject":
        return replace(answer[1], answered_by=answer[0].who)
    found = newest_risk_state(conn, book)
    return None if found is None else found.state
