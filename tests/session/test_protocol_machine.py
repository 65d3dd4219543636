"""Orders reach the broker exactly once, and the ledger agrees with it, whatever happens in whatever order."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Any
from unittest import SkipTest

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test
from tests.fakes.alpaca import FakeAlpaca
from tests.matrices.scenes import WatchedDesk
from tests.session.alpaca_desk import at_alpaca
from tests.session.new_desk import new_desk, random_walks
from tests.session.protocol_days import Days
from tests.session.protocol_machine import RULES, ProtocolMachine
from tests.session.protocol_orders import Wish, decided
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import INCEPTION

from nightdesk import engine
from nightdesk.brokers import alpaca
from nightdesk.brokers.alpaca_http import Patience
from nightdesk.core.calendar import get_calendar
from nightdesk.session import reconcile

#: The parent's threads (the broker's, and those of its numerical libraries) idle while it forks.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

#: So many sessions are made ready; no example lives longer.
SESSIONS = 14

#: Of ten and more stories hypothesis would spend the first ones on the simplest, which repeat one rule.
STORIES = 9

#: Seconds: long for an answer of this machine, short for who waits for one that does not come.
PATIENCE, SILENCE = Patience(connect=2.0, read=0.7, tries=1, total=1.0), 0.9


class Protocol:
    """What the machine works on, and what it has done."""

    def __init__(self, days: Days) -> None:
        self.days = days
        self.wishes: dict[date, tuple[Wish, ...]] = {}
        self.tally: Counter[str] = Counter()
        self.found: list[str] = []

    @property
    def steps(self) -> int:
        """How many rules were executed."""
        return sum(self.tally[name] for name in RULES)

    def run(self, steps: int, each: int, first: int, **more: Any) -> None:
        """Let stories happen, and print what they were made of.

        Parameters
        ----------
        steps : int
            How many are executed at least.
        each : int
            How often each of the rules should be, which may take twice as many steps.
        first : int
            The first seed: what is generated follows from seeds alone.
        more
            Of hypothesis' settings.
        """

        def is_enough() -> bool:
            often = min(self.tally[name] for name in RULES) >= each
            return self.steps >= (steps if often else 2 * steps)

        def machine() -> ProtocolMachine:
            if is_enough():
                raise SkipTest("enough")  # the one exception that ends a search without a finding
            return ProtocolMachine(self.days, self.wishes, self.tally, self.found)

        chosen = settings(
            max_examples=STORIES,
            stateful_step_count=60,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            **more,
        )
        number = first
        while not is_enough():
            print(f"seed {number}")
            # Where processes race a story can be told twice and end otherwise, which is no finding by itself.
            with suppress(SkipTest, FlakyStrategyDefinition):
                run_state_machine_as_test(seed(number)(machine), settings=chosen)
            assert not self.found, self.found[0]
            number += 1
        print(f"{self.steps} steps")
        for name, count in sorted(self.tally.items()):
            print(f"{count:6} {name}")


@pytest.fixture
def protocol(
    new_database: object, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Protocol]:
    folder = tmp_path_factory.mktemp("protocol")
    monkeypatch.setenv("NIGHTDESK_HOME", str(folder / "home"))
    check_quickly(monkeypatch)
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(alpaca, "PATIENCE", PATIENCE)
    with FakeAlpaca(get_calendar().open_at(INCEPTION), silence=SILENCE) as fake:
        small = new_desk(folder / "desk", new_database(), random_walks())  # type: ignore[operator]
        desk = WatchedDesk.of(at_alpaca(small, fake))
        protocol = Protocol(Days(desk, SESSIONS))

        whole = engine.plan_all

        def plan(desk: engine.Desk, state: engine.State, day: engine.Day, *gated: Any) -> object:
            wished = decided(protocol.wishes[day.session], desk, state, day)
            return wished, whole(desk, state, day, *gated)[1]

        monkeypatch.setattr(engine, "plan_all", plan)
        yield protocol
        protocol.days.close()


@pytest.mark.timeout(400)
def test_a_hundred_steps(protocol: Protocol) -> None:
    protocol.run(100, 1, first=0, phases=[Phase.generate])
    assert protocol.steps >= 100


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_thousand_steps(protocol: Protocol) -> None:
    protocol.run(2000, 20, first=random.randrange(1_000_000), phases=[Phase.generate, Phase.shrink])
    assert protocol.steps >= 2000
