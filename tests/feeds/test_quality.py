import tracemalloc
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.core.book import Book, load_book, parse_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import ENDINGS, Action, Panel
from nightdesk.feeds import measures
from nightdesk.feeds.quality import CHECKS, CheckConsequence, examine
from nightdesk.research.backtest.data import read_market

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "SPY", "^VIX")
LENGTH = 90
QUARANTINE, STOP, WARN = CheckConsequence.QUARANTINE, CheckConsequence.STOP, CheckConsequence.WARN


def book_of(**quality) -> Book:
    """A book of six symbols whose benchmark and volatility index are none of them."""
    return parse_book(
        {
            "name": "little",
            "title": "Little",
            "initial_capital": 1000,
            "broker": {"account": "paper"},
            "universe": {symbol: {"max_weight": 0.5} for symbol in SYMBOLS[:6]},
            "strategies": {"time_series_momentum": {}},
            "regime": [{"name": "ALL"}],
            "limits": {},
            "quality": quality,
        },
        "a test",
    )


BOOK = book_of()


def panel_of(seed: int = 1) -> Panel:
    """Whole and quiet bars: nothing of them fails."""
    random = np.random.default_rng(seed)
    shape = (LENGTH, len(SYMBOLS))
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, shape), axis=0))
    opened = close * np.exp(random.normal(0, 0.003, shape))
    ones, nothing = np.ones(shape), np.zeros(shape)
    return Panel(
        sessions=get_calendar().between(date(2024, 1, 2), date(2024, 12, 31))[:LENGTH],
        symbols=SYMBOLS,
        open=opened,
        high=np.maximum(opened, close) * 1.002,
        low=np.minimum(opened, close) * 0.998,
        close=close,
        volume=ones * 1e6,
        fill_open=opened,
        fill_low=np.minimum(opened, close) * 0.998,
        fill_high=np.maximum(opened, close) * 1.002,
        fill_volume=ones * 1e6,
        adjustment=ones.copy(),
        dividend=nothing,
        split=ones.copy(),
        unexplained=np.full_like(ones, np.nan),
        accepted=np.zeros_like(ones),
    )


def with_bars(panel: Panel, where: tuple, **factors: float) -> Panel:
    """The panel with some numbers multiplied."""
    changed = {}
    for name, factor in factors.items():
        changed[name] = getattr(panel, name).copy()
        changed[name][where] *= factor
    return replace(panel, **changed)


def without_bars(panel: Panel, where: tuple) -> Panel:
    return with_bars(panel, where, **dict.fromkeys(("open", "high", "low", "close", "volume"), np.nan))


def failures(panel: Panel, t: int = -1, book: Book = BOOK) -> set[tuple[str, str, str]]:
    """(check, symbol, outcome) of what fails at session `t`."""
    found = examine(panel, book).findings(t % len(panel))
    return {(one.check, one.symbol, one.outcome) for one in found if one.outcome != "pass"}


T = LENGTH - 1

