"""The registry of strategies."""

import pytest

from nightdesk import strategies
from nightdesk.core.errors import Refused
from nightdesk.strategies import Strategy


def test_an_unknown_strategy_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(Refused) as refusal:
        strategies.make("time_series_momentun")
    assert "there is no strategy 'time_series_momentun'; did you mean time_series_momentum?" in str(
        refusal.value
    )


def test_a_strategy_unlike_any_other_is_refused_with_all_that_are_known() -> None:
    with pytest.raises(
        Refused, match=r"strategies\.zzz: there is no strategy 'zzz'; known are .*time_series_momentum"
    ):
        strategies.make("zzz")


def test_the_path_in_the_book_can_be_given() -> None:
    with pytest.raises(Refused, match=r"books/a\.yaml: strategies\.x\.params\.window: found 0"):
        strategies.make("time_series_momentum", {"window": 0}, path="books/a.yaml: strategies.x")


def test_two_strategies_of_one_name_are_a_mistake() -> None:
    class Another(Strategy):
        name = "time_series_momentum"

    with pytest.raises(ValueError, match="two plug-ins are a strategy named time_series_momentum"):
        strategies.register(Another)


def test_parameters_never_change() -> None:
    params = strategies.make("time_series_momentum").params
    with pytest.raises(ValueError, match="frozen"):
        params.window = 5
