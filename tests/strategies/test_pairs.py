"""The strategy of pairs: what it measures, what it says of one decision, and the books that it refuses."""

import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.pair_market import BETA, INCEPTION, ORIGIN, PAIRS, closes, pair_market, session
from tests.pair_market import SYMBOLS as SYMBOLS_OF_PAIRS
from tests.strategies.test_pair_states import figure

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.members import Membership, MemberSpan, OffSpan, PairSpan
from nightdesk.core.pair_records import PairState
from nightdesk.engine import resolve
from nightdesk.engine.injection import parse_injections
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.strategies import Direction, SignalSide, Spoken, Turn, View, make
from nightdesk.strategies.bundle_signals import check_bundles
from nightdesk.strategies.pairs import LOG_CLOSE, SINCE_EARNINGS, TO_EARNINGS, Pairs

SYMBOLS = ("AA", "BB", "CC")


def strategy(**params: Any) -> Pairs:
    made = make("pairs", {"pairs": [["AA", "BB"]], **params})
    assert isinstance(made, Pairs)
    return made


def view_of(logs: dict[str, np.ndarray], pairs: tuple[PairSpan, ...] = (), rows: int | None = None) -> View:
    """What the strategy sees of these logs of closes."""
    symbols = tuple(sorted(logs))
    values = np.stack([logs[one] for one in symbols], axis=1)[:rows]
    sessions = get_calendar().between(date(2020, 8, 3), date(2022, 12, 30))[: len(values)]
    bars = dict.fromkeys(("close", "open", "high", "low", "volume"), np.exp(values))
    return View(
        symbols, sessions, **bars, vix=np.full(len(values), 15.0), factors={LOG_CLOSE: values}, pairs=pairs
    )


def turn(before: tuple[PairState, ...] = (), **changed: Any) -> Turn:
    """A decision on AA/BB, which is 2.5 deviations apart; nothing is held."""
    told: dict[str, Any] = {
        "session": date(2024, 1, 2),
        "symbols": SYMBOLS,
        "held": np.zeros(3),
        "price": np.array([50.0, 125.0, 10.0]),
        "has_bar": np.ones(3, dtype=bool),
        "quarantined": np.zeros(3, dtype=bool),
        "member": np.ones(3, dtype=bool),
        "factors": {TO_EARNINGS: np.full(3, 20.0), SINCE_EARNINGS: np.full(3, 40.0)},
        "codes": frozenset(),
        "study": (figure(2.5),),
        "before": before,
    }
    return Turn(**{**told, **changed})


def test_an_entry_sells_the_leg_that_is_dear_and_buys_the_other_in_equal_dollars() -> None:
    told = strategy().speak(turn())
    said = told.signals
    assert said.direction.tolist() == [[Direction.SELL, Direction.BUY, Direction.HOLD]]
    assert said.side[0, :2].tolist() == [SignalSide.SHORT, SignalSide.LONG]
    assert said.confidence[0].tolist() == pytest.approx([2.5 / 3, 2.5 / 3, 0.0])
    assert said.bundle is not None
    assert said.ratio is not None
    assert said.bundle.tolist() == [[1, 1, 0]]
    assert (said.ratio[0] * [50.0, 125.0, 0.0]).tolist() == pytest.approx([1.0, 1.0, 0.0])
    assert told.loss_at_stop.tolist()[:2] == pytest.approx([0.05, 0.05])  # (3 - 2.5) × 0.1
    assert math.isnan(told.loss_at_stop[2])
    check_bundles(strategy(), said, SYMBOLS, np.array(["2024-01-02"], dtype="datetime64[D]"))


def reason(told: Spoken) -> str:
    [state] = told.states
    assert state.phase == "candidate"
    assert not told.signals.direction.any()
    return str(state.reason)


@pytest.mark.parametrize(
    ("params", "changed", "words"),
    [
        ({}, {"quarantined": np.array([False, True, False])}, "BB is in quarantine"),
        ({}, {"member": np.array([False, True, True])}, "AA is no member, or is off in this session"),
        ({}, {"has_bar": np.array([True, False, True])}, "BB has no bar"),
        (
            {},
            {"factors": {TO_EARNINGS: np.array([3.0, 9, 9]), SINCE_EARNINGS: np.full(3, 9.0)}},
            "AA reports",
        ),
        (
            {},
            {"factors": {TO_EARNINGS: np.array([9.0, 0, 9]), SINCE_EARNINGS: np.full(3, 9.0)}},
            "BB reports",
        ),
        (
            {},
            {"factors": {TO_EARNINGS: np.full(3, 60.0), SINCE_EARNINGS: np.array([9.0, 0, 9])}},
            "BB has rep",
        ),
        (
            {"earnings": "required"},
            {"factors": {TO_EARNINGS: np.full(3, np.nan), SINCE_EARNINGS: np.full(3, np.nan)}},
            "AA has no known date of its next earnings; BB has no known date",
        ),
    ],
)
def test_a_leg_that_may_not_be_opened_bars_the_pair_in_words(
    params: dict[str, Any], changed: dict[str, Any], words: str
) -> None:
    assert words in reason(strategy(**params).speak(turn(**changed)))