#: (what is wrong, how the panel is spoilt at the last session, what fails)
SCENARIOS = [
    ("nothing", lambda p: p, set()),
    (
        "high below low",
        lambda p: with_bars(p, (T, 0), high=0.5),
        {("out_of_range", "AAA", "quarantine")},
    ),
    ("close above high", lambda p: with_bars(p, (T, 0), close=1.03), {("out_of_range", "AAA", "quarantine")}),
    (
        "a price of nought",
        lambda p: with_bars(p, (T, 0), low=0.0),
        {("not_positive", "AAA", "quarantine")},
    ),
    (
        "a volume below nought",
        lambda p: with_bars(p, (T, 0), volume=-1.0),
        {("not_positive", "AAA", "quarantine")},
    ),
    (
        "an open that is missing",
        lambda p: with_bars(p, (T, 0), open=np.nan),
        {("nulls", "AAA", "quarantine")},
    ),
    (
        "a jump of 60 %",
        lambda p: with_bars(p, (T, 0), open=1.6, high=1.6, low=1.6, close=1.6),
        {("price_jump", "AAA", "quarantine"), ("outlier", "AAA", "warn")},
    ),
    (
        "a split that the price follows",
        lambda p: with_bars(p, (T, 0), open=0.25, high=0.25, low=0.25, close=0.25, split=4.0, adjustment=4.0),
        set(),
    ),
    (
        "a split that the price does not follow",
        lambda p: with_bars(p, (T, 0), split=4.0, adjustment=4.0),
        {("price_jump", "AAA", "quarantine"), ("outlier", "AAA", "warn")},
    ),
    (
        "a fall that an adjustment explains, as large as a person should look at",
        lambda p: with_bars(p, (T, 0), open=0.4, high=0.4, low=0.4, close=0.4, adjustment=2.5),
        {("adjustment_jump", "AAA", "quarantine")},
    ),
    (
        "an adjustment that no price move matches",
        lambda p: with_bars(p, (T, 0), adjustment=1.43),
        {("adjustment_jump", "AAA", "quarantine"), ("outlier", "AAA", "warn")},
    ),
    ("a bar that is one session late", lambda p: without_bars(p, (T, 0)), {("no_bar", "AAA", "warn")}),
    (
        "two bars that are missing",
        lambda p: without_bars(p, (slice(T - 1, None), 0)),
        {("no_bar", "AAA", "warn"), ("absent", "AAA", "quarantine")},
    ),
    (
        "gaps in more than 5 % of the look-back",
        lambda p: without_bars(p, (slice(T - 51, T, 10), 0)),
        {("missing_share", "AAA", "quarantine")},
    ),
    ("gaps in less than 5 %", lambda p: without_bars(p, (slice(T - 31, T, 10), 0)), set()),
    ("a symbol that is not listed yet", lambda p: without_bars(p, (slice(None), 0)), set()),
    (
        "a close that has not changed for five sessions",
        lambda p: replace(p, **{n: held(getattr(p, n), 5) for n in ("open", "high", "low", "close")}),
        {("unchanged", "AAA", "warn")},
    ),
    (
        "a close that has not changed for four sessions",
        lambda p: replace(p, **{n: held(getattr(p, n), 4) for n in ("open", "high", "low", "close")}),
        set(),
    ),
    (
        "a high of three times the prices around it",
        lambda p: with_bars(p, (T, 0), high=3.0),
        {("spike", "AAA", "warn")},
    ),
    ("a low of half of them", lambda p: with_bars(p, (T, 0), low=0.5), {("spike", "AAA", "warn")}),
    ("a low of 5 % below", lambda p: with_bars(p, (T, 0), low=0.95), set()),
    (
        "a range without volume",
        lambda p: with_bars(p, (T, 0), volume=0.0),
        {("volume_mismatch", "AAA", "warn")},
    ),
    ("one price with a volume", lambda p: flat(p, slice(T, None)), {("volume_mismatch", "AAA", "warn")}),
    (
        "one price with a volume, as it is this symbol's habit",
        lambda p: flat(p, slice(T - 9, None, 3)),
        set(),
    ),
    ("a symbol without volumes", lambda p: with_bars(p, (slice(None), 0), volume=0.0), set()),
    (
        "a quarter of the universe without bars",
        lambda p: without_bars(p, (T, [0, 1])),
        {("no_bar", "AAA", "warn"), ("no_bar", "BBB", "warn"), ("failed_share", "*", "stop")},
    ),
    (
        "a VIX that doubles, with an open out of range",
        lambda p: with_bars(p, (T, 7), open=0.5, close=2.1),
        {("outlier", "^VIX", "warn")},
    ),
    (
        "a VIX of nought",
        lambda p: with_bars(p, (T, 7), close=0.0),
        {
            ("not_positive", "^VIX", "quarantine"),
            ("outlier", "^VIX", "warn"),
            ("reference_faulty", "^VIX", "stop"),
        },
    ),
    (
        "a benchmark whose high is below its low",
        lambda p: with_bars(p, (T, 6), high=0.5),
        {("out_of_range", "SPY", "quarantine"), ("reference_faulty", "SPY", "stop")},
    ),
]


def flat(panel: Panel, rows: slice) -> Panel:
    """The panel with bars of one price in its first column."""
    changed = {name: getattr(panel, name).copy() for name in ("open", "high", "low")}
    for values in changed.values():
        values[rows, 0] = panel.close[rows, 0]
    return replace(panel, **changed)


def held(values: np.ndarray, sessions: int) -> np.ndarray:
    """Values of the first column that stand still for the last `sessions` sessions."""
    out = values.copy()
    out[-sessions:, 0] = out[-sessions - 1, 0]
    return out


@pytest.mark.parametrize(("spoil", "expected"), [s[1:] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS])
def test_each_fault_has_its_check_and_its_consequence(spoil, expected):
    assert failures(spoil(panel_of())) == expected


