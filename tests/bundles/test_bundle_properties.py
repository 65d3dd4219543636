"""What holds of every bundle, whatever the book, the day, the legs that are held and the rules."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bundles.random_bundles import bundle_scenes, bundled, holding, settled, with_bundles, with_legs
from tests.engine.random_books import SYMBOLS, Scene, desks, random_day, random_state

from nightdesk.core.panel import Floats
from nightdesk.engine import Day, Facts, Gated, gate, plan_all, targets
from nightdesk.engine.bundling import ends_at_once
from nightdesk.engine.exits import Cause
from nightdesk.portfolio import Bundles, Legs, brought_even
from nightdesk.risk import without_entries

#: A share of a strategy is rounded to a unit.
HAIR = 1e-9


@dataclass(frozen=True)
class Decided:
    """A scene with what the gate made of it, and of the same wishes without bundles."""

    scene: Scene
    gated: Gated
    plain: Gated
    bundles: Bundles

    @classmethod
    def of(cls, scene: Scene) -> "Decided":
        wanted, bundles = scene.wanted, scene.wanted.bundles
        assert bundles is not None
        at_once = np.where(ends_at_once(wanted.cause, bundles), Cause.STOP, wanted.cause).astype(np.int8)
        free = replace(wanted, carried=replace(wanted.carried, bundles=None), cause=at_once)
        return cls(
            scene,
            gate(scene.desk, scene.state, scene.day, wanted),
            gate(scene.desk, scene.state, scene.day, free),
            bundles,
        )

    @property
    def hedges(self) -> bool:
        """Whether the book has the rule to which the legs of a bundle are no pair."""
        return "correlation" in {rule.name for rule in self.scene.desk.rules}

    def is_even(self, legs: Legs, quantity: Floats) -> bool:
        size = np.abs(quantity[legs.strategy, legs.columns])
        even = brought_even(size, legs.ratio, self.scene.desk.units.part(legs.columns))
        return bool(np.array_equal(even, size))


def legs_are_even_or_it_is_known_why(one: Decided) -> None:
    """In the targets: but what quarantine keeps. Behind the gate: but what a rule of trades holds back."""
    wanted, quarantined = one.scene.wanted, one.scene.day.quarantined
    for legs in one.bundles.legs():
        at = (legs.strategy, legs.columns)
        held, wish, left = wanted.held[at], wanted.quantity[at], one.gated.quantity[at]
        stuck = bool((quarantined[legs.columns] & (held != 0.0)).any())
        assert one.is_even(legs, wanted.quantity) or stuck
        held_back = bool(((np.abs(left) > np.abs(wish)) & (left * held > 0.0)).any())
        # To leave a leg of which another strategy keeps the other side adds to the book: rules may forbid it.
        against = (one.gated.quantity[:, legs.columns] * left < 0.0).any(axis=0)
        opposed = bool((against & (left * held > 0.0)).any())
        uneven = not one.is_even(legs, wanted.held)
        assert one.is_even(legs, one.gated.quantity) or stuck or held_back or opposed or uneven


def additions_are_never_larger_than_without_bundles(one: Decided) -> None:
    held, left, plain = one.scene.wanted.held, one.gated.quantity, one.plain.quantity
    units = np.array([float(unit) for unit in one.scene.desk.unit_of.values()])
    asked = one.scene.wanted.quantity
    added = np.abs(left - without_entries(left, held))
    assert (added <= np.abs(asked - without_entries(asked, held)) + units * (1 + HAIR)).all()
    if len(held) == 1 and not one.hedges:
        assert (added <= np.abs(plain - without_entries(plain, held))).all()


def exits_are_never_scaled(one: Decided) -> None:
    """What is to be left is left as far as without bundles."""
    wanted, left, plain = one.scene.wanted, one.gated.quantity, one.plain.quantity
    if len(wanted.held) == 1 and not one.hedges:
        reduces = without_entries(wanted.quantity, wanted.held) == wanted.quantity
        assert (np.abs(left)[reduces] <= np.abs(plain)[reduces]).all()


def a_leg_that_cannot_be_sold_keeps_the_others(one: Decided) -> None:
    wanted, day = one.scene.wanted, one.scene.day
    for legs in one.bundles.legs():
        at = (legs.strategy, legs.columns)
        held, wish = wanted.held[at], wanted.quantity[at]
        if (day.quarantined[legs.columns] & (held != 0.0)).any():
            assert (np.abs(wish) >= np.abs(held)).all()


def every_cut_has_its_words(one: Decided) -> None:
    """The verdicts are made, and those on bundles name a leg and what decided."""
    for verdict in one.gated.verdicts(one.scene.desk.symbols):
        if verdict.rule.startswith("bundle"):
            leg, _, rule = verdict.rule.removeprefix("bundle.").rpartition(" by ")
            assert leg in SYMBOLS
            assert rule
            assert verdict.value < verdict.limit or verdict.value == verdict.limit == 0.0


def orders_name_their_bundles(one: Decided) -> None:
    scene = one.scene
    orders, _ = plan_all(scene.desk, scene.state, scene.day, one.gated.quantity, one.bundles)
    for order in orders:
        for intent in order.intents:
            row, n = scene.desk.strategy_row[intent.strategy], scene.desk.column[intent.symbol]
            assert bool(intent.bundle) == bool(one.bundles.code[row, n])


def all_hold(scene: Scene) -> None:
    one = Decided.of(scene)
    legs_are_even_or_it_is_known_why(one)
    additions_are_never_larger_than_without_bundles(one)
    exits_are_never_scaled(one)
    a_leg_that_cannot_be_sold_keeps_the_others(one)
    every_cut_has_its_words(one)
    orders_name_their_bundles(one)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(bundle_scenes())
def test_every_property_holds_of_every_bundle(scene: Scene) -> None:
    all_hold(scene)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=5_000, deadline=None)
@given(bundle_scenes())
def test_every_property_holds_in_five_thousand_scenes(scene: Scene) -> None:
    all_hold(scene)


@st.composite
def stories(draw: st.DrawFn) -> tuple[Scene, int]:
    """A book of bundles with everything in order but its rules, and the seed of what its broker does."""
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    desk = bundled(draw(desks()), dice)
    day = calm(with_bundles(desk, random_day(desk, dice), dice))
    state = random_state(desk, day, dice, facts=Facts(), short=True)
    assert state.carried is not None
    nothing = np.zeros((len(desk.strategies), len(desk.symbols)))
    state = replace(holding(desk, state, day, nothing, state.carried), risk=None)
    if draw(st.booleans()):
        state = with_legs(desk, state, day, dice)
    return Scene(desk, state, day, targets(desk, state, day)), draw(st.integers(0, 2**32 - 1))


def calm(day: Day) -> Day:
    """The day with a bar and a price of everything, and no split."""
    price = np.where(np.isfinite(day.price), day.price, 10.0)
    return replace(
        day,
        price=price,
        has_bar=np.ones_like(day.has_bar),
        age=np.zeros_like(day.age),
        quarantined=np.zeros_like(day.quarantined),
        splits={},
        vix=12.0,
        band=0,
        entries_allowed=True,
        factors={**day.factors, "atr_14": price * 0.02, "volatility_60": np.full_like(price, 0.2)},
    )


def silent(day: Day) -> Day:
    """The day with strategies that ask for nothing."""
    return replace(day, direction=np.zeros_like(day.direction), bundle=np.zeros_like(day.bundle))


#: Decisions after which every bundle is even once orders are filled: the repairs, and then the end.
SOON = 4


def no_leg_stays_alone(story: tuple[Scene, int]) -> None:
    """Orders are filled in part, or rejected, for three decisions; then whole, while nothing is asked for."""
    scene, seed = story
    dice = np.random.default_rng(seed)
    for number in range(3 + SOON):
        day = scene.day if number < 3 else silent(scene.day)
        if number < 3:
            worse = dice.random(len(day.quarantined)) < 0.1
            day = replace(day, quarantined=worse)
        state, desk = scene.state, scene.desk
        scene = Scene(desk, state, day, targets(desk, state, day))
        gated = gate(desk, state, day, scene.wanted)
        shares = dict(zip(desk.symbols, dice.choice([0.0, 0.3, 0.7, 1.0], len(desk.symbols)), strict=True))
        state = settled(scene, gated, day, shares if number < 3 else None)
        scene = replace(scene, state=state, day=replace(day, quarantined=np.zeros_like(day.quarantined)))
    last = scene.wanted.bundles
    assert last is not None
    held = scene.state.held_by(scene.desk).quantity
    for legs in last.legs():
        size = np.abs(held[legs.strategy, legs.columns])
        even = brought_even(size, legs.ratio, scene.desk.units.part(legs.columns))
        units = np.array([float(scene.desk.unit_of[scene.desk.symbols[n]]) for n in legs.columns])
        # To leave a leg of which another strategy holds the other side adds to the book: rules may forbid it.
        opposed = (held[:, legs.columns] * held[legs.strategy, legs.columns] < 0.0).any(axis=0)
        assert ((size - even <= units * (1 + HAIR)) | opposed).all(), (size, legs)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(stories())
def test_no_leg_stays_alone_after_the_repair_had_its_decisions(story: tuple[Scene, int]) -> None:
    no_leg_stays_alone(story)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=5_000, deadline=None)
@given(stories())
def test_no_leg_stays_alone_in_five_thousand_stories(story: tuple[Scene, int]) -> None:
    no_leg_stays_alone(story)
