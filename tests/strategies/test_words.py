"""Words of many signals at once are what Python's own formatting gives for each."""

import numpy as np
import pytest

from nightdesk.strategies.words import TOO_LITTLE_HISTORY, in_words, named

VALUES = {
    "sma_50": np.array([[1.005, 2.675], [1234567.125, -0.0]]),
    "bb_upper_20_2.5@1": np.array([[0.5, 1e-9], [np.nan, 1e22]]),
    "lead": np.array([[0.125, -0.125], [0.0, -1e-4]]),
    "vix": np.array([[12.5], [np.nan]]),
    "close": np.array([[np.nan, 1.0], [2.0, np.nan]]),
    "fitted": np.array([["2020-01-02"]], dtype=object),
}
CLAUSES = np.array([[0, 0], [0, 0]], dtype=np.int8)


@pytest.mark.parametrize(
    "text",
    [
        "no number, but 100 % of it",
        "sma_50 {sma_50:.2f} and {sma_50:.1%} of 5 %, {lead:+.2f}",
        "{bb_upper_20_2.5@1:g} {bb_upper_20_2.5@1:.3e} {vix:.1f}",
        "by the model of {fitted}",
    ],
)
def test_each_cell_has_its_own_numbers(text: str) -> None:
    found = in_words({0: text}, CLAUSES, VALUES.__getitem__, ())
    for t, n in np.ndindex(CLAUSES.shape):
        cell = {
            name.replace(".", "").replace("@", ""): np.broadcast_to(v, (2, 2))[t, n]
            for name, v in VALUES.items()
        }
        expected = text.replace("bb_upper_20_2.5@1", "bb_upper_20_251").format(**cell)
        assert found[t, n] == expected


def test_what_is_missing_is_named_in_the_order_of_what_is_needed() -> None:
    found = in_words(
        {0: TOO_LITTLE_HISTORY}, CLAUSES, VALUES.__getitem__, ("close", "bb_upper_20_2.5@1", "vix")
    )
    absent = [["the close", ""], ["bb_upper_20_2.5@1, vix", "the close, vix"]]
    assert found.tolist() == [
        [f"too little history, or a bar is missing: {names} not known" for names in row] for row in absent
    ]


def test_a_value_is_shown_with_its_name() -> None:
    assert in_words({0: named("lead", ".2%")}, CLAUSES, VALUES.__getitem__, ())[0, 0] == "lead 12.50%"


def test_a_format_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"\{lead:>8\} in .* write a value as \.2f"):
        in_words({0: "{lead:>8}"}, CLAUSES, VALUES.__getitem__, ())


def test_a_clause_without_words_is_named() -> None:
    with pytest.raises(LookupError, match=r"no words for clause 3: there are words for \[0\]"):
        in_words({0: "a"}, CLAUSES + np.int8(3), VALUES.__getitem__, ())


def test_the_colon_of_an_hourly_factor_belongs_to_its_name() -> None:
    values = {"h:rsi_14": np.array([[31.26]]), "h:sma_20@1": np.array([[30.0]])}
    text = "{h:rsi_14:.1f} above {h:sma_20@1}"
    assert in_words({1: text}, np.array([[1]], dtype=np.int8), values.__getitem__, ())[0, 0] == (
        "31.3 above 30.0"
    )