def test_what_is_quarantined_today_may_pass_tomorrow():
    panel = with_bars(panel_of(), (T - 1, 0), high=0.5)
    quality = examine(panel, BOOK)
    assert quality.quarantined[T - 1, 0]
    assert not quality.quarantined[T, 0]


def test_two_sources_that_differ_by_more_than_one_percent_are_told_with_the_limit():
    panel = panel_of()
    compare = panel.close.copy()
    compare[T, 0] *= 1.02
    compare[T, 1] *= 1.005
    compare[T, 2] = np.nan
    quality = examine(panel, BOOK, compare)
    assert list(quality.reasons(T, QUARANTINE)) == ["AAA"]
    assert quality.reasons(T, QUARANTINE)["AAA"] == (
        f"AAA: the close of {panel.close[T, 0]:g} and that of {compare[T, 0]:g} of the second source lie "
        "2.0% apart, beyond the limit of 1.0%"
    )


@pytest.mark.parametrize("symbol", ["SPY", "^VIX"])
@pytest.mark.parametrize(
    ("absent", "allowed", "stopped"),
    [(0, True, False), (1, False, False), (3, False, False), (4, False, True)],
)
def test_an_absent_reference_forbids_entries_for_three_sessions_and_then_stops_the_run(
    symbol, absent, allowed, stopped
):
    panel = panel_of()
    if absent:
        panel = without_bars(panel, (slice(-absent, None), SYMBOLS.index(symbol)))
    quality = examine(panel, BOOK)
    assert bool(quality.entries_allowed[T]) is allowed
    assert bool(quality.stop[T]) is stopped
    assert quality.why_no_entries(T) == ("" if allowed else f"no bar of {symbol} for {absent} session(s)")


def test_a_reference_that_was_never_seen_stops_the_run():
    quality = examine(without_bars(panel_of(), (slice(None), 7)), BOOK)
    assert quality.stop[T]
    assert not quality.entries_allowed.any()


def test_the_failed_share_counts_only_symbols_that_are_listed():
    panel = without_bars(panel_of(), (slice(None), [0, 1]))
    panel = without_bars(panel, (T, 2))
    quality = examine(panel, BOOK)
    assert quality.values["failed_share"][T, -1] == 0.25
    assert quality.reasons(T, STOP) == {
        "*": "the whole book: failed share of the symbols listed by then: 0.25, above the limit 0.2"
    }


@pytest.mark.parametrize("kind", ENDINGS)
def test_what_a_stated_action_has_ended_is_missed_no_more_while_no_bar_comes(kind):
    ended, back = 60, 80
    panel = panel_of()
    column = panel.symbols.index("BBB")
    close = panel.close.copy()
    close[ended - 2 : back, column] = np.nan
    gone = replace(panel, **dict.fromkeys(("open", "high", "low", "close"), close))
    action = Action("BBB", panel.sessions[ended], kind, 0.0)
    events = tuple((action,) if row == ended else () for row in range(len(panel)))
    unknown, stated = examine(gone, BOOK), examine(replace(gone, events=events), BOOK)
    assert unknown.quarantined[ended - 1 : back, column].all()
    assert stated.quarantined[ended - 1, column]  # until it is stated, it is missing
    assert not stated.quarantined[ended:back, column].any()
    assert not stated.warned[ended:back, column].any()
    assert gone.sessions[ended - 1].item() in {one.last for one in stated.spells() if one.symbol == "BBB"}
    np.testing.assert_array_equal(stated.quarantined[back:], unknown.quarantined[back:])


def test_the_limits_are_those_of_the_book():
    panel = with_bars(panel_of(), (T, 0), open=1.6, high=1.6, low=1.6, close=1.6)
    generous = book_of(price_jump=0.7, price_jump_sigmas=1000, outlier_z=1000)
    assert failures(panel, book=generous) == set()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, LENGTH))
def test_what_is_said_of_a_session_never_depends_on_later_ones(seed, length):
    panel = spoilt(seed)
    whole, part = examine(panel, BOOK), examine(panel.until(length), BOOK)
    for check in CHECKS:
        assert np.array_equal(whole.values[check.name][:length], part.values[check.name], equal_nan=True)
    for name in ("quarantined", "warned", "entries_allowed", "stop"):
        assert np.array_equal(getattr(whole, name)[:length], getattr(part, name))


