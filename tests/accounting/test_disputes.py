"""Which positions are in dispute after a settling, and which orders positions hold back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from tests.accounting.snapshots import EXACT, broker, fill, held, ours, plan, sent

from nightdesk.accounting.disputes import UnbookedOrder, disputes, why_withheld
from nightdesk.accounting.repairs import SentOrder
from nightdesk.core.account_terms import Tolerance

SENT, PLANNED = sent("a"), sent("a", status="planned")
SOLD, LONG_AGO = sent("a", "sell"), sent("a", decided=date(2020, 3, 5))
GIVEN_UP = sent("a", status="suppressed")
ALL, PART, SALE = ["x1 a buy 10 GLD 100"], ["x1 a buy 4 GLD 100"], ["x1 a sell 4 GLD 100"]
NOBODYS = ["x1 b buy 1 GLD 100"]


@pytest.mark.parametrize(
    ("here", "there", "told", "claimed", "reason"),
    [
        # here, at the broker, executions, ledger → claimed, why
        (SENT,      "filled 10",    ALL,                          None,              ""),
        (SENT,      "expired",      [],                           None,              ""),
        (PLANNED,   "unknown",      [],                           None,              ""),
        (SENT,      "filled 10",    ["x1 a buy 10 GLD 100 18"],   None,              ""),
        (SENT, "filled 10", [], "20 30", "10 filled, and its executions add up to 0"),
        (SENT, "filled 10", PART, "24 30", "10 filled, and its executions add up to 4"),
        (SENT, "expired", ALL, "30 20", "0 filled, and its executions add up to 10"),
        (SENT, "unknown", [], "20 30", "the broker does not know it any more"),
        (SENT, "unknown", PART, "24 30", "the broker does not know it any more"),
        (SOLD, "filled 10", SALE, "16 10", "10 filled, and its executions add up to 4"),
        (GIVEN_UP, "filled 10", [], "20 30", "10 filled, and its executions add up to 0"),
        (SENT, "expired", NOBODYS, "20 21", "execution x1 was refused: it fits no open order"),
        (SENT,      "expired",      ["x1 b buy 1 GLD 100 16"],    None,              ""),
    ],
)  # fmt: skip
def test_a_position_is_in_dispute_where_the_broker_contradicts_itself(
    here: SentOrder, there: str, told: list[str], claimed: str | None, reason: str
) -> None:
    side = ours(here, entries=held(GLD="20"))
    fills = [fill(one) for one in told]
    said = broker(side, {"a": there}, fills, happened=[one for one in fills if one.client_order_id == "a"])
    found = disputes(said, side, plan(said, side))
    if claimed is None:
        assert found == ()
        return
    [one] = found
    assert (one.symbol, f"{one.ledger_value:f} {one.claimed_value:f}") == ("GLD", claimed)
    assert reason in one.reason


@pytest.mark.parametrize(("here", "given_up"), [(SENT, False), (LONG_AGO, True)])
def test_an_order_is_waited_for_so_long_and_no_longer(here: SentOrder, given_up: bool) -> None:
    side = ours(here)
    said = broker(side, {"a": "filled 10"})
    [one] = disputes(said, side, plan(said, side))
    assert (one.orders, one.given_up) == (("a",), given_up)


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [
        (EXACT, {"GLD": "ledger 20, broker 19.9", "SPY": "ledger 0, broker 7"}),
        (Tolerance(quantity=Decimal("0.1")), {"SPY": "ledger 0, broker 7"}),
    ],
)
def test_what_differs_beyond_the_tolerance_is_in_dispute_and_cash_is_no_position(
    tolerance: Tolerance, expected: dict[str, str]
) -> None:
    side = ours(entries=held(GLD="20"))
    said = replace(broker(side), cash=Decimal(5), positions={"GLD": Decimal("19.9"), "SPY": Decimal(7)})
    found = disputes(said, side, plan(said, side, tolerance))
    assert {one.symbol: one.reason for one in found} == expected


def test_a_symbol_is_disputed_once_with_all_its_reasons() -> None:
    side = ours(SENT)
    said = broker(side, {"a": "filled 10"}, happened=[fill(ALL[0])])
    [one] = disputes(said, side, plan(said, side))
    assert one.reason == ("ledger 0, broker 10; order a has 10 filled, and its executions add up to 0")


NOTHING: Mapping[str, str] = {}
OTHER, SAME = {"SPY": "why"}, {"GLD": "why"}


def waiting(side: str, executed: str, remaining: str) -> UnbookedOrder:
    return UnbookedOrder(side, Decimal(executed), Decimal(remaining))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "disputed", "ledger", "there", "others", "why"),
    [
        # order, disputed, ledger, broker, other orders of ours, why it is held back
        ("buy 10", NOTHING, "0", "0", [], None),
        ("buy 10", NOTHING, "20", "20", [], None),
        ("sell 20", NOTHING, "20", "20", [], None),
        ("buy 20", NOTHING, "-20", "-20", [], None),
        ("sell 10", SAME, "20", "20", [], "the position in GLD is in dispute: why"),
        ("buy 10", SAME, "20", "20", [], "the position in GLD is in dispute: why"),
        ("sell 10", OTHER, "20", "20", [], None),
        ("buy 10", OTHER, "20", "20", [], "nothing is opened while positions are in dispute: SPY"),
        ("sell 30", OTHER, "20", "20", [], "nothing is opened while positions are in dispute: SPY"),
        # a person traded since the settling
        ("sell 20", NOTHING, "20", "0", [], "the broker holds 0, by the ledger"),
        ("sell 20", NOTHING, "20", "5", [], "the broker holds 5, by the ledger"),
        ("sell 20", NOTHING, "20", "30", [], "the broker holds 30, by the ledger"),
        ("buy 10", NOTHING, "0", "10", [], "the broker holds 10, by the ledger"),
        ("sell 20", NOTHING, "20", "20.05", [], None),
        # our own orders explain what the broker holds, and take from what may be sold
        ("buy 6", NOTHING, "0", "4", [waiting("buy", "4", "0")], None),
        ("sell 20", NOTHING, "20", "20", [waiting("sell", "0", "20")], "other orders are to sell 20"),
        ("sell 12", NOTHING, "20", "20", [waiting("sell", "0", "10")], "other orders are to sell 10"),
        ("sell 10", NOTHING, "20", "20", [waiting("sell", "0", "10")], None),
        ("sell 10", NOTHING, "20", "15", [waiting("sell", "5", "5")], None),
        ("sell 11", NOTHING, "20", "15", [waiting("sell", "5", "5")], "other orders are to sell 5"),
        ("sell 20", NOTHING, "20", "20", [waiting("buy", "0", "20")], None),
        ("buy 20", NOTHING, "-20", "-20", [waiting("buy", "0", "1")], "other orders are to buy 1"),
        # what the decision itself wants on the other side
        ("sell 30", NOTHING, "20", "20", [], None),
        ("sell 30", NOTHING, "20", "20", [waiting("sell", "0", "1")], "other orders are to sell 1"),
    ],
)  # fmt: skip
def test_an_order_is_held_back_by_what_is_held(
    order: str,
    disputed: Mapping[str, str],
    ledger: str,
    there: str,
    others: list[UnbookedOrder],
    why: str | None,
) -> None:
    side, quantity = order.split()
    one = sent("a", side, quantity).order
    found = why_withheld(one, disputed, Decimal(ledger), Decimal(there), others, Decimal("0.1"))
    assert found is None if why is None else why in str(found)
