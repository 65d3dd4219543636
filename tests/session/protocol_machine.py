"""A desk at a broker to which anything may happen, in any order: the rules of a state machine."""

import functools
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from tests.session.protocol_checks import all_wrong, executed_after, orders_of
from tests.session.protocol_hands import OPEN, Hands, choose
from tests.session.protocol_orders import WISHES, Trouble, Wish, maybe
from tests.session.small_desk import instant, session

from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.operations.kill_switch import release
from nightdesk.operations.verify import verify
from nightdesk.orders.order import adds_risk
from nightdesk.store.ledger_rows import read_ledger

#: The names of all rules.
RULES: list[str] = []

#: What happens at the broker while the desk does not know what became of its orders.
MEANWHILE = ("nothing", "executed in part", "cancelled", "executed in part and cancelled")

ANY = st.integers(0, 9)
MOMENT = st.integers(0, 120)


def step(**arguments: Any) -> Callable[[Callable[..., None]], Any]:
    """A rule that is counted, and whose orders obey the kill switch as it stood before."""

    def wrap(function: Callable[..., None]) -> Any:
        @functools.wraps(function)
        def counted(self: "ProtocolMachine", **values: Any) -> None:
            self.tally[function.__name__] += 1
            self.done[function.__name__] += 1
            self.story.append(f"{function.__name__} {values or ''}")
            self.sound = False
            switch, sent = self.switch(), {one["client_order_id"] for one in self.fake.orders}
            with self.noting():
                function(self, **values)
                self.come_to_rest()
                if switch.on:
                    self.obeys(switch.everything, sent)

        RULES.append(function.__name__)
        return rule(**arguments)(counted)

    return wrap