def spoilt(seed: int) -> Panel:
    """A panel with faults of every kind strewn over it."""
    random = np.random.default_rng(seed)
    panel = panel_of(seed)
    for name, factor in (
        ("close", np.nan),
        ("open", np.nan),
        ("high", 0.9),
        ("close", 1.7),
        ("low", -1.0),
        ("adjustment", 1.4),
        ("volume", -1.0),
    ):
        where = random.random(panel.close.shape) < 0.03
        panel = with_bars(panel, np.nonzero(where), **{name: factor})
    return held_somewhere(panel, random)


def held_somewhere(panel: Panel, random: np.random.Generator) -> Panel:
    close = panel.close.copy()
    start, n = int(random.integers(5, LENGTH - 10)), int(random.integers(0, 6))
    close[start : start + 8, n] = close[start, n]
    return replace(panel, close=close)


@pytest.mark.parametrize("columns", [1, 3, 7])
def test_the_columns_that_are_measured_at_once_change_nothing(columns, monkeypatch):
    panel, random = spoilt(2), np.random.default_rng(5)
    compare = panel.close * np.exp(random.normal(0, 0.005, panel.close.shape))
    opened = np.where(random.random(panel.close.shape) < 0.02, panel.fill_open * 2, panel.fill_open)
    panel = replace(panel, fill_open=opened)
    whole = examine(panel, BOOK, compare)
    monkeypatch.setattr(measures, "_COLUMNS", columns)
    parts = examine(panel, BOOK, compare)
    for check in CHECKS:
        np.testing.assert_array_equal(whole.values[check.name], parts.values[check.name])
        np.testing.assert_array_equal(whole.failed[check.name], parts.failed[check.name])
    for name in ("size", "limit", "since"):
        np.testing.assert_array_equal(getattr(whole.jumps, name), getattr(parts.jumps, name))
    assert len(whole.withheld.opens.row) > 5
    for t in range(LENGTH):
        assert whole.withheld.opens.at(t) == parts.withheld.opens.at(t)
        assert whole.findings(t) == parts.findings(t)


def test_a_wide_panel_is_checked_in_little_memory():
    one = panel_of()
    names = [field.name for field in fields(Panel) if getattr(getattr(one, field.name), "ndim", 0) == 2]
    others = tuple(f"S{n}" for n in range(2000 - len(SYMBOLS)))
    repeat = np.arange(2000) % 6
    repeat[-2:] = 6, 7
    wide = replace(one, symbols=(*others, *SYMBOLS), **{n: getattr(one, n)[:, repeat] for n in names})
    tracemalloc.start()
    quality = examine(wide, BOOK)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not quality.quarantined.any()
    assert peak < 13 * wide.close.nbytes  # forty, were all columns measured at once


@pytest.fixture(scope="module")
def project_book() -> Book:
    return load_book(Path(__file__).parents[2] / "books/multi_asset.yaml")


def real_panel(market: Path, book: Book) -> Panel:
    return read_market(book, date(2006, 1, 3), date(2022, 12, 30), [f"files:{market}"]).panel


def test_seventeen_years_of_real_bars_pass_and_their_warts_stop_nothing(market, project_book):
    quality = examine(real_panel(market, project_book), project_book)
    assert not quality.quarantined.any()
    assert not quality.stop.any()
    assert quality.entries_allowed.all()
    assert 10 < quality.failed["outlier"].sum() < 100


def test_a_spin_off_booked_as_a_dividend_is_quarantined_on_its_day_alone(market):
    book = parse_book(
        BOOK.model_dump(mode="json") | {"universe": {"DHR": {"max_weight": 0.5}, "JNJ": {"max_weight": 0.5}}},
        "a test",
    )
    panel = read_market(book, date(2014, 1, 2), date(2017, 12, 29), [f"files:{market}"]).panel
    quality = examine(panel, book)
    t, n = np.argwhere(quality.quarantined).tolist()[0]
    assert quality.quarantined.sum() == 1
    assert (str(panel.sessions[t]), panel.symbols[n]) == ("2016-07-05", "DHR")
    assert quality.reasons(t, QUARANTINE)["DHR"] == (
        "DHR: its source's adjustment grew by a factor of 1.55552 on 2016-07-05, while the close went from "
        "68.7712 to 71.2766: no plausible dividend or split (57.6% apart, beyond the limit of 20.0%). It "
        "counts neither in prices nor in cash until a person states what it was, or takes the price as it "
        'is: nightdesk accept little DHR --session 2016-07-05 --reason "..."'
    )
