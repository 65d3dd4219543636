"""Decisions of the book of five leveraged stocks, as tables: what it holds, what is said, what it orders."""

from dataclasses import replace
from math import floor, tanh

import numpy as np
import pytest
from tests.leveraged import FILE, NAV, SYMBOLS, day, decided, row, state

from nightdesk.core.book import load_book
from nightdesk.engine import Desk, resolve
from nightdesk.engine.decision import sizing_figures
from nightdesk.risk import words


@pytest.fixture(scope="module")
def desk() -> Desk:
    return resolve(load_book(FILE))


def sized(composite: float, confidence: float = 1.0) -> int:
    """Units of a position at 100 dollars, by hand."""
    return floor(NAV * 0.20 * (1 + 2 * tanh(2 * composite) * confidence) / 100)


@pytest.mark.parametrize(
    ("held", "composite", "ordered"),
    [
        # outside the dead band: opened, resized, turned
        (0, 0.30, sized(0.30)),
        (0, -0.30, -sized(0.30)),
        (3000, 0.30, sized(0.30) - 3000),
        (500, -0.30, -sized(0.30) - 500),
        (-500, 0.30, sized(0.30) + 500),
        # inside: kept, closed, not opened
        (3000, 0.04, None),
        (3000, -0.04, -3000),
        (-3000, 0.04, 3000),
        (-3000, -0.04, None),
        (0, 0.04, None),
        (0, -0.04, None),
        # nothing said: kept
        (3000, 0.0, None),
        (-3000, 0.0, None),
    ],
)
def test_a_flip_inside_and_outside_the_band(
    desk: Desk, held: int, composite: float, ordered: int | None
) -> None:
    now = state(AAPL=held) if held else state()
    _, orders = decided(desk, now, day({"AAPL": composite}))
    assert orders == ({} if ordered is None else {"AAPL": ordered})


def test_a_trembling_name_is_traded_without_the_band_and_not_within() -> None:
    trembling = [0.04, -0.03, 0.02, -0.04, 0.03]
    for band, trades in (("0.10", 0), ("0.0", 5)):
        desk, held, seen = resolve(load_book(FILE, {BAND: band})), 0, 0
        for composite in trembling:
            now = state(AAPL=held) if held else state()
            _, orders = decided(desk, now, day({"AAPL": composite}))
            held, seen = held + orders.get("AAPL", 0), seen + len(orders)
        assert seen == trades


BAND = "strategies.five_signals.sizing_params.dead_band"


def spoken(desk: Desk, held: dict[str, int], composites: dict[str, float], **changed: object) -> list[str]:
    """Sentences of the verdicts that cut or reject."""
    gated, _ = decided(desk, state(**held), day(composites, **changed))
    return [words(one) for one in gated.verdicts(SYMBOLS) if one.action != "approve"]


def test_five_longs_stop_at_the_net_limit_and_shorts_beside_them_make_room(desk: Desk) -> None:
    held = dict.fromkeys(SYMBOLS, 2500)
    gated, orders = decided(desk, state(**held), day(dict.fromkeys(SYMBOLS, 0.30)))
    # 125 % of NAV is held and five times 4,148 units are wanted: what is added comes to the last 25 %.
    assert orders == dict.fromkeys(SYMBOLS, 500)
    assert gated.quantity.sum() * 100 / NAV == 1.5
    cuts = [words(one) for one in gated.verdicts(SYMBOLS) if one.rule == "net_leverage"]
    assert cuts[0] == (
        "AAPL: buy 1648 cut to a purchase of 500 by net_leverage: net exposure of 207.40% of NAV, at most "
        "150.00% on either side"
    )
    hedged = {"AAPL": 2500, "MSFT": 2500, "GOOGL": 2500, "AMZN": -2500, "NVDA": -2500}
    assert spoken(desk, hedged, {"AAPL": 0.30, "MSFT": 0.30}) == []


def test_volume_cuts_first_and_says_what_the_signal_wanted() -> None:
    """Even where the limit on weights would have left less of it."""
    caps = {f"universe.{symbol}.max_weight": "0.30" for symbol in SYMBOLS}
    adv = row({"NVDA": 20_000.0}, 1e6)
    for desk in (resolve(load_book(FILE)), resolve(load_book(FILE, caps))):
        assert spoken(desk, {}, {"NVDA": 0.30}, factors={"adv_20": adv}) == [
            "NVDA: buy 4148 cut to a purchase of 2000 by liquidity: a position of 4,148 units wanted, 2,000 "
            "are what its average volume allows"
        ]
    figures = sizing_figures(desk, state(), day({"NVDA": -0.30}, factors={"adv_20": adv}))
    seen = {name: float(values[0, 4]) for name, values in figures.items()}
    assert seen["conviction"] == pytest.approx(-tanh(0.6))
    assert seen["wanted_units"] == pytest.approx(-2000 * (1 + 2 * tanh(0.6)))
    assert (seen["adv"], seen["volume_cap"], seen["equity_cap"]) == (20_000.0, 2_000.0, 6_000.0)


