"""Conditions that people write: what they mean, and what is refused in words."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.core.errors import Refused
from nightdesk.strategies.condition import amount, condition

NAN = float("nan")
VALUES = {
    "rsi_14": 25.0,
    "rsi_14@1": 31.0,
    "sma_20": 101.0,
    "sma_20@1": 99.0,
    "sma_50": 100.0,
    "sma_50@1": 100.0,
    "sma_200": NAN,
    "h:sma_20": 7.0,
    "bb_upper_20_2.5": 3.0,
    "ta.supertrend(7,3).SUPERTd": 1.0,
    "ta.bbands(length=20)@2": 5.0,
    "adjusted_close": 4.0,
    "mean_20_of(rsi_14@1)": 50.0,
    "mean_20_of(rsi_14@1)@1": 20.0,
    "zscore_252_of(std_20_of(ta.atr(14)))": -2.0,
    "h:mean_20_of(rsi_14)@3": 1.5,
    "mean_200_of(adjusted_close)": 3.0,
    "close": 102.0,
    "open": 100.0,
    "volume": 0.0,
    "vix": 18.0,
}


def value(name: str) -> np.ndarray:
    return np.array([[VALUES[name]]])


def says(text: str) -> bool | None:
    """Whether a condition holds; None where it is not known."""
    holds, known = condition(text).truth(value)
    return bool(holds[0, 0]) if known[0, 0] else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rsi_14 < 30", True),
        ("rsi_14 >= 25", True),
        ("rsi_14 > 25", False),
        ("rsi_14 <= 24.9", False),
        ("20 < rsi_14 < 30 < 40", True),
        ("20 < rsi_14 < 25", False),
        ("rsi_14 < 30 and close > sma_50", True),
        ("rsi_14 > 30 or close > sma_50", True),
        ("not rsi_14 > 30", True),
        ("not (rsi_14 < 30 and vix < 20)", False),
        ("rsi_14@1 > 30", True),
        ("2*rsi_14@1 == 0 or 1 < 2", None),  # refused below
        ("h:sma_20 > 6 and bb_upper_20_2.5 < 4", True),
        ("ta.supertrend(7, 3).SUPERTd > 0", True),
        ("ta.bbands(length=20) @ 2 < adjusted_close", False),
        ("close / open - 1 > 0.019", True),
        ("-(close - open) < -1.9", True),
        ("2 * rsi_14@1 - rsi_14 > 36", True),
        ("abs(open - close) > 1 and max(open, close) > 101 and min(rsi_14, 3) < 4", True),
        ("crosses_above(sma_20, sma_50)", True),
        ("crosses_below(sma_50, sma_20)", True),
        ("crosses_below(sma_20, sma_50)", False),
        ("crosses_below(rsi_14, 30)", True),
        ("close > sma_200", None),
        ("not close > sma_200", None),
        ("rsi_14 < 30 or close > sma_200", None),
        ("close / volume > 1", None),
        ("not close / volume > 1", None),
        ("1e2 < close", True),
        ("mean_20_of(rsi_14@1) > 49", True),
        ("( mean_20_of ( rsi_14 @ 1 ) - 10 ) / 2 >= 20 and rsi_14 < 30", True),
        ("zscore_252_of(std_20_of(ta.atr(14))) > -1 or h:mean_20_of(rsi_14) @ 3 < 1.4", False),
        ("crosses_above(mean_20_of(rsi_14@1), 30)", True),
        ("adjusted_close > mean_200_of(adjusted_close)", True),
        ("max(mean_20_of(rsi_14@1), 60) < 61", True),
    ],
)
def test_a_condition_holds_fails_or_is_not_known(text: str, expected: bool | None) -> None:
    if "==" in text:
        with pytest.raises(Refused, match="compared by < <= > >= alone"):
            condition(text)
    else:
        assert says(text) is expected


def test_what_differs_by_rounding_alone_is_equal() -> None:
    holds, _ = condition("close > open").truth(
        lambda name: np.array([[{"close": 0.1 + 0.2, "open": 0.3}[name]]])
    )
    assert not holds[0, 0]


def test_operands_and_factors_are_named_in_their_order() -> None:
    read = condition("close > sma_50 and h:rsi_14@1 < 30 and vix < 25 and crosses_above(sma_20, sma_50)")
    assert read.operands == ("close", "sma_50", "h:rsi_14@1", "vix", "sma_20", "sma_20@1", "sma_50@1")
    assert read.factors == ("sma_50", "h:rsi_14@1", "sma_20", "sma_20@1", "sma_50@1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("rsi_14", "'rsi_14' is a number, and a condition is wanted"),
        ("rsi_14 < 30 +", "something is missing at its end"),
        ("rsi_14 < < 30", "cannot be read from '<' on, at character 10"),
        ("rsi_14 sma_20 < 3", "cannot be read"),
        ("rsi14 < 30", "there is no factor 'rsi14'; near ones are"),
        ("close@-1 > 5", "close@-1 looks into tomorrow"),
        ("rsi_14@-1 > 5", "looks into tomorrow"),
        ("close@1 > 5", "write adjusted_close@1"),
        ("volume@1 > 5", "earlier ones are factors"),
        ("rsi_14@0 > 5", "whole number from 1 to 999"),
        ("rsi_14@x > 5", "whole number from 1 to 999"),
        ("close / 0 > 1", "'_'|'close / 0' divides by zero"),
        ("close > ta.ema(20)", "is computed on adjusted prices, and close is in raw dollars"),
        ("close - ta.ema(20) > 0", "write adjusted_close in its place"),
        ("close > mean_20_of(adjusted_close)", "is computed on adjusted prices, and close is in raw dollars"),
        ("mean_20_of(close) < 3", "which a split parts; write adjusted_close"),
        ("mean_20_of(rsi_14@-1) > 3", "looks into tomorrow"),
        ("mean_20_of(rsi_14)@0 > 3", "whole number from 1 to 999"),
        ("mean_20_of(rsi_14 > 3", "its parentheses do not match"),
        ("mean_20_of(rsi_14, sma_20) > 3", "there is no factor 'rsi_14,sma_20'"),
        ("crosses_above(mean_20_of(rsi_14)@1, 30)", "has no value of the period before"),
        ("ta.nosuch(3) > 1", "pandas-ta has no such indicator"),
        ("ta.zigzag(3) > 1", "it moves its turning points"),
        ("sqrt(close) > 1", r"sqrt\(…\): there is no such function"),
        ("abs(close, open) > 1", "abs takes 1 values, and has 2"),
        ("(rsi_14 < 30) + 1 > 1", "is a condition, and a number is wanted"),
        ("rsi_14 < 30 and 5", "'5' is a number, and a condition is wanted"),
        ("close ** 2 > 1", "is not understood"),
        ("close > 'a'", "is not understood"),
        ("close > True", "True"),
        ("crosses_above(sma_20)", "takes two values"),
        ("crosses_above(close, sma_20)", "has no value of the period before"),
        ("crosses_above(sma_20@1, sma_50)", "has no value of the period before"),
        ("__import__('os').system('true') > 1", "there is no such function"),
        ("().__class__ > 1", "there is no factor|cannot be read|is not understood"),
        ("close > " + "(" * 80 + "1" + ")" * 80, "nests deeper|cannot be read|is not understood|^$"),
        ("close > " + "+".join("1" * 600), "characters, and 1000 are the most"),
        ("[x for x in close] > 1", "cannot be read|is not understood|no factor"),
        ("lambda: 1", "no factor|cannot be read"),
    ],
)
def test_what_is_no_condition_is_refused_in_words(text: str, words: str) -> None:
    if text.startswith("close > (("):
        assert condition(text).operands == ("close",)  # parentheses alone nest nothing
        return
    with pytest.raises(Refused, match=words):
        condition(text)


def test_what_nests_deeper_than_a_person_reads_is_refused() -> None:
    with pytest.raises(Refused, match="nests deeper than 50"):
        condition("close > " + "-" * 60 + "1")


def test_an_amount_is_a_number() -> None:
    assert amount("0.5 + 0.5 * (30 - rsi_14) / 30").value(value)[0, 0] == pytest.approx(0.5 + 0.5 * 5 / 30)
    with pytest.raises(Refused, match="is a condition, and a number is wanted"):
        amount("rsi_14 < 30")


PIECES = [
    "rsi_14",
    "close",
    "sma_20",
    "30",
    "<",
    ">",
    "and",
    "or",
    "not",
    "(",
    ")",
    "+",
    "/",
    "@1",
    "h:",
    "ta.rsi(5)",
]
PIECES += [
    "crosses_above(",
    ",",
    "abs(",
    "_0",
    "__",
    ".",
    "=",
    "'",
    "\\",
    "\n",
    "é",
    "0",
    "1e",
    "if",
    "else",
    "await",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Refused):
        assert condition(text).operands is not None
