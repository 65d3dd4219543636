"""Mean reversion: every entry and exit as a table, and all of it against pandas on real stocks."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.strategies.swing_bars import NAN, say, session_of

from nightdesk import factors, strategies
from nightdesk.core.cell_figures import figures_of_cell
from nightdesk.core.errors import Refused
from nightdesk.strategies import Direction, ExitDistance, ExitPlan, View
from nightdesk.testing.random_panels import members, panel_of
from nightdesk.testing.strategy_contract import StrategyContract

NAME = "mean_reversion"


class TestMeanReversion(StrategyContract):
    """With the spec's numbers."""

    name = NAME


class TestOtherNumbers(StrategyContract):
    """With narrow bands, short windows and thresholds that are soon reached."""

    name = NAME
    params = {  # noqa: RUF012
        "window": 5, "width": 1, "rsi_window": 3, "buy_below": 45, "sell_above": 60, "volume_window": 3,
        "volume_above": 0.8,
    }  # fmt: skip


class TestKnownEarnings(StrategyContract):
    """Where a report that is not known forbids an entry."""

    name = NAME
    params = {"earnings": "required"}  # noqa: RUF012


#: A session whose low, RSI and volume are those of an entry, which those of the session before were not.
NOW = {"session_low": 95.0, "bb_lower_20_2": 96.0, "rsi_14": 24.0, "volume_ratio_20": 1.6}
BEFORE = {f"{name}@1": value for name, value in (NOW | {"rsi_14": 33.0}).items()}
ENTRY = {
    **NOW,
    **BEFORE,
    "bb_upper_20_2": 110.0,
    "sessions_to_earnings": 20.0,
    "sessions_since_earnings": 43.0,
}

SURE = 0.5 + 0.5 * 6 / 30

SCENARIOS = [
    # what differs from the entry, high -> direction, confidence, words
    ({}, 100.0, "BUY", SURE, "low 95.00 is at or below bb_lower_20_2 96.00, rsi_14 24.0 below 30"),
    ({}, 100.0, "BUY", SURE, "volume_ratio_20 1.60 above 1.5; the next earnings are in 20 sessions"),
    ({"session_low": 96.0}, 100.0, "BUY", SURE, "low 96.00 is at or below bb_lower_20_2 96.00"),
    ({"session_low": 96.01}, 100.0, "HOLD", 0.0, "neither oversold with volume nor back: low 96.01"),
    ({"rsi_14": 30.0}, 100.0, "HOLD", 0.0, "neither oversold"),
    ({"rsi_14": 0.0}, 100.0, "BUY", 1.0, "rsi_14 0.0 below 30"),
    ({"volume_ratio_20": 1.5}, 100.0, "HOLD", 0.0, "neither oversold"),
    # of the session before
    ({"rsi_14@1": 24.0}, 100.0, "HOLD", 0.0, "not fresh: the low 95.00"),
    ({"rsi_14@1": 24.0, "session_low@1": 97.0}, 100.0, "BUY", SURE, "at or below"),
    ({"rsi_14@1": 24.0, "volume_ratio_20@1": 1.5}, 100.0, "BUY", SURE, "at or below"),
    ({"rsi_14@1": NAN}, 100.0, "HOLD", 0.0, "whether so in the session before is not known"),
    ({"rsi_14@1": NAN, "session_low@1": 97.0}, 100.0, "BUY", SURE, "at or below"),
    (dict.fromkeys(BEFORE, NAN), 100.0, "HOLD", 0.0, "whether so in the session before is not known"),
    # of earnings: in this session after its close or before its open, and up to three sessions on
    ({"sessions_to_earnings": 0.0}, 100.0, "HOLD", 0.0, "earnings are reported in 0 sessions: none is"),
    ({"sessions_to_earnings": 3.0}, 100.0, "HOLD", 0.0, "earnings are reported in 3 sessions: none is"),
    ({"sessions_to_earnings": 4.0}, 100.0, "BUY", SURE, "the next earnings are in 4 sessions"),
    ({"sessions_since_earnings": 0.0}, 100.0, "HOLD", 0.0, "earnings came before the open"),
    ({"sessions_since_earnings": 1.0}, 100.0, "BUY", SURE, "the next earnings are in 20 sessions"),
    ({"sessions_to_earnings": NAN}, 100.0, "BUY", SURE, "the next earnings is not known, and need not be"),
    (
        {"sessions_to_earnings": NAN, "sessions_since_earnings": NAN},
        100.0, "BUY", SURE, "next earnings is not known, and need not be",
    ),
    (
        {"sessions_to_earnings": NAN, "sessions_since_earnings": 0.0},
        100.0, "HOLD", 0.0, "earnings came before the open",
    ),
    # leaving, whatever else holds
    ({}, 110.0, "SELL", 1.0, "the high 110.00 reached bb_upper_20_2 110.00"),
    ({}, 109.99, "BUY", SURE, "at or below"),
    ({"rsi_14": 70.1}, 100.0, "SELL", 1.0, "rsi_14 70.1 is above 70"),
    ({"rsi_14": 70.0}, 100.0, "HOLD", 0.0, "neither oversold with volume nor back"),
    ({"rsi_14": 71.0, "bb_upper_20_2": NAN}, 100.0, "SELL", 1.0, "rsi_14 71.0 is above 70"),
    # what is missing
    ({"volume_ratio_20": NAN}, 100.0, "HOLD", 0.0, "volume_ratio_20 not known"),
    ({"session_low": NAN, "rsi_14": NAN}, NAN, "HOLD", 0.0, "the high, session_low, rsi_14 not known"),
]  # fmt: skip


