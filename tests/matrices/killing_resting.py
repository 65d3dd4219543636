"""Kills a process whose decision replaces and cancels what rests, or opens positions by brackets.

In the session after it a part of what rests is executed.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.conftest import open_connection
from tests.matrices.boundaries import code_of
from tests.matrices.checks import WORKING, sold_once
from tests.matrices.killing import WATCHED, Killing
from tests.session.resting_terms import let_rest
from tests.session.small_desk import in_child, session

from nightdesk.brokers.alpaca import AlpacaBroker
from nightdesk.brokers.ibkr import IbkrBroker
from nightdesk.core.book import load_book
from nightdesk.operations.override import state_override
from nightdesk.orders.order import entry_id, exits_id
from nightdesk.session import protection

#: A position that a person lets be sold, so that its order is cancelled; the other one's is replaced.
SOLD = "QQQ"


@dataclass(frozen=True)
class _Resting:
    """What a decision does with one order that rests: what rested, and what is placed."""

    symbol: str
    action: str
    resting: str
    placed: str


class KillingResting(Killing):
    """A desk whose positions are protected, when one is left and the other one is reduced.

    In the next session a part of what rests for the latter is executed.
    """

    number = 2
    watched = WATCHED | code_of(protection, AlpacaBroker.cancel, IbkrBroker.cancel)

    def _begin(self) -> None:
        desk = self._desk
        let_rest(desk, stop=0.05)
        for number in range(self.number):
            if number:
                desk.live_through(number)
            desk.evening(number)
            assert in_child(lambda number=number: desk.run_steps(number, "ingest", "close")) == 0  # type: ignore[misc]
        desk.live_through(self.number)
        with open_connection(desk.url) as conn:
            state_override(
                conn,
                load_book(desk.book),
                "max_size",
                symbol=SOLD,
                size=0.0,
                reduce=True,
                until=session(self.number + 2),
                by="somebody",
                reason="a test",
            )
            with conn.cursor() as cursor:  # which is written by the true clock
                cursor.execute("UPDATE nightdesk.overrides SET stated_at = %s", (desk.account.now,))

    def _decided(self) -> list[_Resting]:
        rows = self._desk.rows(
            "SELECT symbol, action, resting, coalesce(placed, '') FROM nightdesk.protections "
            "WHERE session = %s ORDER BY symbol",
            session(self.number),
        )
        return [_Resting(*row) for row in rows]  # type: ignore[arg-type]

    def _live_on(self) -> None:
        """Let a part of what rests be executed in the next session."""
        desk = self._desk
        desk.open_market(self.number + 1)
        for one in self._decided():
            if one.placed:
                [(stop,)] = desk.rows(
                    "SELECT stop_price FROM nightdesk.orders WHERE client_order_id = %s", one.placed
                )
                desk.market.trade(one.symbol, float(str(stop)) - 0.5, 20)
                desk.market.trade(one.symbol, float(str(stop)) + 0.5)
        desk.market.close_market(desk.prices(self.number + 1, 5))

    def _wrong(self) -> list[str]:
        decided = self._decided()
        wrong = super()._wrong() + self._wrong_meanwhile()
        if {one.action for one in decided} != {"replace", "cancel"}:
            wrong.append(f"decided was {decided}")
        there = {one.client_order_id: one.status for one in self._desk.account.orders()}
        here = dict(self._desk.rows("SELECT client_order_id, status FROM nightdesk.orders"))
        for one in decided:
            if (here[one.resting], there[one.resting]) != ("cancelled", "cancelled"):
                wrong.append(f"{one.resting} is {here[one.resting]} here and {there[one.resting]} there")
            if one.placed and there.get(one.placed) not in WORKING:
                wrong.append(f"{one.placed} rests no more")
        return wrong

    def _wrong_meanwhile(self) -> list[str]:
        return sold_once(self._desk)


class KillingBrackets(Killing):
    """A desk that opens its positions by brackets of a stop.

    In the next session a part of what they bring with them is executed.
    """

    watched = WATCHED | code_of(protection, AlpacaBroker.cancel, IbkrBroker.cancel)
    at_once = 2  # an entry and its exits

    def _begin(self) -> None:
        let_rest(self._desk, stop=0.05, bracket=True)

    def _live_on(self) -> None:
        desk = self._desk
        desk.open_market(self.number + 1)
        for symbol, stop in desk.rows(
            "SELECT symbol, stop_price FROM nightdesk.orders WHERE order_type = 'stop' AND session = %s",
            session(self.number),
        ):
            desk.market.trade(str(symbol), float(str(stop)) - 0.5, 20)
            desk.market.trade(str(symbol), float(str(stop)) + 0.5)
        desk.market.close_market(desk.prices(self.number + 1, 5))

    def _wrong(self) -> list[str]:
        there = {one.client_order_id: one for one in self._desk.account.orders()}
        wrong = super()._wrong()
        brackets = self._desk.rows(
            "SELECT client_order_id, quantity FROM nightdesk.orders WHERE order_type = 'bracket'"
        )
        if not brackets:
            wrong.append("no position is opened by a bracket")
        for name, quantity in brackets:
            exits = there.get(exits_id(str(name)))
            if exits is None or exits.quantity != quantity or exits.status not in WORKING:
                wrong.append(f"{name} is without its exits: {exits}")
        return wrong

    def _wrong_meanwhile(self) -> list[str]:
        """No entry is ever there without its exits, nor exits without their entry."""
        there = {one.client_order_id for one in self._desk.account.orders()}
        pairs = [(name, exits_id(name)) for name in there if entry_id(name) is None]
        wrong = [f"{name} is without its exits" for name, exits in pairs if exits not in there]
        alone = [name for name in there if (entry := entry_id(name)) is not None and entry not in there]
        return wrong + [f"{name} is without its entry" for name in alone]