def test_earnings_further_away_or_not_known_bar_nothing() -> None:
    far = {TO_EARNINGS: np.array([4.0, np.nan, 9]), SINCE_EARNINGS: np.full(3, 1.0)}
    assert [one.phase for one in strategy().speak(turn(factors=far)).states] == ["open"]
    assert [one.phase for one in strategy(earnings="ignored").speak(turn(factors={})).states] == ["open"]


def test_all_that_is_held_by_no_open_pair_is_left_and_said() -> None:
    told = strategy().speak(turn(held=np.array([0.0, 0.0, 7.0])))
    assert told.signals.direction[0, 2] != Direction.HOLD
    assert told.signals.side[0, 2] == SignalSide.EITHER
    view = replace(view_of(dict.fromkeys(SYMBOLS, np.zeros(1))), turns={"pairs": (told.states,)})
    assert "no leg of an open pair" in strategy().explain(view, told.signals, 0, 2)
    assert strategy().explain(view, told.signals, 0, 0) == "AA/BB: z +2.50: BB is bought and AA is sold"
    shown = strategy().figures(view, told.signals)
    assert (shown["pair"][0, 1], shown["z"][0, 1]) == ("AA/BB", 2.5)
    assert shown["pair"][0, 2] == ""


def test_what_it_measures_does_not_look_ahead_and_ends_some_time_after_a_pair_has_left_the_list() -> None:
    logs = {symbol: np.log(values) for symbol, values in closes().items()}
    spans = (
        PairSpan("CCC", "DDD", date(2021, 9, 1), date(2021, 9, 30)),
        PairSpan("XX", "AAA", date(2021, 9, 1)),
    )
    made = make("pairs", {"pairs": [["AAA", "BBB"]]})
    assert isinstance(made, Pairs)
    whole = made.study(view_of(logs, spans))
    assert whole.pairs == (("AAA", "BBB"), ("CCC", "DDD")), "a pair outside the universe is passed over"
    for rows in (300, 330, 420):
        cut = made.study(view_of(logs, spans, rows), rows - 1)
        assert repr(cut[rows - 1]) == repr(whole[rows - 1])
    at = [t for t in range(len(whole)) if any(one.a == "CCC" for one in whole[t])]
    listed = [t for t in at if next(one.listed for one in whole[t] if one.a == "CCC")]
    assert whole.sessions[listed[0]] == date(2021, 9, 1)
    assert whole.sessions[listed[-1]] == date(2021, 9, 30)
    assert at[-1] == listed[-1] + made.params.z_window


def with_params(folder: Path, **changed: Any) -> Path:
    return pair_market(folder / "couples", (), None, **changed).book


def test_books_that_are_none_for_it_are_refused_with_what_to_do(tmp_path: Path) -> None:
    nothing = {"pairs": {"sizing": "pairs", "params": {"earnings": "ignored"}}}
    with pytest.raises(Refused, match=r"strategies.pairs: there is no pair for it; name some under"):
        resolve(load_book(with_params(tmp_path / "a", strategies=nothing)))
    unknown = {"pairs": {"sizing": "pairs", "params": {"earnings": "ignored", "pairs": [["AAA", "ZZZ"]]}}}
    with pytest.raises(Refused, match="found the legs ZZZ, which are not in the book's universe"):
        resolve(load_book(with_params(tmp_path / "b", strategies=unknown)))
    with pytest.raises(
        Refused, match=r"feeds.earnings: missing, and the factor sessions_(to|since)_earnings"
    ):
        resolve(load_book(pair_market(tmp_path / "c", (), {"earnings": "where_known"}).book))
    with pytest.raises(Refused, match="it measures sessions, and the book decides hourly"):
        resolve(load_book(with_params(tmp_path / "d", schedule="hourly")))
    for wrong, words in (({"leave": 2.5}, "each is below the next"), ({"pairs": [["AA", "AA"]]}, "twice")):
        with pytest.raises(Refused, match=words):
            make("pairs", wrong)


def test_no_signal_is_injected_in_its_name(tmp_path: Path) -> None:
    book = load_book(pair_market(tmp_path / "couples").book)
    line = f"session,strategy,symbol,direction,confidence\n{INCEPTION},pairs,AAA,BUY,0.9\n"
    with pytest.raises(Refused, match=r"strategy: pairs makes its signals in turn"):
        parse_injections(line, "some.csv", book)


