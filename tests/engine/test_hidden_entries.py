"""What a strategy enters under the net of the book obeys what forbids entering, and no limit on the whole."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import SESSION, book, day, desk, state, two_strategies

from nightdesk.engine import Desk, Facts, Gated, State, gate, targets
from nightdesk.engine.inputs import Day
from nightdesk.portfolio.sizing import BOTH_SIDES
from nightdesk.risk import Override, RiskState, begin, words
from nightdesk.strategies import Direction, SignalSide

STRONG_BUY, HOLD, STRONG_SELL = Direction.STRONG_BUY, Direction.HOLD, Direction.STRONG_SELL
KILLED = Facts(kill_switch=True, kill_reason="drill")
#: Trend leaves what it holds of gold, carry wants a hundred.
ONE_FOR_THE_OTHER = day([STRONG_SELL, HOLD], [STRONG_BUY, HOLD])


def made(**changed: Any) -> Desk:
    """Two strategies, each with half of the capital, that trade both sides."""
    found = two_strategies(desk(**changed))
    (strategy, *_) = found.strategies.values()
    both = type("BothWays", (type(strategy),), {"sides": BOTH_SIDES})(strategy.params)
    return replace(found, strategies=dict.fromkeys(found.strategies, both))


def decided(where: Desk, now: State, today: Day) -> tuple[list[float], Gated]:
    """Gold of both strategies after the gate."""
    gated = gate(where, now, today, targets(where, now, today))
    return gated.quantity[:, 0].tolist(), gated


@pytest.mark.parametrize("held", [300, 100, 60])
def test_what_is_taken_over_under_a_net_sale_or_purchase_is_an_entry(held: int) -> None:
    where, calm = made(), state(("trend", "GLD", held))
    assert decided(where, calm, ONE_FOR_THE_OTHER)[0] == [0.0, 100.0]
    killed = state(("trend", "GLD", held), facts=KILLED)
    left, gated = decided(where, killed, ONE_FOR_THE_OTHER)
    assert left == [0.0, 0.0]
    assert gated.passage.quantity.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("side", [SignalSide.LONG, SignalSide.SHORT])
def test_what_is_opened_against_what_another_holds_is_an_entry(side: SignalSide) -> None:
    where, now = made(), ("trend", "GLD", 300 * side)
    against = STRONG_SELL if side == SignalSide.LONG else STRONG_BUY
    about = np.array([[side, side], [-side, -side]], dtype=np.int8)
    today = day([HOLD, HOLD], [against, HOLD], side=about)
    assert decided(where, state(now), today)[0] == [300.0 * side, -100.0 * side]
    assert decided(where, state(now, facts=KILLED), today)[0] == [300.0 * side, 0.0]


def test_the_verdict_says_which_rule_and_how_much_more_is_sold() -> None:
    _, gated = decided(made(), state(("trend", "GLD", 300), facts=KILLED), ONE_FOR_THE_OTHER)
    said = [words(one) for one in gated.verdicts(("GLD", "SPY")) if one.action != "approve"]
    assert said == ["GLD: sell 200 cut to a sale of 300 by kill_switch: kill switch at 1 (1 is on)"]


@pytest.mark.parametrize(("entries", "left"), [("each", 0.0), ("net", 62.0)])
def test_a_level_asks_a_strategy_for_its_own_confidence_where_the_book_says_so(
    entries: str, left: float
) -> None:
    where = made(levels={"first_ends_below": 0.02}, portfolio={"entries": entries})
    now = state(("trend", "GLD", 300))
    low = replace(begin(now.mark.nav), level=1, peak=now.mark.nav / 94 * 100)
    first: RiskState = replace(low, highest=low.peak, drawdown=1 - now.mark.nav / low.peak)
    now = replace(now, risk=first, mark=replace(now.mark, peak_nav=low.peak))
    unsure = replace(ONE_FOR_THE_OTHER, confidence=np.array([[0.9, 0.9], [0.5, 0.5]]))
    assert decided(where, now, unsure)[0] == [0.0, left]
    assert decided(where, now, ONE_FOR_THE_OTHER)[0] == [0.0, 100.0]


def test_limits_on_the_whole_have_nothing_to_say_of_what_changes_hands() -> None:
    where = made(limits={"max_weight": {}, "gross_leverage": {"limit": 0.05}})
    assert decided(where, state(("trend", "GLD", 300)), ONE_FOR_THE_OTHER)[0] == [0.0, 100.0]


def test_an_entry_that_the_net_shows_is_refused_in_the_same_words() -> None:
    today = day([STRONG_BUY, HOLD], [HOLD, HOLD])
    left, gated = decided(made(), state(("carry", "GLD", 50), facts=KILLED), today)
    assert left == [0.0, 50.0]
    said = [words(one) for one in gated.verdicts(("GLD", "SPY")) if one.action != "approve"]
    assert said == ["GLD: buy 100 rejected by kill_switch: kill switch at 1 (1 is on)"]


def test_a_book_that_looks_at_the_net_keeps_its_hash() -> None:
    assert '"entries":"net"' not in book().configuration
    assert '"entries":"each"' in book(portfolio={"entries": "each"}).configuration


def limited(kind: str, **changed: Any) -> Facts:
    """Gold limited by a person."""
    fields: dict[str, Any] = {"who": "ann", "reason": "drill", "since": SESSION, "until": SESSION, **changed}
    return Facts(overrides=(Override("GLD", kind, datetime.min.replace(tzinfo=UTC), **fields),))  # type: ignore[arg-type]


def test_what_a_person_bars_is_barred_under_the_net_of_the_book_and_a_size_is_that_of_the_net() -> None:
    where, held = made(), ("trend", "GLD", 300)
    for kind in ("close_only", "no_new_entries"):
        left, gated = decided(where, state(held, facts=limited(kind)), ONE_FOR_THE_OTHER)
        assert left == [0.0, 0.0]
        told = kind.replace("_", "-")
        assert any(f"by overrides: {told} by ann" in words(one) for one in gated.verdicts(("GLD", "SPY")))
    # 200 against -100 is a net position of 100, a tenth of the book.
    about = np.array([[SignalSide.LONG] * 2, [SignalSide.SHORT] * 2], dtype=np.int8)
    today = day([HOLD, HOLD], [STRONG_SELL, HOLD], side=about)
    free = decided(where, state(held), today)[0]
    assert free == [300.0, -100.0]
    capped = decided(where, state(held, facts=limited("max_size", size=0.2)), today)[0]
    assert capped == free, "a strategy's own position is none of it"


def test_who_holds_adds_where_nothing_new_may_be_opened() -> None:
    today = day([STRONG_BUY, HOLD], [HOLD, HOLD])
    where, now = made(), ("trend", "GLD", 20)
    assert decided(where, state(now, facts=limited("no_new_entries")), today)[0][0] > 20.0
    assert decided(where, state(now, facts=limited("close_only")), today)[0][0] == 20.0
