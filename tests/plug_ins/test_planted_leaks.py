"""The audits of a whole book catch plug-ins that look ahead or warm up too briefly, and name them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from tests.plug_ins.conftest import Home
from tests.research.backtest.panels import seeded_panel

from nightdesk.core.book import Book, load_book
from nightdesk.core.panel import Panel
from nightdesk.research.audits.differences import DecisionStage
from nightdesk.research.audits.look_ahead import LookAhead, audit_look_ahead
from nightdesk.research.audits.warm_up_needed import audit_warm_up

FIRST, LAST = date(2019, 6, 3), date(2020, 6, 30)

#: A strategy that holds what a factor is above, and one that fits its threshold on all that it is shown.
STRATEGIES = """
import numpy as np
from nightdesk.core.fields import Frozen
from nightdesk.strategies import Direction, Signals, Strategy, register

class Above(Strategy):
    class Params(Frozen):
        on: str

    @property
    def factors(self):
        return (self.params.on,)

    def threshold(self, values):
        return 0.0

    def signals(self, view):
        values = view.factors[self.params.on]
        with np.errstate(invalid="ignore"):
            buys, sells = values > self.threshold(values), values <= self.threshold(values)
        direction = np.where(buys, Direction.BUY, np.where(sells, Direction.SELL, Direction.HOLD))
        direction = direction.astype(np.int8)
        known = np.isfinite(values).astype(np.float64)
        return Signals(direction, np.sign(direction) * known, known, np.abs(direction).astype(np.int8))

    @property
    def words(self):
        return {0: "nothing is known", 1: "above or below"}

@register
class Follow(Above):
    name = "follow"

@register
class Fitted(Above):
    name = "fitted"

    def threshold(self, values):
        return np.nanmean(values, axis=0)
"""

FACTORS = """
import numpy as np
from nightdesk.factors import factor

def mean_of(price, before, after):
    out = np.full_like(price, np.nan)
    for t in range(before, len(price) - after):
        out[t] = price[t - before : t + after + 1].mean(axis=0)
    return out

@factor("tomorrow_{n}", look_back=lambda n: n, by_column=True)
def tomorrow(source, n):
    "The return of the next bar."
    out = np.full_like(source.close, np.nan)
    out[:-1] = source.close[1:] / source.close[:-1] - 1.0
    return out

@factor("whole_score_{n}", look_back=lambda n: n + 1, by_column=True)
def whole_score(source, n):
    "Momentum, standardised by mean and deviation of the whole sample."
    momentum = source.factor(f"momentum_{n}")
    return (momentum - np.nanmean(momentum, axis=0)) / np.nanstd(momentum, axis=0)

@factor("centred_{n}", look_back=lambda n: n, by_column=True)
def centred(source, n):
    "Price over its mean of the n sessions before and after."
    return source.close / mean_of(source.close, n, n) - 1.0

@factor("forgetful_{n}", look_back=lambda n: n, by_column=True)
def forgetful(source, n):
    "Price over its mean of up to sixty times as many sessions as it declares."
    price, out = source.close, np.full_like(source.close, np.nan)
    for t in range(n - 1, len(price)):
        out[t] = price[t] / price[max(0, t + 1 - 60 * n) : t + 1].mean(axis=0) - 1.0
    return out
