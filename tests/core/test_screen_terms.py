"""What a screen may be asked, and what is refused in words."""

import pytest
from pydantic import ValidationError

from nightdesk.core.screen_terms import ScreenTerms


def test_what_is_left_out_is_usual() -> None:
    terms = ScreenTerms.model_validate({"pairs": {}})
    assert terms.pool == "listings"
    assert terms.criteria.price == (5.0, 500.0)
    assert terms.criteria.exchanges == ("NYSE", "NASDAQ")
    assert terms.pairs is not None
    assert terms.pairs.hedge_ratio == (0.67, 1.5)
    assert ScreenTerms.model_validate({}).pairs is None


def test_null_switches_a_criterion_off() -> None:
    terms = ScreenTerms.model_validate({"criteria": {"market_cap": None, "exchanges": None, "price": None}})
    assert (terms.criteria.market_cap, terms.criteria.exchanges, terms.criteria.price) == (None, None, None)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"criteria": {"price": [500, 5]}}, "smaller one comes first"),
        ({"criteria": {"price": [5, 5]}}, "smaller one comes first"),
        ({"criteria": {"price": [0, 5]}}, "greater than 0"),
        ({"criteria": {"exchanges": []}}, "at least 1 item"),
        ({"criteria": {"exchanges": ["NYSEE"]}}, "found NYSEE, where nothing is listed: .* spell it NYSE"),
        ({"criteria": {"exchanges": ["NASDAQ", "nyse"]}}, "spell it NYSE"),
        ({"criteria": {"dollar_volumes": 1}}, "Extra inputs"),
        ({"pool": "everything"}, "should match pattern"),
        ({"pairs": {"window": 59}}, "greater than or equal to 60"),
        ({"pairs": {"same_sector": "maybe"}}, "'prefer', 'require' or 'ignore'"),
        ({"pairs": {"correlation": 1}}, "less than 1"),
        ({"pairs": {"p_value": 0}}, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(tree: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ScreenTerms.model_validate(tree)


def test_an_exchange_of_a_file_of_ones_own_is_taken() -> None:
    terms = ScreenTerms.model_validate({"criteria": {"exchanges": ["XETRA", "NYSE ARCA"]}})
    assert terms.criteria.exchanges == ("XETRA", "NYSE ARCA")


def test_the_terms_survive_being_written_and_read() -> None:
    terms = ScreenTerms.model_validate({"pool": "files:pool.csv", "pairs": {"q_limit": 0.1}})
    assert ScreenTerms.model_validate(terms.model_dump(mode="json")) == terms
