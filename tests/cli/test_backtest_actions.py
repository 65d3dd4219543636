"""What `backtest` says of corporate actions: inferred ones are named, asked ones with what answers them."""

import re
from pathlib import Path

import pytest

SPAN = ("--from", "2021-05-03", "--to", "2021-07-30")


@pytest.fixture
def run(nightdesk, market: Path):
    cases = market.parent / "cases"
    if not (cases / "probe.yaml").is_file():
        pytest.skip(f"there are no small cases in {cases}")

    def backtest(name: str, *more: str) -> tuple[dict, str]:
        inject = ("--inject", str(cases / name / "inject.csv"))
        call = (
            "backtest",
            str(cases / "probe.yaml"),
            *SPAN,
            "--feed",
            f"files:{cases / name}",
            *inject,
            *more,
        )
        return nightdesk.document(*call), nightdesk(*call).stdout

    return backtest


def test_an_inferred_split_is_named_in_summary_and_json(run) -> None:
    document, text = run("split_3_for_2_raw")
    (found,) = document["actions"]
    assert (found["symbol"], found["session"], found["outcome"]) == ("AAA", "2021-06-15", "inferred")
    assert re.search(r"^inferred: AAA 2021-06-15: a split of 3:2", text, re.MULTILINE)


def test_a_question_comes_with_the_commands_that_answer_it(run) -> None:
    document, text = run("special_dividend_21pct")
    (asked,) = document["actions"]
    assert asked["outcome"] == "asked"
    assert any(command.startswith("nightdesk action dividend AAA") for command in asked["answers"])
    assert "nightdesk action dividend AAA --session 2021-06-22" in text


def test_a_price_that_is_accepted_is_taken_as_it_is(run) -> None:
    document, text = run("special_dividend_21pct", "--accept", "AAA:2021-06-22")
    assert document["metrics"]["final_nav"] == pytest.approx(90_633.5, abs=1.0)
    assert "accepted as it is: AAA" in text
