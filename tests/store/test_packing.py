"""Arrays as one value of a table."""

import numpy as np
import pytest

from nightdesk.store.packing import Packed, pack, unpack

CONTENT = Packed(
    {
        "prices": np.array([[1.5, np.nan], [-0.0, 1e-310]]),
        "flags": np.array([True, False]),
        "none": np.zeros((0, 3)),
        "day": np.array(["2024-01-02"], dtype="datetime64[D]"),
        "cut": np.arange(12.0).reshape(3, 4)[:, ::2],
        "one": np.array(7),
    },
    {"splits": [["2024-01-02", "GLD", 2.0]], "length": 3},
)


def test_what_is_packed_comes_back_to_the_last_bit_and_can_be_written_to() -> None:
    found = unpack(pack(CONTENT))
    assert found is not None
    assert found.facts == CONTENT.facts
    assert list(found.arrays) == list(CONTENT.arrays)
    for name, values in CONTENT.arrays.items():
        mine = found.arrays[name]
        assert (mine.dtype, mine.shape, mine.tobytes()) == (values.dtype, values.shape, values.tobytes())
        assert mine.flags.writeable
        assert mine.flags.c_contiguous


@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_value_with_one_wrong_bit_is_not_unpacked(at: int) -> None:
    value = bytearray(pack(CONTENT))
    value[at] ^= 1
    assert unpack(bytes(value)) is None
    assert unpack(pack(CONTENT)[:-1]) is None
    assert unpack(b"") is None
