"""Arrays in a file that several processes map."""

import numpy as np
import pytest
from tests.engine.desks import book
from tests.research.backtest.panels import seeded_panel

from nightdesk.research.sweep.shared_arrays import ALIGNMENT, share, shared


def test_what_is_shared_comes_back_bit_for_bit_in_the_same_layout(tmp_path):
    values = {
        "c": np.random.default_rng(1).standard_normal((7, 3)),
        "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "days": np.array(["2020-01-02", "2020-01-03"], dtype="datetime64[D]"),
        "flags": np.array([True, False]),
        "none": np.empty((0, 4)),
        "word": "text",
    }
    share(tmp_path / "task", values)
    back = shared(tmp_path / "task")
    assert back["word"] == "text"
    for name in ("c", "fortran", "days", "flags", "none"):
        assert back[name].dtype == values[name].dtype
        assert back[name].tobytes() == values[name].tobytes()
        assert back[name].flags.f_contiguous == values[name].flags.f_contiguous


def test_shared_arrays_are_mapped_read_only_and_aligned(tmp_path):
    share(tmp_path / "task", [np.arange(5.0), np.ones(3, dtype=np.int8), np.arange(9.0)])
    back = shared(tmp_path / "task")
    for array in back:
        assert not array.flags.owndata
        assert array.ctypes.data % ALIGNMENT == 0
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7


def test_a_value_without_arrays_can_be_shared(tmp_path):
    share(tmp_path / "task", {"a": 1})
    assert shared(tmp_path / "task") == {"a": 1}


def test_a_shared_panel_is_the_panel(tmp_path):
    panel = seeded_panel(book())
    share(tmp_path / "task", panel)
    back = shared(tmp_path / "task")
    assert np.array_equal(back.close, panel.close, equal_nan=True)
    assert np.array_equal(back.returns, panel.returns, equal_nan=True)
