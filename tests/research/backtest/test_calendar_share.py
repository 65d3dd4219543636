"""A backtest says how much of what strategies show is the day of the year."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pytest
from tests.research.backtest.panels import seeded_panel

from nightdesk.core.book import parse_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.cell_figures import Figures
from nightdesk.research.backtest.calendar_share import calendar_share, mostly_calendar, wave_correlation
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import backtest
from nightdesk.strategies import Direction, Signals, Strategy, View, register

SESSIONS = get_calendar("XNYS").between(date(2010, 1, 4), date(2014, 12, 31))


def days_of_year(sessions: np.ndarray) -> np.ndarray:
    return np.array([day.item().timetuple().tm_yday for day in sessions], dtype=np.float64)


WAVE = np.sin(2 * np.pi * days_of_year(SESSIONS) / 365)[:, None] * np.ones((1, 3))


def test_a_function_of_the_date_alone_is_all_calendar_whatever_its_phase_and_size() -> None:
    assert wave_correlation(SESSIONS, WAVE) == pytest.approx(1.0, abs=1e-9)
    turned = np.cos(2 * np.pi * (days_of_year(SESSIONS) - 45) / 365)[:, None]
    assert wave_correlation(SESSIONS, 7.0 - 1e-4 * turned) == pytest.approx(1.0, abs=1e-9)


def test_noise_is_no_calendar_and_a_mixture_is_as_correlated_as_it_was_made() -> None:
    noise = np.random.default_rng(3).standard_normal(WAVE.shape)
    assert wave_correlation(SESSIONS, noise) < 0.05
    for share in (0.3, 0.95):
        mixed = share * WAVE * np.sqrt(2) + np.sqrt(1 - share**2) * noise
        assert wave_correlation(SESSIONS, mixed) == pytest.approx(share, abs=0.02)


def test_the_sine_itself_is_correlated_with_itself_as_numpy_says() -> None:
    values = WAVE[:, :1] + np.random.default_rng(5).standard_normal((len(SESSIONS), 1))
    sine, cosine = (made(2 * np.pi * days_of_year(SESSIONS) / 365) for made in (np.sin, np.cos))
    with_sine = abs(np.corrcoef(values[:, 0], sine)[0, 1])
    assert wave_correlation(SESSIONS, values) >= with_sine
    both = np.corrcoef(np.stack([values[:, 0], sine, cosine]))
    expected = np.sqrt(both[0, 1:] @ np.linalg.inv(both[1:, 1:]) @ both[1:, 0])
    assert wave_correlation(SESSIONS, values) == pytest.approx(expected, abs=1e-12)


def test_missing_numbers_are_left_out() -> None:
    holed = WAVE.copy()
    holed[::3, 1] = np.nan
    holed[:, 2] = np.nan
    assert wave_correlation(SESSIONS, holed) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(len(SESSIONS))[:, None] < 500, WAVE, np.nan),
        np.full_like(WAVE, np.nan),
        np.full_like(WAVE, 0.1),
    ],
    ids=["less than two years", "nothing known", "all equal"],
)
def test_where_it_cannot_be_said_it_is_not(values: np.ndarray) -> None:
    assert np.isnan(wave_correlation(SESSIONS, values))


@register
class Seasonal(Strategy):
    """Buys all the time, and shows the season, a price and a word."""

    name = "seasonal_of_tests"
    factors = ("momentum_60",)

    def signals(self, view: View) -> Signals:
        shape = view.close.shape
        return Signals(
            np.full(shape, Direction.BUY, dtype=np.int8),
            np.ones(shape),
            np.ones(shape),
            np.zeros(shape, dtype=np.int8),
        )

    def figures(self, view: View, signals: Signals) -> Figures:
        season = np.sin(2 * np.pi * days_of_year(view.sessions) / 365)
        return {
            "season": np.broadcast_to(season[:, None], view.close.shape),
            "momentum": view.factors["momentum_60"],
            "word": np.full(view.close.shape, "up"),
        }

    @property
    def words(self) -> Mapping[int, str]:
        return {0: "always"}


def test_a_backtest_tells_it_of_the_decided_sessions() -> None:
    tree = {
        "name": "seasons",
        "title": "Seasons",
        "initial_capital": "100000.00",
        "broker": {"kind": "paper", "account": "seasons"},
        "universe": {symbol: {"max_weight": 0.5, "asset_class": "equity"} for symbol in ("GLD", "TLT")},
        "strategies": {Seasonal.name: {"share": 1.0}},
        "regime": [{"name": "ALL"}],
        "limits": {"max_weight": {}},
    }
    book = parse_book(tree, "a test")
    result = backtest(book, seeded_panel(book), date(2018, 6, 1), date(2020, 6, 30))
    shares = calendar_share(result)
    assert set(shares) == {Seasonal.name}
    assert set(shares[Seasonal.name]) == {"season", "momentum"}
    assert shares[Seasonal.name]["season"] == pytest.approx(1.0, abs=1e-9)
    assert shares[Seasonal.name]["momentum"] < 0.7
    assert metrics(result)["calendar"] == shares
    (told,) = mostly_calendar(shares)
    assert told.startswith(f"season of {Seasonal.name} is mostly the calendar")
    assert "1.00" in told
    short = backtest(book, seeded_panel(book), date(2019, 6, 3), date(2020, 6, 30))
    assert metrics(short)["calendar"] == {Seasonal.name: {"season": None, "momentum": None}}
    assert not list(mostly_calendar(metrics(short)["calendar"]))  # type: ignore[arg-type]
