"""A pair of which a broker rejects a leg, or fills it in part: no leg stays alone, and people are told."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.ibkr import IbkrGateway
from tests.pair_market import INCEPTION, SYMBOLS, pair_market, session
from tests.session.alpaca_desk import ACCOUNT, AlpacaDesk
from tests.session.brokered_desk import BrokeredDesk
from tests.session.ibkr_desk import ACCOUNT as IBKR_ACCOUNT
from tests.session.ibkr_desk import IbkrDesk
from tests.session.quick_checks import check_quickly

from nightdesk.core.calendar import get_calendar
from nightdesk.core.pair_records import PairState
from nightdesk.operations.collect import collect
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile
from nightdesk.store.pair_rows import pair_states_of

PARAMS = {"enter": 0.9, "stop": 2.6, "sessions": 8, "volatility_window": 5, "volatility_mean": 20}
#: Within so many decisions after a fault both legs are even, or gone.
REPAIRED = 4


class StocksAtAlpaca(AlpacaDesk):
    """A desk of stocks alone."""

    def price_coins(self, number: int) -> None:
        """It has no crypto."""


@pytest.fixture(params=["alpaca", "ibkr"])
def pairs(
    request: pytest.FixtureRequest,
    new_database: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[BrokeredDesk]:
    check_quickly(monkeypatch)
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    account = ACCOUNT if request.param == "alpaca" else IBKR_ACCOUNT
    broker = {"kind": request.param, "account": account}
    made = pair_market(tmp_path / "couples", (), PARAMS, broker=broker)
    bars, begins = made.folder / "market" / "bars.csv", get_calendar().open_at(INCEPTION)
    with ExitStack() as stack:
        if request.param == "alpaca":
            fake = stack.enter_context(FakeAlpaca(begins))
            fake.exchange.runs = fake.exchange.shorting = True
            yield StocksAtAlpaca(new_database(), made.book, bars, fake=fake)
        else:
            gateway = stack.enter_context(IbkrGateway(begins))
            gateway.runs = True
            yield IbkrDesk(new_database(), made.book, bars, gateway=gateway)


def legs(desk: BrokeredDesk, pair: PairState) -> tuple[Decimal, Decimal]:
    """Units of both legs as the broker has them."""
    held = desk.account.holdings()
    return held.get(pair.a, Decimal()), held.get(pair.b, Decimal())


def states(desk: BrokeredDesk, number: int) -> dict[str, PairState]:
    with desk.connection() as conn:
        found = pair_states_of(conn, "couples", get_calendar().close_at(session(number)))
    return {one.name: one for one in found["pairs"]}


def trade_little(desk: BrokeredDesk, number: int, volume: dict[str, int]) -> None:
    """Let a session open and close in which of some symbols so few units are traded."""
    opens = get_calendar().open_at(session(number))
    desk.market.open_market(desk.prices(number), at=opens, volume=volume)  # type: ignore[call-arg]
    desk.market.close_market()  # type: ignore[call-arg]


def lend_nothing(desk: BrokeredDesk) -> None:
    """Let the broker have no shares to sell short."""
    if isinstance(desk, AlpacaDesk):
        desk.fake.exchange.shorting = False
    else:
        assert isinstance(desk, IbkrDesk)
        desk.gateway.shortable = dict.fromkeys(SYMBOLS, Decimal(0))


def opened(desk: BrokeredDesk) -> tuple[int, PairState]:
    """The first session that enters a pair, in whose evening its orders are sent."""
    for number in range(12):
        if number:
            desk.live_through(number)
        desk.decide(number)
        found = [one for one in states(desk, number).values() if one.phase == "open"]
        if found:
            return number, found[0]
    raise AssertionError("no pair was entered")


def orders_by_symbol(desk: BrokeredDesk, number: int) -> dict[str, str]:
    rows = desk.rows(
        "SELECT symbol, client_order_id FROM nightdesk.orders WHERE session = %s", session(number)
    )
    return {str(symbol): str(name) for symbol, name in rows}


def go_on(desk: BrokeredDesk, number: int, pair: PairState) -> None:
    """Live through the decisions in which the repair must come to its end."""
    for later in range(number + 1, number + 1 + REPAIRED):
        desk.live_through(later)
        desk.decide(later)
    a, b = legs(desk, pair)
    assert (a == 0) == (b == 0), (pair.name, a, b)
    assert a * b <= 0
    with desk.connection() as conn:
        assert verify(conn, "couples").differences == ()


def subjects(desk: BrokeredDesk) -> list[str]:
    return [str(one) for (one,) in desk.rows("SELECT subject FROM nightdesk.alerts ORDER BY alert_id")]


def test_of_a_pair_with_a_leg_that_the_broker_rejects_the_other_one_is_given_up(pairs: BrokeredDesk) -> None:
    number, pair = opened(pairs)
    name = orders_by_symbol(pairs, number)[pair.b]
    pairs.market.reject(name)  # type: ignore[attr-defined]
    with pairs.standing() as context:
        collect(context)  # as the DAG fills does late in the evening: IBKR tells of it on that day alone
    pairs.live_through(number + 1)
    pairs.decide(number + 1)
    a, b = legs(pairs, pair)
    assert a != 0
    assert b == 0
    then = states(pairs, number + 1)[pair.name]
    told = subjects(pairs)
    assert any("the broker rejected" in one for one in told), told
    assert any("uneven" in one and "pairs" in one for one in told), told
    assert then.reason
    go_on(pairs, number + 1, pair)


def test_where_the_broker_takes_no_short_leg_the_other_one_is_not_sent(pairs: BrokeredDesk) -> None:
    lend_nothing(pairs)
    number, pair = opened(pairs)
    stands = pairs.rows("SELECT side, status FROM nightdesk.orders WHERE session = %s", session(number))
    assert set(stands) == {("sell", "rejected"), ("buy", "suppressed")}
    assert {one.status for one in pairs.account.orders()} <= {"rejected"}
    assert f"couples: 2 orders of {session(number)} not in the market" in subjects(pairs)
    pairs.live_through(number + 1)
    pairs.decide(number + 1)
    assert "its entry came to nothing" in states(pairs, number + 1)[pair.name].reason
    assert legs(pairs, pair) == (0, 0)


def test_a_leg_that_is_filled_in_part_is_evened_out(pairs: BrokeredDesk) -> None:
    number, pair = opened(pairs)
    trade_little(pairs, number + 1, {pair.b: 5})
    pairs.decide(number + 1)
    a, b = legs(pairs, pair)
    assert a != 0
    assert abs(b) == 5
    assert any("uneven" in one and "pairs" in one for one in subjects(pairs)), subjects(pairs)
    [(page,)] = pairs.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(number + 1))
    assert "uneven" in str(page)
    go_on(pairs, number + 1, pair)
