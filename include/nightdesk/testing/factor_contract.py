"""What every factor must keep: nothing looks ahead, and values fit the panel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from nightdesk import factors
from nightdesk.core.panel import Floats, Panel
from nightdesk.factors.compute import Source
from nightdesk.testing.random_panels import members, random_panel

Compute = Callable[[Panel], Mapping[str, Floats]]


def assert_truncation_changes_nothing(compute: Compute, panel: Panel, lengths: Iterable[int]) -> None:
    """All rows computed from the panel cut at `lengths` equal, bit for bit, those of the whole panel."""
    whole = compute(panel)
    for length in lengths:
        for name, values in compute(panel.until(length)).items():
            expected = whole[name][:length]
            same = (values == expected) | (np.isnan(values) & np.isnan(expected))
            assert same.all(), (
                f"{name}: {np.count_nonzero(~same)} values of {length} sessions change with later rows"
            )


class FactorContract:
    """Inherited by a test class for each group of factors.

    Attributes
    ----------
    names : tuple of str
        The factors, such as ``sma_20``: one at least of each family.
    """

    names: ClassVar[tuple[str, ...]]
    #: Sessions of the panels; of factors that look back further, more.
    sessions: ClassVar[int] = 420
    #: Lengths at which panels are cut, beside a panel's own.
    lengths: ClassVar[tuple[int, ...]] = (1, 2, 15, 27, 60, 61, 200, 252, 253, 300, 390, 419)

    def compute(self, panel: Panel) -> dict[str, Floats]:
        """The factors of the class on a panel, each of shape (n_sessions, n_columns)."""
        return factors.compute(panel, self.names, benchmark="SPY", universe=members(panel))

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_nothing_looks_ahead_on_random_panels_with_gaps(self, seed: int) -> None:
        assert_truncation_changes_nothing(self.compute, random_panel(seed, self.sessions), self.lengths)

    def test_every_factor_fits_the_panel_and_has_values(self) -> None:
        panel = random_panel(4, self.sessions)
        for name, values in self.compute(panel).items():
            assert values.shape == panel.close.shape
            assert values.dtype == np.float64
            assert not np.isinf(values).any(), name
            assert np.isfinite(values[:, 0]).sum() > 50, name

    def test_a_dependable_value_comes_after_the_look_back_that_is_declared(self) -> None:
        panel = random_panel(5, sessions=self.sessions + 280)
        for name, values in self.compute(panel).items():
            assert np.isfinite(values[factors.look_back([name]) - 1 :, 0]).all(), name

    def test_a_panel_without_any_bar_gives_no_value(self) -> None:
        panel = random_panel(6)
        empty: dict[str, Any] = {
            name: np.full_like(panel.close, np.nan) for name in ("open", "high", "low", "close", "volume")
        }
        for name, values in self.compute(replace(panel, **empty)).items():
            assert np.isnan(values).all(), name

    def test_a_factor_by_column_is_the_same_to_the_bit_with_one_column_at_a_time(self) -> None:
        panel = random_panel(7, self.sessions)
        asked = {name.removeprefix(factors.HOURLY) for name in self.names}
        names = sorted(one for one in asked if factors.resolve(one).by_column)
        whole, apart = (Source(panel, "SPY", members(panel)) for _ in range(2))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            apart.make_by_blocks(names, at_a_time=1)
            for name in names:
                expected, values = whole.factor(name), apart.factor(name)
                assert np.array_equal(values.view(np.int64), expected.view(np.int64)), (
                    f"{name} is registered by_column, and its values depend on other columns"
                )
