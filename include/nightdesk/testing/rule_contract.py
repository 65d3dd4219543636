"""What every rule of the gate keeps to; a rule of one's own inherits it and says with which numbers."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.core.margin import Margin
from nightdesk.core.panel import Floats
from nightdesk.core.portfolio_terms import Band
from nightdesk.risk import (
    Asked,
    Correlations,
    Entering,
    PeriodLows,
    Protection,
    Rule,
    Situation,
    Standing,
    make_rules,
    without_entries,
)
from nightdesk.risk.by_hand import ByHand
from nightdesk.risk.rule import reason_in_words, rule_class
from nightdesk.testing.situations import measured, situation

PORTFOLIO = Margin(kind="portfolio")


@st.composite
def asks(draw: st.DrawFn) -> tuple[Floats, Floats, Situation]:
    """Anything held and wanted on either side, in a situation in which any rule may bind."""
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = np.array([1_000.0, 2_000.0, 10.0]) * dice.choice([0.3, 1.0, 4.0])
    held, wanted = (
        np.trunc(dice.uniform(-1.0, 1.0, 3) * size) * (dice.random(3) < 0.7) for _ in ("held", "wanted")
    )
    flags = dice.random((5, 3)) < 0.3
    opens = ((held == 0) & (wanted != 0)).astype(np.int64)
    here = ((held != 0) & (wanted != 0)).astype(np.int64)
    cap = np.where(flags[0], np.abs(held) * 0.5, np.inf)
    standing = replace(
        Standing.calm(3),
        level=int(dice.choice([0, 0, 1, 2, 3, 4])),
        sure=np.where(flags[1], 0.0, np.inf),
        level_cap=cap,
        stop_cap=cap,
        size_cap=np.where(flags[2], np.abs(wanted) * 0.25, np.inf),
        leverage_limit=float(dice.choice([0.5, np.inf])),
        correlations=Correlations.given(np.where(dice.random() < 0.5, 0.9, np.nan) * np.ones((3, 3))),
    )
    entering = replace(
        Entering.nothing(3),
        confidence=dice.choice([0.5, 0.9], 3),
        opens=opens,
        open_here=here,
        open_positions=int(here.sum()),
        cash=50_000.0,
    )
    return (
        held,
        wanted,
        situation(
            day_return=float(dice.choice([0.0, -0.05])),
            age=np.where(flags[3], dice.integers(-1, 3, 3), 0),
            quarantined=flags[4],
            band=Band(name="ANY", heat=0.5, entries=bool(dice.random() < 0.9)),
            entries_allowed=bool(dice.random() < 0.9),
            kill_switch=bool(dice.random() < 0.1),
            standing=standing,
            entering=entering,
            margin=PORTFOLIO,
            most_gross=float(dice.choice([1.0, 3.0])),
            most_net=float(dice.choice([0.5, 1.5])),
            groups=np.array([0, 0, 1]),
            group_names=("fund", "crypto"),
            factors={"adv_20": np.where(flags[1], np.nan, 5_000.0)},
            periods=PeriodLows(*(-dice.choice([0.0, 0.2], 2)).tolist()),
            protection=Protection(
                np.array([5.0, 2.0, 500.0]), np.array([5.0, 2.0, 500.0]), flags[0], flags[2]
            ),
            wash_loss=np.where(flags[2], 10.0, 0.0),
            opened_today=np.where(flags[3], np.sign(held), 0.0),
            member=~flags[1],
            by_hand=_by_hand(dice),
            nav=float(dice.choice([20_000.0, 100_000.0])),
        ),
    )


def _by_hand(dice: np.random.Generator) -> ByHand:
    """What people may limit of the three symbols."""
    words = ("close-only by ann", "no-new-entries by bob {of: braces}", "max-size by cyd")
    size = dice.choice([0.0, 0.1, 0.5, np.inf], 3)
    reduce_to = np.where(dice.random(3) < 0.5, size, np.inf)
    barred, unopened = dice.random((2, 3)) < 0.3
    return ByHand(barred, unopened & ~barred, size, reduce_to, words, words, words)


def mirrored(now: Situation) -> Situation:
    """The same with every short as a long."""
    return replace(now, opened_today=-np.asarray(now.opened_today))


class RuleContract:
    """Inherit it, and set `name` and the `params` that have no defaults."""

    name: ClassVar[str]
    params: ClassVar[dict[str, Any]] = {}
    #: Whether a short is judged as the long that mirrors it: not where only purchases cost money or tax.
    symmetric: ClassVar[bool] = True

    def rule(self) -> Rule:
        return next(one for one in make_rules({self.name: self.params}) if one.name == self.name)

    def test_it_is_told_what_it_is(self) -> None:
        cls = rule_class(self.name)
        assert cls.__doc__
        assert all(field.description for field in cls.Params.model_fields.values())
        for sentence in (cls.sentence, *cls.sentences.values()):
            said = sentence.format(value=0.5, limit=0.25)
            assert said != sentence, "the words carry no number"
            assert not re.search(r"[{}]|\.$", said)

    def test_it_keeps_the_contract_on_anything(self) -> None:
        rule = self.rule()

        @settings(max_examples=60, deadline=None, derandomize=True, database=None)
        @given(asks())
        def holds(ask: tuple[Floats, Floats, Situation]) -> None:
            held, wanted, now = ask
            if rule.concerns(now):
                self.keeps_to_its_subject(rule, held, wanted, now)

        holds()

    def keeps_to_its_subject(self, rule: Rule, held: Floats, wanted: Floats, now: Situation) -> None:
        ruling = rule.apply(wanted.copy(), held, now)
        after, kept = ruling.after, without_entries(wanted, held)
        if (rule.idle(now) or rule.passes(Asked(wanted, held, now))) and self.is_asked(rule, held, wanted):
            np.testing.assert_array_equal(after, wanted, "a cheap look said that it changes nothing")
            assert ruling.exempt is None or not ruling.exempt.any(), "and exempts nothing"
        if rule.subject == "entries":
            np.testing.assert_array_equal(without_entries(after, held), kept, "a reduction was touched")
        toward = {"entries": kept, "trades": held, "positions": np.zeros(3)}[rule.subject]
        assert (after >= np.minimum(wanted, toward)).all()
        assert (after <= np.maximum(wanted, toward)).all()
        np.testing.assert_array_equal(now.units.toward_zero(after), after, "not whole units")
        np.testing.assert_array_equal(rule.apply(after, held, now).after, after, "asked again, it cuts again")
        if ruling.exempt is not None:
            assert (np.abs(after) < np.abs(held))[ruling.exempt].all(), "what grows is exempt"
        assert (ruling.exempt is not None and bool(ruling.exempt.any())) <= rule.exempts
        value = np.broadcast_to(np.asarray(ruling.value, dtype=np.float64), (3,))
        limit = np.broadcast_to(np.asarray(ruling.limit, dtype=np.float64), (3,))
        for n in range(3):
            named = ruling.accounts[n] if ruling.accounts else ruling.by_key
            key = f".{named}" if ruling.by is not None and ruling.by[n] else ""
            words = reason_in_words(rule.name + key, float(value[n]), float(limit[n]))
            assert not re.search(r"\bnan\b|\binf\b", words)
        if self.symmetric:
            other = rule.apply(-wanted, -held, mirrored(now)).after
            np.testing.assert_array_equal(-other, after, "a short is judged otherwise than a long")

    def is_asked(self, rule: Rule, held: Floats, wanted: Floats) -> bool:
        """Whether the gate asks it: a rule of entries where there is one, one of trades of a trade."""
        if rule.subject == "entries":
            return not np.array_equal(without_entries(wanted, held), wanted)
        return rule.subject == "positions" or not np.array_equal(wanted, held)

    def test_its_figures_are_a_number_a_symbol(self) -> None:
        rule = self.rule()
        factors = {name: np.array([1.5, np.nan, 0.0]) for name in rule.factors}
        for name, values in rule.figures(factors).items():
            assert name.isidentifier()
            assert values.shape == (3,), name
            assert values.dtype == np.float64, name

    def test_its_distances_have_words_and_the_right_sign(self) -> None:
        what = measured(
            0.3,
            -1.0,
            0.1,
            most_gross=1.2,
            most_net=0.5,
            groups=("fund", "fund", "crypto"),
            positions_in=np.ones(3, dtype=np.int64),
            positions=3,
            volume_share=np.array([0.01, 0.5, 0.1]),
            periods=PeriodLows(-0.06, -0.02),
            loss_at_stops=0.05,
            bare=1,
            heat=0.5,
            cash=0.6,
            drawdown=0.1,
        )
        for one in self.rule().distances(what):
            assert one.rule in rule_class(self.name).told_as
            assert math.isclose(abs(one.room), abs(one.value - one.limit), abs_tol=1e-12)
            assert one.state in ("within", "at", "beyond", "unknown")