"""


@pytest.fixture
def make_book(home: Home) -> Any:
    home.write("leaky_strategies.py", STRATEGIES)
    home.write("leaky_factors.py", FACTORS)

    def make(strategy: str, on: str) -> Book:
        chosen = {strategy: {"share": 1.0, "params": {"on": on}}}
        return load_book(home.book("leaky", strategies=chosen, levels=None))

    return make


def look_ahead(book: Book) -> tuple[LookAhead, Panel]:
    panel = seeded_panel(book)
    return audit_look_ahead(book, panel, FIRST, LAST, 3), panel


@pytest.mark.parametrize("on", ["tomorrow_1", "whole_score_20", "centred_5"])
def test_a_factor_that_looks_ahead_is_named_with_the_decision_it_changes(make_book: Any, on: str) -> None:
    found, _ = look_ahead(make_book("follow", on))
    assert not found.passed
    assert all(one.leaks == (on,) for one in found.cuts)
    causes = [one.cause for one in found.cuts if one.cause is not None]
    assert causes
    for cause in causes:
        assert (cause.source.stage, cause.source.name) == (DecisionStage.FACTOR, on)
        assert (cause.decision.stage, cause.decision.name) == (DecisionStage.SIGNAL, "follow")
        assert cause.source.symbol in ("SPY", "TLT")
        assert cause.source.as_of <= cause.decision.as_of
        assert f"from the factor {on}" in cause.words


def test_a_leak_of_one_session_is_found_in_the_last_one_alone(make_book: Any) -> None:
    found, _ = look_ahead(make_book("follow", "tomorrow_1"))
    for one in found.cuts:
        assert {each.session for each in one.differences} == {one.last}
        (factor,) = [each for each in one.differences if each.stage == DecisionStage.FACTOR]
        assert factor.cut == "missing"


def test_a_strategy_that_is_fitted_on_the_whole_span_is_named_and_its_factor_is_not(make_book: Any) -> None:
    found, _ = look_ahead(make_book("fitted", "momentum_20"))
    assert not found.passed
    first = found.first
    assert first is not None
    assert first.cause is not None
    assert first.leaks == ("fitted",)
    assert (first.cause.source.stage, first.cause.source.name) == (DecisionStage.SIGNAL, "fitted")
    assert "from the strategy fitted itself" in first.cause.words
    stages = {each.stage for one in found.cuts for each in one.differences}
    assert DecisionStage.FACTOR not in stages
    assert DecisionStage.ORDER in stages, "what it leaks changes what is traded"


def test_the_same_book_on_an_honest_factor_passes_and_trades(make_book: Any) -> None:
    found, panel = look_ahead(make_book("follow", "momentum_20"))
    assert found.passed
    assert found.first is None
    assert found.orders > 10
    for one in found.cuts:
        end = int(np.searchsorted(panel.sessions, np.datetime64(one.last)))
        assert one.rows == end + 1
        assert one.decisions == np.count_nonzero(panel.sessions[: end + 1] >= np.datetime64(FIRST))


def test_a_warm_up_that_is_too_short_is_found_for_the_book_and_for_the_factor(make_book: Any) -> None:
    book = make_book("follow", "forgetful_5")
    found = audit_warm_up(book, seeded_panel(book), [date(2020, 3, 2), date(2020, 6, 30)], declared=100)
    assert not found.passed
    (factor,) = [one for one in found.factors if not one.passed]
    assert (factor.name, factor.declared, factor.needed, factor.passed) == ("forgetful_5", 5, 300, False)
    assert factor.symbol
    assert found.needed is not None
    assert found.needed > 100
    assert not found.starts[0].enough
    for one in found.starts:  # of the other one the factor differs, and by luck nothing that is decided
        assert one.cause is not None
        assert one.cause.source.name == "forgetful_5"
        assert any(each.stage == DecisionStage.FACTOR for each in one.differences)


def test_an_honest_look_back_is_what_is_needed_to_the_session(make_book: Any) -> None:
    book = make_book("follow", "momentum_20")
    found = audit_warm_up(book, seeded_panel(book), [date(2020, 3, 2)], declared=100)
    assert found.passed
    assert found.needed == 60, "sixty-one bars with the decision's own"
    looked = {one.name: (one.declared, one.needed) for one in found.factors}
    assert looked == {"momentum_20": (21, 21), "volatility_60": (61, 61)}
    (start,) = found.starts
    assert start.cause is not None, "it is told what one session fewer changes"
    assert (start.cause.decision.stage, start.cause.source.name) == (DecisionStage.TARGET, "volatility_60")


def test_a_beginning_without_more_history_than_is_declared_judges_nothing(make_book: Any) -> None:
    book = make_book("follow", "momentum_20")
    found = audit_warm_up(book, seeded_panel(book), [date(2020, 3, 2)], declared=2_000)
    assert not found.judged
    assert not found.passed


def test_a_corporate_action_that_rewrites_the_past_is_found_by_reading_again(make_book: Any) -> None:
    from nightdesk.research.audits.look_ahead import reading_differences

    book = make_book("follow", "momentum_20")
    panel = seeded_panel(book)
    again = panel.until(500)
    assert not list(reading_differences(book, panel, again))
    rewritten = again.adjustment.copy()
    rewritten[300:, 0] *= 0.5
    (found,) = reading_differences(book, panel, replace(again, adjustment=rewritten))
    assert (found.name, found.row, found.symbol, found.cells) == ("adjustment", 300, panel.symbols[0], 200)