@pytest.fixture(scope="module")
def two_hundred(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A backtest on stocks that move together by construction."""
    params = {"enter": 1.5, "volatility_mean": 60}
    market = pair_market(
        tmp_path_factory.mktemp("pairs") / "couples", (), params,
        limits={"max_weight": {}, "gross_leverage": {"limit": 1.0}, "stop_required": {}},
    )  # fmt: skip
    book, last = load_book(market.book), session(200)
    return backtest(book, read_market(book, ORIGIN, last).panel, INCEPTION, last)


def test_a_pair_of_known_beta_and_half_life_earns_before_costs(two_hundred: Result) -> None:
    entries = two_hundred.entries
    costs = -sum(float(one.cash) for one in entries if one.kind in ("commission", "interest", "borrow"))
    gained = two_hundred.nav[-1] - two_hundred.nav[0]
    fills = sum(len(one.fills) for one in two_hundred.decided)
    assert fills > 60, "few trades say nothing"
    assert gained + max(costs, 0.0) > 500.0, (gained, costs)
    studied = two_hundred.market.studies["pairs"][-1]
    betas = {one.a + one.b: one.beta for one in studied}
    assert betas["EEEFFF"] == pytest.approx(BETA, abs=0.35)


def test_legs_are_never_alone_and_gross_and_stops_hold(two_hundred: Result) -> None:
    for one in two_hundred.decided:
        held = one.targets.held[0]
        value = held * two_hundred.market.price[one.t]
        for state in one.spoken["pairs"].states:
            if state.phase != "open" or state.sessions == 0:
                continue
            a, b = (two_hundred.desk.column[symbol] for symbol in state.legs)
            assert held[a] * held[b] < 0.0, (one.state.mark.session, state)
            # equal dollars at the entry: ten sessions of a few percent apart, and a unit of each
            assert (
                abs(value[a] + value[b]) < 0.2 * abs(value[a]) + two_hundred.market.price[one.t][[a, b]].sum()
            )
        assert np.abs(value).sum() <= 1.02 * float(one.state.mark.nav)
        legs = [
            symbol for state in one.spoken["pairs"].states if state.phase == "open" for symbol in state.legs
        ]
        assert len(legs) == len(set(legs)), "a symbol is in two open pairs"


def test_every_trade_has_its_entry_and_exit_in_words_and_the_pair_of_both(two_hundred: Result) -> None:
    from nightdesk.research.backtest.trades import trade_rows

    rows = list(trade_rows(two_hundred))
    assert len(rows) > 30
    names = {f"{a}/{b}" for a, b in PAIRS}
    for row in rows:
        words = [str(cell) for cell in row if isinstance(cell, str) and ":" in cell]
        assert words, row
        assert all(one.split(":")[0] in names for one in words), words


def test_pairs_of_a_screen_are_entered_while_it_has_them_and_run_to_their_exit_after(tmp_path: Path) -> None:
    """The list that is in force says which pairs; members that are off open nothing."""
    each = {"asset_class": "equity", "max_weight": 0.2}
    params = {"enter": 0.9, "stop": 2.6, "volatility_window": 5, "volatility_mean": 20, "earnings": "ignored"}
    market = pair_market(
        tmp_path / "couples",
        (),
        None,
        universe={"screen": {"pairs": {}}, "each": each, "always": ["SPY"]},
        strategies={"pairs": {"sizing": "pairs", "params": params}},
        feeds={
            "daily": [f"files:{tmp_path / 'couples' / 'market'}"],
            "listings": ["sample"],
        },
    )
    stated, last = load_book(market.book), session(60)

    def decided(pairs: tuple[PairSpan, ...], off: tuple[OffSpan, ...] = ()) -> Result:
        members = tuple(MemberSpan(symbol, ORIGIN, None, "stocks") for symbol in SYMBOLS_OF_PAIRS)
        book = stated.with_members(Membership(members, pairs=pairs, off=off), ORIGIN, last)
        return backtest(book, read_market(book, ORIGIN, last).panel, INCEPTION, last)

    def opened(result: Result, name: str) -> list[date]:
        return [
            one.state.mark.session
            for one in result.decided
            for state in one.spoken["pairs"].states
            if state.name == name and state.phase == "open" and state.sessions == 0
        ]

    ever = decided(tuple(PairSpan(a, b, INCEPTION) for a, b in PAIRS))
    first, *rest = opened(ever, "III/JJJ")
    assert rest, "it is entered more than once"
    until = decided((PairSpan("III", "JJJ", INCEPTION, first),))
    assert opened(until, "III/JJJ") == [first]
    held = [one.targets.held.any() for one in until.decided if one.state.mark.session > first]
    assert held[0], "it is held though the screen has it no more"
    assert not held[-1], "and left by its own exit"
    away = decided((PairSpan("III", "JJJ", INCEPTION),), (OffSpan("JJJ", first, "too wide a spread"),))
    assert first not in opened(away, "III/JJJ")
