"""What the protocol machine does: steps that run, are killed or meet a bad broker, and days that pass."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg2.extensions
from hypothesis.stateful import RuleBasedStateMachine
from tests.conftest import open_connection
from tests.fakes.alpaca_state import ENDED
from tests.session.protocol_checks import orders_of
from tests.session.protocol_days import Days
from tests.session.protocol_orders import LATE, Trouble, Wish
from tests.session.small_desk import begin_child, session, wait_for

from nightdesk import bounded_http
from nightdesk.core.errors import NotYet, Refused, Transient
from nightdesk.core.money import to_unit
from nightdesk.operations.collect import collect
from nightdesk.operations.kill_switch import kill
from nightdesk.operations.recover import recover
from nightdesk.operations.resend import resend
from nightdesk.session import steps
from nightdesk.session.context import Context
from nightdesk.store.kill_switch_rows import KillSwitchState, kill_switch

#: The states here of an order that has not ended.
OPEN = ("planned", "submitted", "partially_filled")

#: How a child tells that it ended in a passing fault.
_PASSING = 75

_STANDS = """
SELECT EXISTS (SELECT FROM nightdesk.portfolio WHERE session = %(day)s),
    EXISTS (SELECT FROM nightdesk.gated WHERE session = %(day)s),
    (SELECT count(*) FROM nightdesk.runs WHERE status = 'closed')