def test_position_comes_before_leverage(desk: Desk) -> None:
    """A weight is cut to its cap before the net of the book is judged: the verdicts say so in this order."""
    narrow = replace(desk, max_weight=row({}, 0.50))
    gated, _ = decided(narrow, state(AAPL=4000, MSFT=4000), day(dict.fromkeys(SYMBOLS, 1.0)))
    order = [one.rule for one in gated.verdicts(SYMBOLS) if one.action != "approve"]
    assert order.index("max_weight") < order.index("net_leverage")
    rules = [rule.name for rule in desk.rules]
    assert sorted(("net_leverage", "gross_leverage", "max_weight", "liquidity"), key=rules.index) == [
        "liquidity", "max_weight", "gross_leverage", "net_leverage",
    ]  # fmt: skip


def test_without_the_benchmark_nothing_is_entered_and_positions_are_still_closed(desk: Desk) -> None:
    now, today = state(AAPL=3000), day({"AAPL": -0.30, "MSFT": 0.30}, entries_allowed=False)
    gated, orders = decided(desk, now, today)
    assert orders == {"AAPL": -3000}
    why = {one.symbol: words(one) for one in gated.verdicts(SYMBOLS) if one.rule == "references"}
    assert why["MSFT"] == (
        "MSFT: buy 4148 rejected by references: benchmark or volatility index without its newest bar at 1 "
        "(1 is so)"
    )
    assert why["AAPL"].startswith("AAPL: sell 7148 cut to a sale of 3000 by references")


def test_a_name_that_is_not_yet_listed_takes_nothing_and_hinders_nobody(desk: Desk) -> None:
    unlisted = {
        "price": row({"NVDA": np.nan}, 100.0),
        "age": np.array([0, 0, 0, 0, -1]),
        "has_bar": np.array([True] * 4 + [False]),
        "factors": {"adv_20": row({"NVDA": np.nan}, 1e6)},
    }
    _, orders = decided(desk, state(), day({"AAPL": 0.30, "NVDA": 0.30}, **unlisted))
    assert orders == {"AAPL": sized(0.30)}


def test_a_gap_of_a_fifth_forces_a_reduction_that_no_limit_on_turnover_holds_back(desk: Desk) -> None:
    """Longs of 160 % and shorts of 130 % of NAV; the longs open a fifth lower."""
    held = {"AAPL": 6000, "MSFT": 6000, "GOOGL": 4000, "AMZN": -6500, "NVDA": -6500}
    prices = dict.fromkeys(("AAPL", "MSFT", "GOOGL"), 80.0)
    now = state(prices, **held)
    nav = float(now.mark.nav)
    assert nav == NAV - 0.2 * 1_600_000
    now = replace(now, mark=replace(now.mark, day_return=nav / NAV - 1))
    today = day({}, price=row(prices, 100.0))
    gated, orders = decided(desk, now, today)
    weights = gated.quantity[0] * today.price / nav
    assert np.abs(now.held_by(desk).quantity[0] * today.price).sum() / nav == pytest.approx(3.794, abs=1e-3)
    assert 2.99 < np.abs(weights).sum() <= 3.0
    assert {symbol: np.sign(units) for symbol, units in orders.items()} == {
        symbol: -np.sign(units) for symbol, units in held.items()
    }
    assert sum(abs(units) * today.price[SYMBOLS.index(one)] for one, units in orders.items()) / nav > 0.5
    (first, *_) = [words(one) for one in gated.verdicts(SYMBOLS) if one.rule == "leverage_reduction"]
    assert first.endswith("what is held has a gross exposure of 379.41% of NAV, at most 300.00% may be kept")
    # the loss of the day shuts the door as well: what is said now opens nothing
    barred, also = decided(desk, now, day({"GOOGL": 0.9}, price=row(prices, 100.0)))
    assert also == orders
    assert "GOOGL" in {one.symbol for one in barred.verdicts(SYMBOLS) if one.rule == "daily_loss"}


def test_the_orders_of_a_session_keep_to_half_of_nav_together(desk: Desk) -> None:
    """What the hours before have traded counts."""
    now, today = state(), day({"AAPL": 0.30, "MSFT": -0.30})
    _, orders = decided(desk, now, today)
    assert orders == {"AAPL": 4148, "MSFT": -852}
    later = replace(now, today=replace(now.today, notional=400_000.0))
    _, orders = decided(desk, later, today)
    assert orders == {"AAPL": 1000}
