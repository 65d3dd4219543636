"""What the checks of the data found at a decision, as rows of `quality_runs`, and since when it lasts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.core.calendar import as_instant
from nightdesk.session.context import Context

if TYPE_CHECKING:
    from nightdesk.feeds.quality import Finding

#: Under which name the table of the checks holds judgements on corporate actions.
ACTIONS_CHECK = "corporate_action"

#: What a finding's outcome is called in the table of the checks.
_OUTCOME = {"pass": "passed", "warn": "warned", "quarantine": "quarantined", "stop": "stopped"}


def finding_rows(context: Context, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Rows of the findings of days, of what the checks of the decision's hour found wrong, and of judgements
    on corporate actions.
    """
    examined, t = context.examined(), len(context.panel().days) - 1
    of_days = [
        _row(one.check, one, "" if one.outcome == "pass" else examined.explain(one, t)) for one in findings
    ]
    return [*of_days, *_hour_rows(context), *_action_rows(context)]


def _row(name: str, one: Finding, detail: str) -> dict[str, Any]:
    return {
        "check_name": name,
        "symbol": one.symbol,
        "value": None if math.isnan(one.value) else one.value,
        "limit_value": None if math.isnan(one.limit) else one.limit,
        "outcome": _OUTCOME[one.outcome],
        "detail": detail,
    }


def _hour_rows(context: Context) -> list[dict[str, Any]]:
    """What the checks of the decision's hour found wrong; nothing for a book that decides by sessions."""
    from nightdesk.feeds.hourly_quality import OF_HOURS

    sound = context.checked().hours
    if sound is None:
        return []
    t = len(sound.panel) - 1
    said, book = sound.checks, context.book.name
    return [
        _row(f"{OF_HOURS}{one.check}", one, said.explain(one, t, context.schedule, book))
        for one in said.findings(t)
    ]


def _action_rows(context: Context) -> list[dict[str, Any]]:
    """What was inferred, asked or refused of the session's corporate actions, a row a symbol."""
    panel = context.panel()
    by_symbol: dict[str, list[str]] = {}
    for one in panel.findings:
        if one.session == panel.sessions[-1]:
            by_symbol.setdefault(one.symbol, []).append(f"{one.outcome}: {one.sentence(context.book.name)}")
    return [
        {
            "check_name": ACTIONS_CHECK,
            "symbol": symbol,
            "value": None,
            "limit_value": None,
            "outcome": "warned",
            "detail": "; ".join(sentences),
        }
        for symbol, sentences in sorted(by_symbol.items())
    ]


def quarantined_since(context: Context) -> dict[str, str]:
    """The first decision of each quarantine that goes on, by symbol, on all rows of the panel."""
    panel, held = context.panel(), context.checked().withheld.quarantined
    found = {}
    for n in np.flatnonzero(held[-1]):
        before = np.flatnonzero(~held[:, n])
        row = before[-1] + 1 if len(before) else 0
        found[panel.symbols[n]] = (
            str(panel.sessions[row])
            if panel.hours is None
            else context.schedule.name_of(as_instant(panel.hours.instants[row]))
        )
    return found
