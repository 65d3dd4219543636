import pytest

from nightdesk.core.corporate.ratios import nearest_split


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (2.0, "2:1"), (1.5, "3:2"), (1.493, "3:2"), (2.5, "5:2"), (20.1, "20:1"), (0.1, "1:10"),
        (0.0101, "1:100"), (1.25, "5:4"), (1.2001, "6:5"), (1.4, "7:5"),
    ],
)  # fmt: skip
def test_a_ratio_near_that_of_a_split_is_that_split(ratio: float, words: str) -> None:
    assert str(nearest_split(ratio)) == words


@pytest.mark.parametrize("ratio", [1.0, 1.0075, 1.2655, 1.4286, 1.5555, 1.75, 0.93, 0.0, -2.0, float("nan")])
def test_a_ratio_of_no_split_is_none(ratio: float) -> None:
    assert nearest_split(ratio) is None
