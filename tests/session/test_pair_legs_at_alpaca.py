"""A pair at Alpaca of which a leg is rejected, or filled in part: no leg stays alone, and people are told."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes.alpaca import FakeAlpaca
from tests.pair_market import pair_market, session
from tests.session.alpaca_desk import ACCOUNT, AlpacaDesk
from tests.session.quick_checks import check_quickly

from nightdesk.core.calendar import get_calendar
from nightdesk.core.pair_records import PairState
from nightdesk.operations.verify import verify
from nightdesk.store.pair_rows import pair_states_of

PARAMS = {"enter": 0.9, "stop": 2.6, "sessions": 8, "volatility_window": 5, "volatility_mean": 20}
#: Within so many decisions after a fault both legs are even, or gone.
REPAIRED = 4


class PairDesk(AlpacaDesk):
    """A desk of stocks alone."""

    def price_coins(self, number: int) -> None:
        """It has no crypto."""

    def legs(self, pair: PairState) -> tuple[Decimal, Decimal]:
        """Units of both legs as the broker has them."""
        held = self.account.holdings()
        return held.get(pair.a, Decimal()), held.get(pair.b, Decimal())

    def states(self, number: int) -> dict[str, PairState]:
        with self.connection() as conn:
            found = pair_states_of(conn, "couples", get_calendar().close_at(session(number)))
        return {one.name: one for one in found["pairs"]}


@pytest.fixture
def pairs(
    new_database: Callable[[], str], fake: FakeAlpaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> PairDesk:
    check_quickly(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    made = pair_market(tmp_path / "couples", (), PARAMS, broker={"kind": "alpaca", "account": ACCOUNT})
    fake.exchange.runs = fake.exchange.shorting = True
    return PairDesk(new_database(), made.book, made.folder / "market" / "bars.csv", fake=fake)


def opened(desk: PairDesk) -> tuple[int, PairState]:
    """The first session that enters a pair, in whose evening its orders are sent."""
    for number in range(12):
        if number:
            desk.live_through(number)
        desk.decide(number)
        found = [one for one in desk.states(number).values() if one.phase == "open"]
        if found:
            return number, found[0]
    raise AssertionError("no pair was entered")


def orders_by_symbol(desk: PairDesk, number: int) -> dict[str, str]:
    rows = desk.rows(
        "SELECT symbol, client_order_id FROM nightdesk.orders WHERE session = %s", session(number)
    )
    return {str(symbol): str(name) for symbol, name in rows}


def go_on(desk: PairDesk, number: int, pair: PairState) -> None:
    """Live through the decisions in which the repair must come to its end."""
    for later in range(number + 1, number + 1 + REPAIRED):
        desk.live_through(later)
        desk.decide(later)
    a, b = desk.legs(pair)
    assert (a == 0) == (b == 0), (pair.name, a, b)
    assert a * b <= 0
    with desk.connection() as conn:
        assert verify(conn, "couples").differences == ()


def subjects(desk: PairDesk) -> list[str]:
    return [str(one) for (one,) in desk.rows("SELECT subject FROM nightdesk.alerts ORDER BY alert_id")]


def test_of_a_pair_with_a_leg_that_the_broker_rejects_the_other_one_is_given_up(pairs: PairDesk) -> None:
    number, pair = opened(pairs)
    pairs.fake.exchange.reject(orders_by_symbol(pairs, number)[pair.b])
    pairs.live_through(number + 1)
    pairs.decide(number + 1)
    a, b = pairs.legs(pair)
    assert a != 0
    assert b == 0
    then = pairs.states(number + 1)[pair.name]
    told = subjects(pairs)
    assert any("the broker rejected" in one for one in told), told
    assert any("uneven" in one and "pairs" in one for one in told), told
    assert then.reason
    go_on(pairs, number + 1, pair)


def test_where_the_broker_takes_no_short_leg_the_other_one_is_not_sent(pairs: PairDesk) -> None:
    pairs.fake.exchange.shorting = False
    number, pair = opened(pairs)
    stands = pairs.rows("SELECT side, status FROM nightdesk.orders WHERE session = %s", session(number))
    assert set(stands) == {("sell", "rejected"), ("buy", "suppressed")}
    assert pairs.fake.orders == []
    assert f"couples: 2 orders of {session(number)} not in the market" in subjects(pairs)
    pairs.live_through(number + 1)
    pairs.decide(number + 1)
    assert "its entry came to nothing" in pairs.states(number + 1)[pair.name].reason
    assert pairs.legs(pair) == (0, 0)


def test_a_leg_that_is_filled_in_part_is_evened_out(pairs: PairDesk) -> None:
    number, pair = opened(pairs)
    prices = pairs.prices(number + 1)
    opens = get_calendar().open_at(session(number + 1))
    pairs.fake.exchange.open_market(prices, at=opens, volume={pair.b: 5})
    pairs.fake.exchange.close_market()
    pairs.decide(number + 1)
    a, b = pairs.legs(pair)
    assert a != 0
    assert abs(b) == 5
    assert any("uneven" in one and "pairs" in one for one in subjects(pairs)), subjects(pairs)
    [(page,)] = pairs.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(number + 1))
    assert "uneven" in str(page)
    go_on(pairs, number + 1, pair)