"""


@dataclass(frozen=True)
class Now:
    """How the session stands, its orders, those that may be at the broker, and the book.

    `ended` is how many sessions are closed.
    """

    settled: bool
    decided: bool
    ended: int
    planned: bool
    sent: bool
    working: bool
    stopped: bool


class Hands(RuleBasedStateMachine):
    """A machine without rules.

    Parameters
    ----------
    days : Days
        Where it happens.
    wishes : dict of session to tuple of Wish
        What the desk decides; it reads them here.
    tally : Counter
        How often each rule was executed, and what came of it.
    found : list of str
        What did not hold, each time with what had happened until then.
    """

    def __init__(
        self, days: Days, wishes: dict[date, tuple[Wish, ...]], tally: Counter[str], found: list[str]
    ) -> None:
        super().__init__()
        self.found = found
        #: What has happened.
        self.story: list[str] = []
        self.days, self.desk, self.fake, self.tally = days, days.desk, days.desk.fake, tally
        self.exchange = self.fake.exchange
        self.wishes = wishes
        self.wishes.clear()
        #: The newest session that has closed, and whether the next one trades.
        self.number, self.is_open = 0, False
        #: How often each rule was executed since the evening began.
        self.done: Counter[str] = Counter()
        days.begin()
        self.now = self.look()

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keep what the block raises: a story with races in it need not be told twice in the same way."""
        try:
            yield
        except Exception as error:
            self.found.append("\n".join([*self.story, f"{type(error).__name__}: {error}"]))
            raise

    def look(self) -> Now:
        """How things stand."""
        day, ours = session(self.number), orders_of(self.days)
        [(settled, gated, ended)] = self.days.rows(_STANDS, {"day": day})
        own = [one for one in ours if one.session == day]
        return Now(
            settled=settled,
            decided=gated,
            ended=ended,
            planned=any(one.status == "planned" for one in own),
            sent=any(one.attempts for one in own),
            working=any(one.attempts and one.status in OPEN for one in ours),
            stopped=self.switch().on,
        )

    def switch(self) -> KillSwitchState:
        """The kill switch, as what leaves for real reads it."""
        return kill_switch(self.days.watch, "small", date.max)

    def few(self, rule: str, most: int = 2) -> bool:
        """Whether a rule that could always be executed still leaves room for others in this session."""
        return self.done[rule] < most

    def in_turn(self, which: int) -> bool:
        """Whether it is the turn of one of two rules of a kind; of both while the desk is behind."""
        return self.number % 2 == which or not self.now.settled

    def has_lived(self) -> bool:
        """Whether enough has happened since the evening began."""
        return self.done.total() >= (4 if self.now.settled else 2)

    def may_go_on(self) -> bool:
        """Whether sessions are left, also for what comes after the last rule."""
        return self.number < self.days.count - 4

    # -- the desk

    def run(self, name: str, moment: int | None = None, turn_seconds: float = 0.0) -> None:
        """One step of the session, the end of it, or what looks after the book."""
        if name in ("collect", "recover"):
            with self.desk.standing() as context, dying(context, moment):
                (collect if name == "collect" else recover)(context)
            return
        with self.desk.at(self.number, turn_seconds=turn_seconds) as context, dying(context, moment):
            for one in ("submit", "report", "close") if name == "finish" else (name,):
                getattr(steps, one)(context)

    def decide(self, wishes: tuple[Wish, ...]) -> None:
        self.wishes[session(self.number)] = wishes
        self.desk.run_steps(self.number, "targets", "orders")

    def settle(self, moment: int | None = None) -> None:
        """Bring the sessions before to their ends, and settle this one."""
        for number in range(self.now.ended, self.number + 1):
            self.wishes.setdefault(session(number), LATE)
            names = steps.STEPS[steps.STEPS.index("settle") :] if number < self.number else ("settle",)
            with self.desk.at(number) as context, dying(context, moment):
                for name in names:
                    getattr(steps, name)(context)

    def stop(self, everything: bool) -> None:
        """A person pulls the kill switch."""
        said = {"reason": "drill", "who": "ann", "file": self.desk.book, "environ": self.desk.environ}
        with open_connection(self.desk.url) as conn:
            kill(conn, "small", everything=everything, wait_seconds=0.0, **said)

    def try_again(self, name: str, moment: int | None = None) -> None:
        """A person has an order of the session sent once more."""
        with self.desk.at(self.number) as context, dying(context, moment):
            resend(context, name, reason="drill", who="ann")

    def attempt(
        self, work: Callable[[], object], trouble: Trouble | None, *expected: type[Exception]
    ) -> bool:
        """Whether something was done. Where the broker answers well, it is, or refused as expected."""
        if trouble is not None:
            self.tally[f"  {trouble.endpoint}: {trouble.fault.value}"] += 1
            self.fake.fail(trouble.endpoint, trouble.fault, trouble.times)
            expected = (*expected, Transient, NotYet, Refused)
        for again in range(4):
            try:
                work()
            except expected:
                self.tally["  not done"] += 1
                return False
            except (Transient, NotYet):
                # On a busy machine an answer takes longer than these tests are patient, or a cancel is slow.
                if again == 3:
                    raise
                self.come_to_rest()
                self.finish_slow_cancels()
            else:
                return True
            finally:
                self.come_to_rest()
        raise AssertionError("unreachable")

    def killed(self, *works: Callable[[], object], trouble: Trouble | None = None) -> None:
        """Processes that work at once, and of which each may be killed or meet a bad broker."""
        if trouble is not None:
            self.tally[f"  {trouble.endpoint}: {trouble.fault.value}"] += 1
            self.fake.fail(trouble.endpoint, trouble.fault, trouble.times)
        children = [begin_child(_telling(work)) for work in works]
        for status in [wait_for(child) for child in children]:
            ends = (0, _PASSING, -signal.SIGKILL) if trouble is None else (0, 1, _PASSING, -signal.SIGKILL)
            assert status in ends, f"a process ended with {status}"
            self.tally["  killed"] += status == -signal.SIGKILL
        self.come_to_rest()

    def come_to_rest(self) -> None:
        """Nothing is on its way any more, and the broker answers well."""
        self.days.come_to_rest()
        self.fake.heal()

    # -- the broker

    def next_evening(self) -> None:
        if not self.is_open:
            self.days.open_market(self.number + 1, {})
        self.number, self.is_open = self.number + 1, False
        self.done.clear()
        self.days.close_market(self.number)
        self.days.evening(self.number)

    def waiting(self) -> list[dict[str, Any]]:
        """The orders that work at the broker."""
        return [one for one in self.fake.orders if one["status"] not in ENDED]

    def cancellable(self) -> list[dict[str, Any]]:
        return [one for one in self.waiting() if one["status"] != "pending_cancel"]

    def untouched(self) -> list[dict[str, Any]]:
        return [one for one in self.waiting() if one["filled_qty"] == "0"]

    def tradable(self) -> list[dict[str, Any]]:
        return [one for one in self.waiting() if self.is_open or one["asset_class"] == "crypto"]

    def execute(self, one: dict[str, Any], quarters: int) -> None:
        """Let so many quarters of what is left of an order be executed."""
        left = Decimal(one["qty"]) - Decimal(one["filled_qty"])
        unit = Decimal("0.0001") if one["asset_class"] == "crypto" else Decimal(1)
        price = self.days.price(self.number, one["symbol"].replace("/", "-"))
        units = max(to_unit(left * quarters / 4, unit), unit)
        self.exchange.execute(one["client_order_id"], units, one["limit_price"] or price)

    def cancel(self, one: dict[str, Any], *, part: bool) -> None:
        """Let a person cancel an order at the broker; a part of it can be executed before."""
        if part and one in self.tradable():
            self.execute(one, 1)
        if any(one["id"] == other["id"] for other in self.cancellable()):
            self.exchange.cancel(one["id"])

    def finish_slow_cancels(self) -> None:
        self.exchange.slow_cancels = False
        self.exchange.finish_cancels()


def choose[T](several: list[T], which: int) -> T:
    """One of several by any number."""
    return several[which % len(several)]


def _telling(work: Callable[[], object]) -> Callable[[], None]:
    def in_child() -> None:
        try:
            work()
        except Transient:
            os._exit(_PASSING)

    return in_child


@contextmanager
def dying(context: Context, moment: int | None) -> Iterator[None]:
    """Be killed before (even) or after (odd) one of the statements and requests of the block; None for never.

    It is not undone: whoever may die is a process of its own.
    """
    if moment is None:
        yield
        return
    left = moment

    def pass_by() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    class Cursor(psycopg2.extensions.cursor):
        def execute(self, *arguments: Any) -> None:
            pass_by()
            super().execute(*arguments)
            pass_by()

    send = bounded_http.BoundedAdapter.send

    def send_or_die(*arguments: Any, **options: Any) -> Any:
        pass_by()
        answer = send(*arguments, **options)
        pass_by()
        return answer

    context.conn.cursor_factory = Cursor
    bounded_http.BoundedAdapter.send = send_or_die  # type: ignore[method-assign]
    yield