class ProtocolMachine(Hands):
    """The rules; after each of them everything in `tests.session.protocol_checks` holds."""

    @initialize(wishes=WISHES)
    def first_evening(self, wishes: tuple[Wish, ...]) -> None:
        self.story.append(f"first evening {wishes}")
        self.settle()
        self.decide(wishes)

    # -- the steps of a session

    @precondition(lambda self: not self.is_open and not self.now.settled)
    @step(bad=maybe("fills", "movements", "positions", "account", "query", "cancel", "clock"))
    def settles(self, bad: Trouble | None) -> None:
        self.attempt(self.settle, bad)

    @precondition(lambda self: not self.is_open and not self.now.settled and self.few("dies_settling"))
    @step(moment=st.integers(0, 250))
    def dies_settling(self, moment: int) -> None:
        self.killed(lambda: self.settle(moment))

    @precondition(lambda self: not self.is_open and self.now.settled and not self.now.sent)
    @precondition(lambda self: self.few("decides"))
    @step(wishes=WISHES)
    def decides(self, wishes: tuple[Wish, ...]) -> None:
        """Also otherwise than before: nothing has left the house."""
        self.decide(wishes)

    @precondition(lambda self: self.now.planned)
    @step(bad=maybe("submit", "submit", "query", "clock"), meanwhile=st.sampled_from(MEANWHILE))
    def submits(self, bad: Trouble | None, meanwhile: str) -> None:
        """Where answers do not come, much may happen at the broker until the step is tried again."""
        if not self.attempt(lambda: self.run("submit"), bad):
            for one in self.tradable() if meanwhile == "executed in part" else ():
                self.execute(one, 1)
            for one in self.cancellable() if "cancelled" in meanwhile else ():
                self.cancel(one, part="in part" in meanwhile)
            self.attempt(lambda: self.run("submit"), None)

    @precondition(lambda self: self.now.planned)
    @step(bad=maybe("submit"), moments=st.tuples(st.none() | MOMENT, st.none() | MOMENT))
    def two_workers_submit(self, bad: Trouble | None, moments: tuple[int | None, int | None]) -> None:
        """At once, of whom either may be killed; who is left or comes after them ends it."""
        first, second = moments
        self.killed(
            lambda: self.run("submit", first, 5.0), lambda: self.run("submit", second, 5.0), trouble=bad
        )
        self.attempt(lambda: self.run("submit"), None)

    @precondition(lambda self: self.now.planned and self.few("dies_submitting"))
    @step(moment=MOMENT)
    def dies_submitting(self, moment: int) -> None:
        self.killed(lambda: self.run("submit", moment))

    @precondition(lambda self: self.now.decided and self.few("dies", 1) and self.number % 3 == 0)
    @step(name=st.sampled_from(("orders", "collect", "recover", "finish")), moment=st.integers(0, 60))
    def dies(self, name: str, moment: int) -> None:
        self.killed(lambda: self.run(name, moment))

    @precondition(lambda self: self.now.decided and self.few("is_cleared", 1) and self.number % 3 == 1)
    @step(first=st.sampled_from(("ingest", "settle", "targets", "orders", "submit")), wishes=WISHES)
    def is_cleared(self, first: str, wishes: tuple[Wish, ...]) -> None:
        """A person clears a step and those after it, and they run again and would decide otherwise."""
        self.wishes[session(self.number)] = wishes
        self.attempt(lambda: self.desk.run_steps(self.number, first, "submit"), None)

    @precondition(lambda self: self.now.decided and self.now.ended <= self.number and not self.now.planned)
    @step()
    def finishes(self) -> None:
        """The session is reported and closed."""
        self.attempt(lambda: self.run("finish"), None)

    # -- looking after it

    @precondition(lambda self: self.now.working and self.few("collects", 1) and self.in_turn(0))
    @step(bad=maybe("query", "fills", "positions", "open_orders", "movements", "cancel"))
    def collects(self, bad: Trouble | None) -> None:
        self.attempt(lambda: self.run("collect"), bad)

    @precondition(lambda self: self.now.working and self.few("recovers", 1) and self.in_turn(1))
    @step(bad=maybe("query", "fills", "clock", "cancel"))
    def recovers(self, bad: Trouble | None) -> None:
        """After a restart."""
        self.attempt(lambda: self.run("recover"), bad)

    @precondition(lambda self: not self.now.stopped and self.few("is_killed", 1) and self.number % 2)
    @step(everything=st.booleans(), bad=maybe("open_orders", "positions", "cancel", "query"))
    def is_killed(self, everything: bool, bad: Trouble | None) -> None:
        """A person stops the book, and what that forbids is cancelled."""
        done = self.attempt(lambda: self.stop(everything), bad, Refused)
        if done:
            self.obeys(everything, set(), "works on")

    @precondition(lambda self: self.now.stopped)
    @step()
    def is_released(self) -> None:
        release(self.days.watch, "small", reason="looked at", who="ann")

    @precondition(lambda self: not self.is_open and self.now.sent and self.few("is_tried_again", 4))
    @step(which=ANY, bad=maybe("submit", "clock"))
    def is_tried_again(self, which: int, bad: Trouble | None) -> None:
        """A person has an order tried again, which is refused unless it has ended and left something.

        The look-up that refuses what still works is answered well: two orders of a decision have two names,
        and nothing else keeps them apart.
        """
        self.attempt(lambda: self.run("collect"), None)
        name = self.ended(which)
        done = self.attempt(lambda: self.try_again(name), bad, Refused)
        self.tally["  tried again"] += done

    @precondition(lambda self: not self.is_open and self.now.sent and self.few("dies_trying_again", 1))
    @step(which=ANY, moment=MOMENT)
    def dies_trying_again(self, which: int, moment: int) -> None:
        name = self.ended(which)

        def try_again() -> None:
            with suppress(Refused):
                self.try_again(name, moment)

        self.killed(try_again)

    def ended(self, which: int) -> str:
        """One of the session's orders, of those that left something where there are such."""
        own = [one for one in orders_of(self.days) if one.session == session(self.number)]
        left = [one for one in own if one.status not in OPEN and one.filled < one.quantity]
        return choose(left or own, which).name

    # -- at the broker

    @precondition(lambda self: not self.is_open and self.has_lived() and self.may_go_on())
    @step(volume=st.fixed_dictionaries({"SPY": st.integers(0, 12), "GLD": st.integers(0, 12)}))
    def market_opens(self, volume: dict[str, int]) -> None:
        """Of stocks little is traded at the open."""
        self.days.open_market(self.number + 1, volume)
        self.is_open = True

    @precondition(lambda self: self.is_open)
    @step(wishes=WISHES, down=st.booleans())
    def evening_comes(self, wishes: tuple[Wish, ...], down: bool) -> None:
        """The market has closed; the desk settles its session and decides, unless it is down."""
        self.next_evening()
        if not down:
            self.attempt(self.settle, None)
            self.decide(wishes)

    @precondition(lambda self: self.tradable())
    @step(which=ANY, quarters=st.integers(1, 4))
    def is_executed(self, which: int, quarters: int) -> None:
        """A part of an order, or all that is left of it."""
        self.execute(choose(self.tradable(), which), quarters)

    @precondition(lambda self: self.cancellable() and self.few("is_cancelled_there"))
    @step(which=ANY, part=st.booleans(), slow=st.booleans())
    def is_cancelled_there(self, which: int, part: bool, slow: bool) -> None:
        """A person cancels an order at the broker, who may take some time to do it."""
        self.exchange.slow_cancels = slow
        self.cancel(choose(self.cancellable(), which), part=part)

    @precondition(lambda self: len(self.waiting()) > len(self.cancellable()))
    @step()
    def cancels_are_done(self) -> None:
        self.finish_slow_cancels()

    @precondition(lambda self: len(self.untouched()) > 1 and self.few("is_rejected_there", 1))
    @step(which=ANY)
    def is_rejected_there(self, which: int) -> None:
        """The venue refuses an order that the broker had accepted."""
        self.exchange.reject(choose(self.untouched(), which)["client_order_id"])

    # -- what holds

    @invariant()
    def everything_holds(self) -> None:
        with self.noting():
            wrong = all_wrong(self.days)
            assert not wrong, "\n".join(wrong)
        self.now = self.look()
        self.sound = True

    def obeys(self, everything: bool, before: set[str], how: str = "was sent") -> None:
        """No order that came to the broker since, and goes on there, is one that the switch forbids."""
        ledger = read_ledger(self.days.watch, "small", instant(self.number))
        held = {} if ledger is None else ledger.net()
        for one in self.cancellable():
            symbol, name = one["symbol"].replace("/", "-"), one["client_order_id"]
            signed = Decimal(one["qty"]) * (1 if one["side"] == "buy" else -1)
            forbidden = everything or adds_risk(held.get(symbol, ZERO), signed)
            assert name in before or not forbidden, f"{name} {how} though the book is stopped"

    def teardown(self) -> None:
        """When all faults are over, everything comes to its end by itself."""
        if self.sound:
            with self.noting():
                self.ends()

    def ends(self) -> None:
        """The next evening settles what was decided."""
        self.finish_slow_cancels()
        self.next_evening()
        self.attempt(self.settle, None)
        self.everything_holds()
        left = {one.name for one in orders_of(self.days) if one.status in OPEN}
        alive = {one["client_order_id"] for one in self.waiting()} | executed_after(self.days, self.number)
        assert left <= alive, f"{left - alive} did not come to their ends"
        assert verify(self.days.watch, "small").differences == ()
