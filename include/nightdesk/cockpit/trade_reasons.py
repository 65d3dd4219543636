"""What a fill did to a position and why it was wanted, in words made from what its decision stored."""

from __future__ import annotations

from datetime import date

from nightdesk.core.calendar import USUAL_CALENDAR
from nightdesk.engine.exits import Cause, rested_words, sessions_held, stop_words, target_words
from nightdesk.orders.resting import protects
from nightdesk.session.exit_reasons import PLAIN
from nightdesk.store.cockpit_symbol_rows import TradePart
from nightdesk.strategies import Direction

#: Of causes whose words need the other legs of a bundle: the trace has them.
_SHORT = {Cause.BUNDLE: "with its bundle", Cause.KEPT: "kept with its bundle"}


def what_it_did(part: TradePart) -> str:
    """What a part of a fill did to its strategy's position: opens, adds to, reduces, closes or turns it."""
    if part.quantity is None:
        return part.side
    change = part.quantity if part.side == "buy" else -part.quantity
    if not part.held:
        return "opens"
    if (part.held > 0) == (change > 0):
        return "adds"
    if abs(change) < abs(part.held):
        return "reduces"
    return "closes" if abs(change) == abs(part.held) else "turns"


def why_it_was_wanted(part: TradePart, calendar: str = USUAL_CALENDAR) -> str:
    """Why the strategy wanted it, with the numbers of a stop, target or age, and what its signal said.

    Of an order that rested, which of its legs was reached: it was placed whatever the signal said.
    """
    if protects(part) and part.stop_price is not None:
        return rested_words(part, part.price)
    words = [_cause_words(part, calendar)]
    if part.direction is not None:
        said = Direction(part.direction).name.lower().replace("_", " ")
        by_hand = ", injected by hand" if part.injected else ""
        words.append(f"signal: {said}, confidence {part.confidence:.2f}{by_hand}")
    return "; ".join(one for one in words if one)


def _cause_words(part: TradePart, calendar: str) -> str:
    if part.cause is None:
        return ""
    cause = Cause(part.cause)
    if cause is Cause.NONE:
        return "brought to its target"
    if cause in PLAIN:
        return PLAIN[cause]
    if cause in _SHORT:
        return _SHORT[cause]
    if cause is Cause.AGE:
        return _age_words(part.entry_session, part.decided_session, calendar)
    if not part.held or part.mark is None or part.cost is None or part.multiplier is None:
        return f"left by its {cause.name.lower()}"
    average, price = float(part.cost / (part.held * part.multiplier)), float(part.mark)
    if cause is Cause.STOP:
        return stop_words(price, average, float(part.stop_distance or 0))
    return target_words(price, average, float(part.target_distance or 0))


def _age_words(entered: date | None, decided: date, calendar: str) -> str:
    if entered is None:
        return "left by its age"
    return f"age: held for {sessions_held(calendar, entered, decided)} sessions"