def said(values: dict[str, float], high: float, **params: object) -> tuple[str, float, str]:
    """Direction, confidence and words of one session."""
    strategy = strategies.make(NAME, params)
    view = replace(session_of(strategy, ENTRY | values), high=np.array([[high]]))
    ((direction, confidence),) = say(strategy, view)
    return direction, confidence, strategy.explain(view, strategy.signals(view), 0, 0)


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: f"{row[0]} {row[1]}")
def test_every_condition_and_its_edge(row: tuple) -> None:
    values, high, direction, confidence, words = row
    found = said(values, high)
    assert found[:2] == (direction, pytest.approx(confidence, abs=1e-12))
    assert words in found[2]
    assert "nan" not in found[2]


def test_a_report_that_is_not_known_forbids_an_entry_where_it_is_required() -> None:
    direction, confidence, words = said({"sessions_to_earnings": NAN}, 100.0, earnings="required")
    assert (direction, confidence) == ("HOLD", 0.0)
    assert "the day of the next earnings is not known, and has to be" in words
    assert said({}, 100.0, earnings="required")[0] == "BUY"


def test_its_figures_say_what_is_compared_and_that_a_report_is_not_known() -> None:
    strategy = strategies.make(NAME)
    view = session_of(strategy, ENTRY | {"sessions_to_earnings": NAN})
    found = figures_of_cell(strategy.figures(view, strategy.signals(view)), 0, 0)
    assert found == NOW | {"bb_upper_20_2": 110.0, "sessions_to_earnings": None}


