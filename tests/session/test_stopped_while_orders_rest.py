"""People stop a book, and trade past it, while orders rest for its positions: what rests on, what is bare."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from tests.session.alpaca_desk import AlpacaDesk
from tests.session.brokered_desk import BrokeredDesk
from tests.session.ibkr_desk import IbkrDesk
from tests.session.resting_desk import (
    HELD,
    cancel_by_hand,
    holdings,
    protections,
    resting,
    resting_desk,
    sell_by_hand,
    selling,
    told,
)
from tests.session.small_desk import STRATEGY, SmallDesk, instant
from tests.session.test_alpaca_day import split, state

from nightdesk.core.errors import Refused
from nightdesk.operations.adopt import adopt
from nightdesk.operations.collect import collect
from nightdesk.operations.kill_switch import Turned, kill, release
from nightdesk.operations.verify import verify
from nightdesk.session import protection, reconcile
from nightdesk.session.protection_lines import protection_lines

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=["alpaca", "ibkr"])
def desk(
    request: pytest.FixtureRequest, make_desk: Callable[[], SmallDesk], monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrokeredDesk]:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(protection, "PAUSE_SECONDS", 0.0)
    with resting_desk(request.param, make_desk, stop=0.2) as made:
        made.run(1)
        yield made


def stop(desk: BrokeredDesk, *, everything: bool) -> Turned:
    with desk.connection() as conn:
        return kill(
            conn, "small", reason="a test", who="somebody", everything=everything, file=desk.book,
            environ=desk.environ,
        )  # fmt: skip


def lines(desk: BrokeredDesk, number: int) -> tuple[str, ...]:
    with desk.connection() as conn:
        return protection_lines(conn, "small", instant(number))


def agrees(desk: BrokeredDesk) -> None:
    assert selling(desk) == holdings(desk)
    with desk.connection() as conn:
        assert verify(conn, "small").differences == ()


def test_who_stops_everything_is_told_what_is_bare_until_the_book_is_released(desk: BrokeredDesk) -> None:
    held = holdings(desk)
    assert selling(desk) == held
    turned = stop(desk, everything=True)
    assert turned.bare == tuple(sorted(held))
    assert selling(desk) == {}
    bare = [f"{one} of {STRATEGY} is without protection: its order was cancelled" for one in sorted(held)]
    assert [line.split(": somebody stops everything")[0] for line in lines(desk, 1)] == bare
    with desk.standing() as context:
        collect(context)
    [alert] = told(desk, "without protection")
    assert alert.startswith(f"CRITICAL | small: {len(held)} positions without protection")
    desk.live_through(2)
    desk.decide(2)
    assert selling(desk) == {}
    assert len(lines(desk, 2)) == len(holdings(desk))
    with desk.connection() as conn:
        release(conn, "small", reason="over", who="somebody")
    desk.live_through(3)
    desk.decide(3)
    agrees(desk)


def test_what_is_left_of_a_stop_rests_on_while_a_book_only_reduces(desk: BrokeredDesk) -> None:
    desk.open_market(2)
    left = holdings(desk)[HELD]
    desk.market.execute(resting(desk)[HELD], left - 2, 50.0)  # type: ignore[attr-defined]
    turned = stop(desk, everything=False)
    assert (turned.cancelled, turned.bare) == ((), ())
    assert selling(desk)[HELD] == holdings(desk)[HELD] == 2
    desk.market.close_market(desk.prices(2, 5))
    desk.decide(2)
    agrees(desk)


@pytest.mark.parametrize("rest", [0, 3])
def test_what_a_person_has_sold_at_the_broker_is_not_sold_again_by_its_stop(
    desk: BrokeredDesk, rest: int
) -> None:
    desk.open_market(2)
    held = holdings(desk)[HELD]
    if isinstance(desk, AlpacaDesk):
        cancel_by_hand(desk, HELD)  # it takes no order for units for which another one waits
    sell_by_hand(desk, HELD, held - rest)
    desk.market.close_market(desk.prices(2, 5))
    desk.decide(2)
    assert HELD not in selling(desk)
    [line] = [one for one in lines(desk, 2) if one.startswith(HELD)]
    assert "is without protection" in line
    if isinstance(desk, IbkrDesk):
        [alert] = told(desk, "orders rested for more than its account holds")
        assert f"where the account holds {rest}" in alert
    with desk.standing() as context:
        assert adopt(context, reason="I sold it", who="somebody").amounts[HELD] == rest - held
    with desk.connection() as conn:
        release(conn, "small", reason="over", who="somebody")
    desk.live_through(3)
    desk.decide(3)
    assert desk.rows("SELECT item FROM nightdesk.reconciliations WHERE as_of = %s", instant(3)) == []
    agrees(desk)


def test_a_stop_for_what_is_gone_is_cancelled_while_the_market_is_open(desk: BrokeredDesk) -> None:
    if isinstance(desk, AlpacaDesk):
        pytest.skip("it takes no order for units for which another one waits")
    desk.open_market(2)
    sell_by_hand(desk, HELD, holdings(desk)[HELD])
    with desk.standing() as context:
        assert collect(context).cancelled
    assert HELD not in selling(desk)
    assert len(told(desk, "orders rested for more than its account holds")) == 1
    assert told(desk, "positions without protection") == []


def test_people_are_told_of_a_stop_that_somebody_cancels_and_it_rests_again(desk: BrokeredDesk) -> None:
    desk.open_market(2)
    cancel_by_hand(desk, HELD)
    with desk.standing() as context:
        collect(context)
        collect(context)
    [alert] = told(desk, "without protection")
    assert alert.startswith("CRITICAL | small: 1 position without protection | GLD of time_series_momentum")
    desk.market.close_market(desk.prices(2, 5))
    desk.decide(2)
    agrees(desk)


@pytest.mark.parametrize("how", ["kept", "replaced", "canceled"])
def test_after_a_split_every_share_is_protected_once(desk: BrokeredDesk, how: str) -> None:
    if isinstance(desk, IbkrDesk) and how != "canceled":
        pytest.skip("IBKR ends what is good until cancelled with a split")
    price = split(desk, HELD, 2, 2.0)  # type: ignore[arg-type]
    state(desk, 2, HELD, "split", 2.0)  # type: ignore[arg-type]
    if isinstance(desk, AlpacaDesk):
        desk.fake.exchange.split(HELD, 2.0, price, orders=how)
    else:
        desk.market.split(HELD, 2.0)  # type: ignore[attr-defined]
    desk.live_through(2)
    desk.decide(2)
    assert protections(desk, 2)[HELD][0] in ("place", "replace")
    agrees(desk)


def test_what_alpaca_would_call_a_wash_trade_is_not_sent_and_the_stop_stays(desk: BrokeredDesk) -> None:
    added = "o.side = 'buy' AND o.purpose = 'rebalance' AND o.as_of = %s AND p.held > 0"
    for number in range(2, 12):
        desk.live_through(number)
        desk.decide(number)
        found = desk.rows(
            "SELECT o.symbol, o.status FROM nightdesk.orders o "
            f"JOIN nightdesk.protections p USING (book, as_of, symbol) WHERE {added}",
            instant(number),
        )
        assert "rejected" not in {status for _, status in found}
        agrees(desk)
        if found:
            break
    assert found, "no position was to grow"
    sent = {status for _, status in found}
    if isinstance(desk, IbkrDesk):
        assert sent == {"submitted"}, "which takes both sides"
        return
    assert sent == {"suppressed"}
    [alert] = [one for one in told(desk, "which protects what is held") if "not in the market" in one]
    assert alert.startswith("WARNING")


def test_a_book_that_asks_for_no_protection_any_more_cancels_what_rests(desk: BrokeredDesk) -> None:
    path = Path(desk.book)
    tree = yaml.safe_load(path.read_text())
    del tree["protective"]
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    names = set(resting(desk).values())
    desk.live_through(2)
    desk.decide(2)
    there = {one.client_order_id: one.status for one in desk.account.orders()}
    assert {there[name] for name in names} == {"cancelled"}
    assert resting(desk) == {}
    assert {words for _, words in protections(desk, 2).values()} == {"no stop is set for it"}
    assert desk.rows("SELECT item FROM nightdesk.reconciliations") == []


@pytest.mark.parametrize("gone", ["symbol", "strategy"])
def test_a_book_that_names_no_more_what_it_holds_is_refused_in_words_and_its_stop_rests(
    desk: BrokeredDesk, gone: str
) -> None:
    path = Path(desk.book)
    tree = yaml.safe_load(path.read_text())
    if gone == "symbol":
        tree["universe"].pop(HELD)
        tree["levels"] |= {"first_out": [], "havens": []}
    else:
        tree["strategies"]["another"] = {**tree["strategies"].pop(STRATEGY), "kind": STRATEGY}
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    desk.live_through(2)
    desk.evening(2)
    with pytest.raises(Refused, match=f"{HELD if gone == 'symbol' else STRATEGY}.*no longer names"):
        desk.run(2)
    assert selling(desk) == holdings(desk)
