"""Compiled loops and blocks of columns change the time that factors take, and no bit of them."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from nightdesk import factors
from nightdesk.core.panel import Floats, Panel
from nightdesk.factors import kernels, wilder, windows
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import FAMILIES, factor, resolve
from nightdesk.testing.random_panels import members, random_panel

#: The module; the package has its function under that name.
computing = importlib.import_module("nightdesk.factors.compute")

NAMES = (
    *factors.STANDARD,
    "momentum_1",
    "q50_21",
    "q01_9",
    "rsi_2",
    "rank_rsi_14@5",
    "rsi_14@1",
    "adjusted_close",
    "zscore_60_of(volatility_20)",
    "std_20_of(rsi_14@2)",
    "mean_20_of(rank_rsi_14)",
    "rank_zscore_60_of(momentum_signal)",
    "volatility_signal",
    "beta_signal",
    "tail_signal",
    "carry_signal",
    "benchmark_close",
)


def series(seed: int, rows: int = 400, columns: int = 9) -> Floats:
    """Returns with gaps, standstills, a late listing, one column without any value and one of zeros."""
    random = np.random.default_rng(seed)
    out = random.normal(0.0, 0.01, (rows, columns))
    out[random.random(out.shape) < 0.1] = 0.0
    out[random.random(out.shape) < 0.01] = np.nan
    out[: rows // 3, 1] = np.nan
    out[:, 2] = np.nan
    out[:, 3] = 0.0
    return out


def assert_same_bits(one: Floats, other: Floats) -> None:
    there = ~np.isnan(other)
    np.testing.assert_array_equal(np.isnan(one), ~there)
    np.testing.assert_array_equal(one[there].view(np.int64), other[there].view(np.int64))


@pytest.fixture(scope="module")
def compiled() -> kernels.Kernels:
    return kernels.compiled()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("n", [1, 2, 3, 14, 20, 60, 63, 64, 65, 200, 399, 400, 401])
@pytest.mark.parametrize("seed", [1, 2])
def test_windows_by_compiled_loops_have_the_same_bits(compiled: kernels.Kernels, n: int, seed: int) -> None:
    x = series(seed)
    for ddof in (0, 1):
        by_loops = windows.deviation(x, n, ddof=ddof, kernels=compiled)
        assert_same_bits(by_loops, windows.deviation(x, n, ddof=ddof))
    assert_same_bits(windows.slope(x, x[:, :1], n, compiled), windows.slope(x, x[:, :1], n))
    for percent in (1, 5, 10, 50, 90, 95, 99):
        assert_same_bits(windows.quantile(x, n, percent, compiled), windows.quantile(x, n, percent))


@pytest.mark.parametrize(("alpha", "n"), [(1 / 14, 14), (0.5, 2), (1.0, 1), (2 / 27, 26), (0.1, 500)])
def test_running_averages_by_compiled_loops_have_the_same_bits(
    compiled: kernels.Kernels, alpha: float, n: int
) -> None:
    x = series(3)
    x[50, 0], x[60, 0], x[:, 4] = np.inf, -np.inf, -0.0
    assert_same_bits(wilder.running(x, alpha, n, compiled), wilder.running(x, alpha, n))
    present = np.isfinite(x)
    assert_same_bits(wilder.previous(x, present, compiled), wilder.previous(x, present))


def test_a_quantile_finds_its_neighbours_through_ties_falls_and_rises(compiled: kernels.Kernels) -> None:
    rows = np.arange(600)
    x = np.column_stack(
        [
            rows % 7,
            -rows,
            rows,
            np.minimum(rows % 40, 3),
            rows // 50,
            np.where(rows % 90 == 8, np.nan, -rows % 61),
        ]
    ).astype(float)
    for percent in (1, 5, 10, 91, 99):
        assert_same_bits(windows.quantile(x, 60, percent, compiled), windows.quantile(x, 60, percent))


@pytest.fixture(scope="module")
def wide() -> Panel:
    """The traded columns of many random panels beside one another, and the index of one of them."""
    panels = [random_panel(seed) for seed in range(11, 29)]
    traded = members(panels[0])
    arrays = {
        field.name: np.hstack(
            [
                *(getattr(one, field.name)[:, :traded] for one in panels),
                getattr(panels[0], field.name)[:, traded:],
            ]
        )
        for field in fields(Panel)
        if isinstance(getattr(panels[0], field.name), np.ndarray) and field.name != "sessions"
    }
    names = [f"{name}{n or ''}" for n in range(len(panels)) for name in panels[0].symbols[:traded]]
    return replace(panels[0], **arrays, symbols=(*names, *panels[0].symbols[traded:]))


def of(panel: Panel, member: Any = None) -> dict[str, Floats]:
    return factors.compute(panel, NAMES, benchmark="SPY", universe=members(panel), member=member)


@pytest.mark.parametrize("few_members", [False, True])
def test_a_wide_panel_has_the_same_factors_in_blocks_and_by_compiled_loops(
    wide: Panel, monkeypatch: pytest.MonkeyPatch, few_members: bool
) -> None:
    member = None
    if few_members:
        member = np.random.default_rng(1).random((len(wide), members(wide))) < 0.5
    monkeypatch.setattr(computing, "COLUMNS_AT_A_TIME", 10_000)
    whole = of(wide, member)
    monkeypatch.setattr(computing, "COLUMNS_AT_A_TIME", 7)
    in_blocks = of(wide, member)
    monkeypatch.setattr(kernels, "FROM_CELLS", 1)
    by_loops = of(wide, member)
    monkeypatch.setattr(computing, "COLUMNS_OF_KERNELS", 11)
    in_other_blocks = of(wide, member)
    assert len(whole) == len(set(NAMES))
    for name, expected in whole.items():
        for found in (in_blocks, by_loops, in_other_blocks):
            assert_same_bits(found[name], expected)


def test_only_a_large_panel_loads_the_compiled_loops() -> None:
    assert kernels.kernels_for(kernels.FROM_CELLS - 1) is None
    assert kernels.kernels_for(kernels.FROM_CELLS) is kernels.compiled()


def test_factors_across_columns_see_the_whole_panel(wide: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "COLUMNS_AT_A_TIME", 7)
    pattern = "share_of_market_{n}"
    assert not resolve("rank_momentum_60").by_column
    try:

        @factor(pattern, look_back=lambda n: n)
        def share(source: Source, n: int) -> Floats:
            return source.close / np.nansum(source.close, axis=1, keepdims=True) + 0.0 * source.factor(
                f"sma_{n}"
            )

        found = factors.compute(wide, ["share_of_market_1"], benchmark="SPY", universe=members(wide))
    finally:
        FAMILIES._remove(pattern)
        resolve.cache_clear()
    total = np.nansum(found["share_of_market_1"], axis=1)
    np.testing.assert_allclose(total, 1.0)


SCRIPT = """
import numpy as np, numba
from nightdesk.factors import kernels
njit = numba.njit
def refuse(function, cache=False, **how):
    if cache:
        raise RuntimeError("cannot cache function: no locator available")
    return njit(function, **how)
numba.njit = refuse
print(kernels.compiled().previous(np.array([[1.0], [2.0]]), np.array([[True], [True]])).tolist())
"""


def test_where_nothing_may_be_written_each_process_compiles_for_itself() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[nan], [1.0]]"
