"""How a book, a source or an alert stands: one order, the gravest first, wherever people read of it.

The status, the page of a session and the lists of sources and alerts sort by it, and share words and colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from nightdesk.core.schedule import Schedule
from nightdesk.risk import RiskState
from nightdesk.risk.levels import LOWEST_LASTING
from nightdesk.risk.moves import in_short
from nightdesk.store.kill_switch_rows import KillSwitchState

#: Levels of alerts, states of sources and outcomes of checks that were not passed, the gravest first.
LEVELS = ("EMERGENCY", "CRITICAL", "WARNING", "INFO")
SOURCES = ("open circuit", "degraded", "healthy")
FINDINGS = ("stopped", "quarantined", "warned")


class Gravity(StrEnum):
    """How a book may stand, in a word, the gravest first."""

    STOPPED = "stopped"
    WAITS = "waits for a person"
    FOREIGN = "foreign order"
    REDUCES = "only reduces"
    FILELESS = "no file"
    FAILED = "failed"
    UNSENT = "not in the market"
    UNEVEN = "uneven bundle"
    DEGRADED = "degraded"
    QUARANTINE = "in quarantine"
    STALE = "stale"
    LIMITED = "limited"
    WELL = "well"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Gravity).index(self)

    @property
    def colour(self) -> str:
        """A class of the page's style, for what stands against a book."""
        return "loss" if self.rank <= Gravity.UNSENT.rank else "warn"


@dataclass(frozen=True)
class Concern:
    """One thing that stands against a book: `about` says since when or of what, `words` why."""

    state: Gravity
    words: str
    about: str = ""

    @property
    def head(self) -> str:
        """The state and what it is about, as ``stopped since 2026-11-19 by ann``."""
        return f"{self.state} {self.about}".rstrip()

    @property
    def line(self) -> str:
        """The whole of it in one line, its state in capitals."""
        return f"{self.state.upper()} {self.about}".rstrip() + f": {self.words}"


def concerns(
    switch: KillSwitchState,
    risk: RiskState | None = None,
    *,
    foreign: Sequence[str] = (),
    disputed: Mapping[str, str] = MappingProxyType({}),
    blocked: Sequence[str] = (),
    without_file: str = "",
    failed: str | None = None,
    unsent: Sequence[str] = (),
    silent: Sequence[str] = (),
    uneven: Sequence[str] = (),
    quarantined: Sequence[tuple[str, str]] = (),
    stale: Sequence[tuple[str, str]] = (),
    by_hand: Sequence[str] = (),
    schedule: Schedule | None = None,
) -> tuple[Concern, ...]:
    """All that stands against a book, the gravest first; empty where all is well.

    Parameters
    ----------
    switch : KillSwitchState
        The kill switch.
    risk : RiskState, optional
        After the newest decision; None where the book has no levels, or has decided nothing.
    foreign : sequence of str
        Orders at the account that are not the book's.
    disputed : mapping of symbol to str
        Why ledger and broker may differ in a position.
    blocked : sequence of str
        Why nothing may be opened, beside the switch and the level.
    without_file : str
        Why the book has no file; empty where it has one.
    failed : str, optional
        The decision that failed, as ``session 2026-11-19``.
    unsent : sequence of str
        Orders of the session that came to nothing, and why.
    silent : sequence of str
        Strategies that gave no signals.
    uneven : sequence of str
        Bundles whose legs are not at their ratio.
    quarantined, stale : sequence of (about, words)
        Symbols whose prices are held back, and held ones without a bar.
    by_hand : sequence of str
        What people limit in it.
    schedule : Schedule, optional
        The book's, which names decisions; None: they are named by their sessions.
    """
    found = [
        *_switch(switch, schedule),
        *_level(risk),
        *(Concern(Gravity.FOREIGN, words, "at its account") for words in foreign),
        *(Concern(Gravity.REDUCES, dispute_words(*one)) for one in disputed.items()),
        *(Concern(Gravity.REDUCES, why) for why in blocked),
        *(Concern(Gravity.UNSENT, words) for words in unsent),
        *(Concern(Gravity.UNEVEN, words) for words in uneven),
        *(Concern(Gravity.QUARANTINE, words, about) for about, words in quarantined),
        *(Concern(Gravity.STALE, words, about) for about, words in stale),
        *(Concern(Gravity.LIMITED, words, "by hand") for words in by_hand),
    ]
    if without_file:
        found.append(Concern(Gravity.FILELESS, without_file))
    if failed is not None:
        words = "it is not decided before the failed task, whose log says why, has run again"
        found.append(Concern(Gravity.FAILED, words, f"in {failed}"))
    if silent:
        found.append(Concern(Gravity.DEGRADED, silent_words(silent)))
    return tuple(sorted(found, key=lambda one: one.state.rank))


def gravest(found: Iterable[Concern], least: Gravity = Gravity.WELL) -> Gravity:
    """The gravest state of all, and `least` where none is graver."""
    return min((*(one.state for one in found), least), key=lambda state: state.rank)


def dispute_words(symbol: str, reason: str) -> str:
    """What a disputed position means for the orders of the session."""
    return f"the position in {symbol} is in dispute: {reason}. No order in it, none that opens others"


def silent_words(silent: Sequence[str]) -> str:
    """What a session without some strategies' signals has decided."""
    its, them = ("its", "it") if len(silent) == 1 else ("their", "them")
    return (
        f"decided without {' and '.join(silent)}, which gave no signals: nothing new was opened for {them}, "
        f"and {its} positions were kept but for those that a stop or their age ends"
    )


def sort_sources(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sources by `status`, the gravest first, then by name (`source`)."""
    return sorted(rows, key=lambda row: (SOURCES.index(row["status"]), row["source"]))


def sort_alerts(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Alerts: those that nobody has acknowledged first, the gravest of them first, then the newest."""
    return sorted(
        rows,
        key=lambda row: (
            row["acknowledged_at"] is not None,
            LEVELS.index(row["level"]) if row["acknowledged_at"] is None else 0,
            -row["alert_id"],
        ),
    )


def _switch(switch: KillSwitchState, schedule: Schedule | None) -> Iterable[Concern]:
    if switch.on:
        since = "" if switch.session is None else f"since {switch.begins(schedule)} by {switch.who}"
        nothing = ", nothing at all may be sent" if switch.everything else ""
        yield Concern(Gravity.STOPPED, f"{switch.reason}{nothing}", since)


def _level(risk: RiskState | None) -> Iterable[Concern]:
    """A level that waits for a person or limits what may be opened, or the way back from one."""
    if risk is None or (not risk.level and risk.recovery is None):
        return
    state = Gravity.REDUCES if risk.level >= LOWEST_LASTING else Gravity.LIMITED
    answered = f", answered by {risk.answered_by}" if risk.answered_by else ""
    yield Concern(Gravity.WAITS if risk.waits() else state, f"{in_short(risk)}{answered}")
