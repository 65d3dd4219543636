"""Weeks of a book whose stops and targets rest at a real broker, with a bad answer every evening."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.alpaca import Fault as AlpacaFault
from tests.fakes.ibkr import Fault as IbkrFault
from tests.fakes.ibkr import IbkrGateway
from tests.matrices.broker_faults import READ_SECONDS, AlpacaFaults, BrokerFaults, IbkrFaults
from tests.session.alpaca_desk import at_alpaca
from tests.session.brokered_desk import BrokeredDesk
from tests.session.ibkr_desk import CLIENT_ID, at_ibkr
from tests.session.resting_terms import let_rest
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.core.account_terms import MAIN
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.verify import verify
from nightdesk.orders.order import entry_id
from nightdesk.orders.resting import protects
from nightdesk.session import protection, reconcile
from nightdesk.session.broker_session import contact
from nightdesk.store.order_rows import find_order
from nightdesk.store.protection_rows import protections_of

SESSIONS = 12
#: How often Airflow tries a step of the evening.
TRIES = 4
BEFORE_THE_FIRST = get_calendar().known_from(session(-1))

#: The bad answer of each evening, by turns.
NIGHTS: dict[str, tuple[tuple[str, Enum] | None, ...]] = {
    "alpaca": (
        None,
        ("submit", AlpacaFault.TIMEOUT_AFTER),
        ("cancel", AlpacaFault.TIMEOUT_AFTER),
        ("submit", AlpacaFault.TIMEOUT_BEFORE),
        ("cancel", AlpacaFault.TIMEOUT_BEFORE),
        ("order", AlpacaFault.STALE),
        ("query", AlpacaFault.TRUNCATED),
        ("cancel", AlpacaFault.BAD_GATEWAY),
        ("open_orders", AlpacaFault.STALE),
        ("submit", AlpacaFault.GATEWAY_TIMEOUT),
    ),
    "ibkr": (
        None,
        ("submit", IbkrFault.SILENT_AFTER),
        ("cancel", IbkrFault.SILENT_AFTER),
        ("submit", IbkrFault.DROP_BEFORE),
        ("cancel", IbkrFault.DROP_BEFORE),
        ("query", IbkrFault.EMPTY),
        ("orders", IbkrFault.TRUNCATED),
        ("cancel", IbkrFault.DROP_AFTER),
        ("fills", IbkrFault.EMPTY),
        ("submit", IbkrFault.DROP_AFTER),
    ),
}


class RestingDesk:
    """A desk with its broker and the bad answers of that."""

    def __init__(self, desk: BrokeredDesk, faults: BrokerFaults, *, brackets: bool = False) -> None:
        self.desk, self.faults, self.brackets = desk, faults, brackets
        #: Positions that were protected in the session in which they were opened.
        self.brought = 0

    def evening(self, number: int, bad: tuple[str, Enum] | None) -> None:
        """Decide a session, tried again as Airflow does."""
        self.desk.evening(number)
        if bad is not None:
            self.faults.arm(*bad)
        for attempt in range(TRIES):
            try:
                self.desk.run(number)
                break
            except (Transient, Refused):
                if attempt == TRIES - 1:
                    raise
        self.faults.heal()

    def selling(self) -> dict[str, Decimal]:
        """Units that all orders which work at the broker would sell, by symbol; exits that wait for their
        entry sell nothing.
        """
        units: dict[str, Decimal] = {}
        with self.desk.standing() as context, contact(context, MAIN) as broker:
            opened = broker.open_orders()
            names = {one.client_order_id for one in opened}
            for one in opened:
                if one.side == "sell" and entry_id(one.client_order_id) not in names:
                    left = one.quantity - one.filled
                    units[one.symbol] = units.get(one.symbol, Decimal(0)) + left
        return units

    def evenings(self, sessions: int, nights: Sequence[tuple[str, Enum] | None]) -> set[str]:
        """Decide sessions by turns with bad answers; after each all that is held is protected once. What was
        done with protective orders.
        """
        actions: set[str] = set()
        for number in range(sessions):
            if number:
                self.desk.live_through(number)
            held = {name: units for name, units in self.desk.account.holdings().items() if units}
            assert all(units > 0 for units in held.values()), f"{session(number)}: sold more than was held"
            if self.brackets and number:
                self._protected_at_once(number, held)
            self.evening(number, nights[number % len(nights)])
            with self.desk.connection() as conn:
                decided = protections_of(conn, "small", instant(number))
            actions |= {one.action for one in decided}
            self._protected_once(number, held, bare={one.symbol for one in decided if one.action == "none"})
        assert self.desk.rows("SELECT item, ledger_value, broker_value FROM nightdesk.reconciliations") == []
        with self.desk.at(sessions - 1) as context:
            assert verify(context.conn, "small").differences == ()
        return actions

    def _protected_at_once(self, number: int, held: Mapping[str, Decimal]) -> None:
        """What a session has opened whole by a bracket is protected before anybody has settled it."""
        selling = self.selling()
        known = self.desk.rows(
            "SELECT symbol, quantity FROM nightdesk.orders WHERE session = %s AND order_type = 'bracket'",
            session(number - 1),
        )
        for symbol, quantity in known:
            if held.get(str(symbol)) == quantity:
                assert selling.get(str(symbol)) == quantity, f"{session(number)}: {symbol} has no exits"
                self.brought += 1

    def _protected_once(self, number: int, held: Mapping[str, Decimal], bare: Collection[str]) -> None:
        selling = self.selling()
        for symbol, units in held.items():
            assert selling.get(symbol, Decimal(0)) <= units, (
                f"{session(number)}: {symbol} would be sold twice"
            )
            if symbol not in bare:
                assert selling.get(symbol) == units, f"{session(number)}: {symbol} is without protection"
        assert set(selling) <= set(held)


@contextmanager
def resting_at(
    kind: str, small: SmallDesk, monkeypatch: pytest.MonkeyPatch, **protective: Any
) -> Iterator[RestingDesk]:
    """A desk whose orders rest at the fake of a broker."""
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(protection, "PAUSE_SECONDS", 0.05)
    let_rest(small, **protective)
    brackets = bool(protective.get("bracket"))
    (AlpacaFaults if kind == "alpaca" else IbkrFaults).hurry(monkeypatch, None)
    with ExitStack() as stack:
        if kind == "alpaca":
            fake = stack.enter_context(FakeAlpaca(BEFORE_THE_FIRST, silence=1.5 * READ_SECONDS))
            yield RestingDesk(at_alpaca(small, fake), AlpacaFaults(fake), brackets=brackets)
        else:
            gateway = stack.enter_context(IbkrGateway(BEFORE_THE_FIRST))
            yield RestingDesk(at_ibkr(small, gateway), IbkrFaults(gateway, CLIENT_ID), brackets=brackets)


@pytest.fixture(params=["alpaca", "ibkr"])
def resting(
    request: pytest.FixtureRequest,
    make_desk: Callable[[], SmallDesk],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RestingDesk]:
    with resting_at(request.param, make_desk(), monkeypatch, stop=0.012, target=0.02) as made:
        yield made


@pytest.mark.timeout(300)
def test_whatever_answer_is_lost_while_stops_are_placed_and_cancelled_a_position_is_protected_once(
    resting: RestingDesk, request: pytest.FixtureRequest
) -> None:
    actions = resting.evenings(4, NIGHTS[request.node.callspec.params["resting"]])
    assert "place" in actions
    assert resting.faults.spoiled >= 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_for_weeks_of_bad_answers_every_position_is_protected_once_and_sold_once(
    resting: RestingDesk, request: pytest.FixtureRequest
) -> None:
    desk = resting.desk
    actions = resting.evenings(SESSIONS, NIGHTS[request.node.callspec.params["resting"]])
    assert {"place", "keep", "replace"} <= actions
    assert resting.faults.spoiled >= 5, "most of the bad answers were given"
    with desk.connection() as conn:
        names = {one.client_order_id for one in desk.account.executions().values()}
        ours = [find_order(conn, name.removesuffix("/stop").removesuffix("/target")) for name in names]
        assert any(one is not None and protects(one.order) for one in ours), "some were executed"