def test_it_leaves_after_five_sessions_or_two_percent_under_the_average_entry() -> None:
    assert strategies.make(NAME).exit_plan == ExitPlan(sessions=5, stop=ExitDistance(share=0.02))
    assert strategies.make(NAME, {"sessions": 7, "stop": 0.03}).exit_plan == ExitPlan(
        sessions=7, stop=ExitDistance(share=0.03)
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"stop": 0}, "params.stop: found 0; input should be greater than 0"),
        ({"stop": 1}, "params.stop: found 1; input should be less than 1"),
        ({"buy_below": 71}, "buy_below 71 lies above sell_above 70"),
        ({"sessions": 0}, "params.sessions: found 0"),
        (
            {"earnings": "never"},
            "params.earnings: found 'never'; input should be 'required' or 'where_known'",
        ),
        ({"windows": 14}, "params.windows: unknown key; mean_reversion knows"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_path(params: dict, message: str) -> None:
    with pytest.raises(Refused) as refusal:
        strategies.make(NAME, params)
    assert message in str(refusal.value)


def rsi_of(close: pd.Series) -> pd.Series:
    """Wilder's index by pandas: its averages begin with the mean of the first 14 changes."""
    change = close.diff()

    def average(moves: pd.Series) -> pd.Series:
        seeded = moves.copy()
        seeded.iloc[14] = moves.iloc[1:15].mean()
        seeded.iloc[:14] = np.nan
        return seeded.ewm(alpha=1 / 14, adjust=False, ignore_na=True).mean()

    up, down = average(change.clip(lower=0.0)), average(-change.clip(upper=0.0))
    return 100.0 * up / (up + down)


def expected_of(bars: pd.DataFrame, to_report: pd.Series, since_report: pd.Series) -> pd.DataFrame:
    """Direction and confidence of each session of one stock, by its definition."""
    ratio = bars["adj_close"] / bars["close"]
    close, high, low = bars["adj_close"], bars["high"] * ratio, bars["low"] * ratio
    mid, width = close.rolling(20).mean(), 2.0 * close.rolling(20).std(ddof=0)
    rsi = rsi_of(close)
    volume = bars["volume"] / bars["volume"].rolling(20).mean().shift(1)
    slack = 1e-9 * close
    condition = (low <= mid - width + slack) & (rsi < 30) & (volume > 1.5)
    known = mid.notna() & rsi.notna() & volume.notna()
    fresh = condition & ~condition.shift(1, fill_value=True) & known.shift(1, fill_value=False)
    enters = fresh & ~(to_report <= 3) & (since_report != 0)
    leaves = (high >= mid + width - slack) | (rsi > 70)
    direction = np.where(leaves, Direction.SELL, np.where(enters, Direction.BUY, Direction.HOLD))
    sure = np.where(leaves, 1.0, np.where(enters, 0.5 + 0.5 * (30 - rsi) / 30, 0.0))
    return pd.DataFrame({"direction": direction, "confidence": sure}, index=bars.index)


def test_on_real_stocks_it_says_what_pandas_says(market: Path) -> None:
    table = pd.read_csv(market / "equities_daily.csv.gz")
    chosen = sorted(table["symbol"].unique())[:12]
    of_stock = {one: table[table["symbol"] == one].set_index("date").iloc[:1_500] for one in chosen}
    first = of_stock[chosen[0]]

    def wide(name: str) -> np.ndarray:
        return np.column_stack([bars[name].to_numpy(dtype=float) for bars in of_stock.values()])

    ratio = wide("adj_close") / wide("close")
    panel = panel_of(
        wide("close"), high=wide("high"), low=wide("low"), volume=wide("volume"), adjustment=ratio / ratio[0],
        symbols=tuple(chosen),
    )  # fmt: skip
    random = np.random.default_rng(5)
    to_report = np.where(
        random.random(panel.close.shape) < 0.1, NAN, random.integers(0, 12, panel.close.shape)
    )
    since_report = np.where(
        random.random(panel.close.shape) < 0.1, NAN, random.integers(0, 4, panel.close.shape)
    )
    panel = replace(panel, facts={"sessions_to_earnings": to_report, "sessions_since_earnings": since_report})
    strategy = strategies.make(NAME)
    found = factors.compute(panel, strategy.factors, benchmark=chosen[0], universe=members(panel))
    signals = strategy.signals(View.of(panel, found, panel.symbols, panel.symbols[0]))
    for n, bars in enumerate(of_stock.values()):
        expected = expected_of(
            bars, *(pd.Series(one[:, n], index=first.index) for one in (to_report, since_report))
        )
        np.testing.assert_array_equal(signals.direction[:, n], expected["direction"])
        np.testing.assert_allclose(signals.confidence[:, n], expected["confidence"], atol=1e-9)
    bought = signals.direction == Direction.BUY
    assert bought.sum() > 40
    assert not any((one & other).any() for one, other in pairwise(bought))
