"""What splits of an underlying make of its options."""

from decimal import Decimal

import pytest

from nightdesk.core.contract_adjustment import AdjustedContract, adjusted, unnamed_words
from nightdesk.core.contracts import Contract, OptionTerms
from nightdesk.core.errors import Refused

CALL = "SPY261218C00400000"


def contract(symbol: str = CALL, deliverable: int | None = None) -> Contract:
    units = None if deliverable is None else Decimal(deliverable)
    return Contract(Decimal(100), underlying="SPY", option=OptionTerms.of(symbol), deliverable=units)


@pytest.mark.parametrize(
    ("ratio", "symbol", "contracts"),
    [
        (2.0, "SPY261218C00200000", 2),
        (4.0, "SPY261218C00100000", 4),
        # a third of 400 is rounded to the cent
        (3.0, "SPY261218C00133330", 3),
        (20.0, "SPY261218C00020000", 20),
    ],
)
def test_a_whole_split_multiplies_contracts_and_divides_the_strike(
    ratio: float, symbol: str, contracts: int
) -> None:
    assert adjusted(CALL, contract(), ratio) == AdjustedContract(symbol, contracts, contract(symbol))


@pytest.mark.parametrize(
    ("ratio", "delivered"),
    [(1.5, 150), (1.25, 125), (0.1, 10), (0.05, 5), (1.1, 110), (2.5, 250)],
)
def test_any_other_split_changes_what_is_delivered_and_gives_the_root_a_digit(
    ratio: float, delivered: int
) -> None:
    symbol = "SPY1261218C00400000"
    becomes = adjusted(CALL, contract(), ratio)
    assert becomes == AdjustedContract(symbol, 1, contract(symbol, delivered))
    # what is paid at exercise is the same as before
    assert becomes.contract.multiplier == 100
    assert becomes.contract.option is not None
    assert becomes.contract.option.strike == 400


@pytest.mark.parametrize(
    ("symbol", "ratio", "words"),
    [
        (CALL, 1 / 3, r"would deliver 33.333333 units.*close it before"),
        ("SPY1261218C00400000", 2.0, r"was adjusted before.*close it before"),
        ("GOOGLE261218C00400000", 1.5, r"has 6 characters"),
        ("SPY261218C00000005", 4.0, r"its strike would be nothing"),
    ],
)
def test_what_cannot_be_counted_is_refused(symbol: str, ratio: float, words: str) -> None:
    with pytest.raises(Refused, match=words):
        adjusted(symbol, contract(symbol), ratio)


def test_a_universe_must_name_what_a_contract_becomes() -> None:
    becomes = adjusted(CALL, contract(), 0.1)
    line = "{asset_class: option, underlying: SPY, multiplier: 100, deliverable: 10"
    assert unnamed_words(becomes, {}) == (
        f"put SPY1261218C00400000: {line}, max_weight: …}} into the book's universe"
    )
    wrong = {becomes.symbol: contract(becomes.symbol)}
    assert unnamed_words(becomes, wrong) == (
        f"correct SPY1261218C00400000 in the book's universe: it is {line}}}"
    )
    assert unnamed_words(becomes, {becomes.symbol: becomes.contract}) == ""
