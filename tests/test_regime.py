"""The regime of a session."""

from pathlib import Path

import numpy as np
import pytest

from nightdesk import regime
from nightdesk.core.book import load_book
from nightdesk.core.portfolio_terms import Band

MULTI_ASSET = load_book(Path(__file__).resolve().parents[1] / "books" / "multi_asset.yaml").regime


@pytest.mark.parametrize(
    ("vix", "name"),
    [
        (0.0, "NORMAL"),
        (19.99, "NORMAL"),
        (20.0, "ELEVATED"),
        (29.99, "ELEVATED"),
        (30.0, "HIGH_VOL"),
        (39.99, "HIGH_VOL"),
        (40.0, "EXTREME"),
        (82.69, "EXTREME"),
    ],
)
def test_bands_are_half_open(vix: float, name: str) -> None:
    assert MULTI_ASSET[regime.classify(np.array([vix]), MULTI_ASSET)[0]].name == name


def test_a_missing_vix_has_no_regime() -> None:
    found = regime.classify(np.array([15.0, np.nan, 45.0]), MULTI_ASSET)
    np.testing.assert_array_equal(found, [0, regime.UNKNOWN, 3])


def test_a_single_band_holds_everything() -> None:
    found = regime.classify(np.array([1.0, 99.0, np.nan]), [Band(name="ALL")])
    np.testing.assert_array_equal(found, [0, 0, regime.UNKNOWN])


def test_no_session_depends_on_another() -> None:
    vix = np.random.default_rng(1).uniform(10.0, 60.0, 200)
    whole = regime.classify(vix, MULTI_ASSET)
    alone = [regime.classify(vix[t : t + 1], MULTI_ASSET)[0] for t in range(200)]
    np.testing.assert_array_equal(whole, alone)
