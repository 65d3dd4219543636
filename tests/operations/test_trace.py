"""The story of a symbol tells what the rules on levels and stops did, and what filters dropped."""

from typing import Any

import pytest
import yaml
from tests.conftest import open_connection
from tests.session.small_desk import STRATEGY, UNIVERSE, SmallDesk, session

from nightdesk.operations.trace import trace
from nightdesk.risk import RiskEvent
from nightdesk.risk.rule import rule_class
from nightdesk.store.risk_state_rows import save_risk_event


def story(desk: SmallDesk, number: int, symbol: str) -> dict[str, Any]:
    with desk.at(number) as context:
        return trace(context, symbol)


def inject(desk: SmallDesk, number: int, *symbols: str, direction: str = "STRONG_BUY") -> dict[str, Any]:
    path = desk.book.with_name("signals.csv")
    rows = [f"{session(number)},{STRATEGY},{symbol},{direction},1" for symbol in symbols]
    path.write_text("\n".join(["session,strategy,symbol,direction,confidence", *rows]) + "\n")
    return {"inject": path}


def change(desk: SmallDesk, **keys: Any) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    for key, value in keys.items():
        tree[key] = {**tree.get(key, {}), **value}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))


def test_a_level_that_was_set_is_told_with_what_it_cuts(desk: SmallDesk) -> None:
    desk.run(0, **inject(desk, 0, "SPY"))
    desk.run(1)
    with open_connection(desk.url) as conn:
        save_risk_event(conn, "small", RiskEvent(session(2), "level", "drill", "ann", 4))
    desk.run(2)
    told = story(desk, 2, "SPY")
    assert told["level"].startswith("Drawdown level 4")
    (verdict,) = [one for one in told["verdicts"] if one["rule"] == "level_cut"]
    assert verdict["after"] == 0.0
    assert "0 is what the drawdown level leaves of it" in verdict["words"]
    assert story(desk, 1, "SPY")["level"].startswith("Drawdown level 0")


def test_a_stop_is_told(desk: SmallDesk) -> None:
    change(desk, limits={"stop_loss": {"halve": 0.12, "leave": 0.18}}, quality={"price_jump_floor": 0.5})
    desk.change_bar("SPY", session(2), 0.75)
    desk.run(0, **inject(desk, 0, "SPY"))
    desk.run(1)
    desk.run(2, **inject(desk, 2, "SPY", direction="HOLD"))
    (verdict,) = [one for one in story(desk, 2, "SPY")["verdicts"] if one["rule"] == "stop_loss"]
    assert verdict["after"] == 0.0
    assert verdict["value"] > 0.18
    assert verdict["words"].startswith("SPY: ")


def test_a_correlated_entry_is_told_with_both_symbols_and_the_number(desk: SmallDesk) -> None:
    change(desk, portfolio={"entry_correlation": 0.0})
    symbols = ("SPY", "QQQ", "GLD", "TLT")
    desk.run(0, **inject(desk, 0, *symbols))
    dropped = [(symbol, row) for symbol in symbols for row in story(desk, 0, symbol)["dropped"]]
    assert dropped, "no pair of these walks moves together at all"
    for symbol, row in dropped:
        assert row["other"] in UNIVERSE
        assert row["other"] != symbol
        for part in (row["other"], f"{row['observed']:.2f}", "0.00"):
            assert part in row["words"]
        assert story(desk, 0, symbol)["targets"][0]["why"] == "moves with another symbol"


@pytest.mark.parametrize("rule", ["correlation", "level_cut", "drawdown_level", "stop_loss"])
def test_the_rules_have_sentences_with_both_numbers(rule: str) -> None:
    said = rule_class(rule).sentence.format(value=0.5, limit=0.25)
    assert said != rule_class(rule).sentence
