"""The drawdown levels as a table of sessions: what enters, what is cut, what leads back."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from nightdesk.core.drawdown_levels import Levels
from nightdesk.risk import Answer, LevelChange, RiskState, Signs, advance, begin
from nightdesk.risk.levels import SIMULATED
from nightdesk.risk.moves import describe

LEVELS = Levels(havens=("GLD", "TLT"), first_out=("BTC-USD",))
HELD = {"SPY": 100.0, "GLD": 40.0, "BTC-USD": 0.5}
FIRST = date(2020, 3, 2)


class Story:
    """A book whose NAV, in thousands of dollars, begins at 100; sessions are days here."""

    def __init__(self, **changed: Any) -> None:
        self.levels = LEVELS.model_copy(update=changed)
        self.state: RiskState = begin(Decimal(100_000))
        self.moves: list[LevelChange] = []
        self.day = FIRST

    def live(self, nav: float, times: int = 1, **signs: Any) -> RiskState:
        for _ in range(times):
            asked: dict[str, Any] = {"held": HELD, "calm": True, **signs}
            one = Signs(session=self.day, nav=Decimal(str(nav)) * 1000, **asked)
            self.state, change = advance(self.levels, self.state, one)
            self.moves += [] if change is None else [change]
            self.day += timedelta(days=1)
        return self.state

    @property
    def told(self) -> list[tuple[int, int, str]]:
        return [(one.before, one.after, one.cause) for one in self.moves]


@pytest.mark.parametrize(
    ("nav", "level", "caps"),
    [
        (100, 0, {}),
        (95.01, 0, {}),
        (95, 1, {}),
        (92.01, 1, {}),
        (92, 2, {"SPY": 75.0, "GLD": 30.0, "BTC-USD": 0.0}),
        (88, 3, {"SPY": 50.0, "GLD": 20.0, "BTC-USD": 0.0}),
        (85, 4, {"SPY": 0.0, "GLD": 0.0, "BTC-USD": 0.0}),
        (10, 4, {"SPY": 0.0, "GLD": 0.0, "BTC-USD": 0.0}),
        (-1, 4, {"SPY": 0.0, "GLD": 0.0, "BTC-USD": 0.0}),
    ],
)
def test_the_drawdown_enters_its_level_at_its_mark_and_cuts_once(
    nav: float, level: int, caps: dict[str, float]
) -> None:
    story = Story()
    entered = story.live(nav)
    assert (entered.level, dict(entered.level_caps)) == (level, caps)
    assert entered.peak == entered.highest == 100_000
    later = story.live(nav, held={symbol: cap for symbol, cap in caps.items() if cap} or HELD)
    assert later.level == level
    assert later.level_caps == (caps if level != 3 else {"SPY": 50.0, "BTC-USD": 0.0})
    assert len(story.moves) == (level > 0)


def test_a_jump_over_levels_cuts_as_the_deepest_and_a_deeper_level_cuts_what_is_held_then() -> None:
    story = Story()
    story.live(91.5)
    assert story.live(87.9, held={"SPY": 75.0}).level_caps == {"SPY": 37.5}
    assert story.live(84, held={"SPY": 37.0}).level_caps == {"SPY": 0.0}
    assert story.told == [(0, 2, "drawdown"), (2, 3, "drawdown"), (3, 4, "drawdown")]


def test_a_cut_that_waits_is_not_forgotten_when_the_next_level_cuts_less() -> None:
    story = Story(keep=(1.0, 0.25, 0.5, 0.0))
    story.live(91.5)
    assert story.live(87.9, held={"SPY": 100.0}).level_caps == {"SPY": 25.0}


def test_level_one_ends_when_the_drawdown_is_back_under_its_own_mark() -> None:
    story = Story()
    assert [story.live(nav).level for nav in (94, 95.5, 96, 96.01)] == [1, 1, 1, 0]
    assert story.told == [(0, 1, "drawdown"), (1, 0, "recovered")]
    assert story.state.recovery is None


def test_a_new_peak_moves_the_drawdown_with_it() -> None:
    story = Story()
    story.live(120)
    assert story.live(114).level == 1
    assert story.state.highest == 120_000


@pytest.mark.parametrize(
    ("signs", "level"),
    [
        ({"average_correlation": 0.50, "lowest_correlation": 0.1, "correlated": 5}, 0),
        ({"average_correlation": 0.51, "lowest_correlation": 0.1, "correlated": 5}, 1),
        ({"average_correlation": 0.90, "lowest_correlation": 0.81, "correlated": 2}, 1),
        ({"average_correlation": 0.90, "lowest_correlation": 0.80, "correlated": 3}, 1),
        ({"average_correlation": 0.90, "lowest_correlation": 0.81, "correlated": 3}, 2),
        ({}, 0),
    ],
)
def test_a_book_that_moves_together_is_at_a_level_without_any_drawdown(
    signs: dict[str, Any], level: int
) -> None:
    story = Story()
    assert story.live(100, **signs).level == level
    assert bool(story.state.level_caps) == (level == 2)
    assert story.told == ([(0, level, "correlation")] if level else [])


def test_the_way_back_from_level_two_wants_calm_and_no_new_low() -> None:
    story = Story()
    story.live(91.5)
    story.live(91.2)  # a new low
    story.live(91.3, 9, calm=False)
    assert story.live(91.3, 4).level == 2
    back = story.live(91.3)
    assert (back.level, back.recovery, back.peak, back.highest) == (0, 0, 91_300, 100_000)
    assert back.level_caps == {}
    assert story.told[-1] == (2, 0, "way back")


def test_one_wild_session_starts_the_count_of_calm_ones_anew() -> None:
    story = Story()
    story.live(91.5)
    story.live(91.5, 12, calm=False)
    story.live(91.5, 4)
    story.live(91.5, calm=False)
    assert story.live(91.5, 4).level == 2
    assert story.live(91.5).level == 0


def test_a_new_low_starts_the_count_of_sessions_since_it_anew() -> None:
    story = Story()
    story.live(91.5)
    story.live(91.5, 9)
    story.live(91.4)
    assert story.live(91.4, 9).level == 2
    assert story.live(91.4).level == 0


def test_the_way_back_stays_closed_while_everything_moves_together() -> None:
    story = Story()
    together = {"average_correlation": 0.9, "lowest_correlation": 0.85, "correlated": 4}
    story.live(100, **together)
    assert story.live(100, 30, **together).level == 2
    assert story.live(100, average_correlation=0.6, lowest_correlation=0.1, correlated=4).level == 1
    assert story.told[-1] == (2, 1, "way back")
    assert story.state.recovery == 0


def test_sizes_grow_by_a_quarter_every_five_sessions_until_recovery_ends() -> None:
    story = Story()
    story.live(91.5)
    story.live(91.5, 10)
    sizes = [story.state.size(LEVELS)] + [story.live(91.5).size(LEVELS) for _ in range(16)]
    assert sizes == [0.25] * 5 + [0.5] * 5 + [0.75] * 5 + [1.0] * 2
    assert story.state.recovery is None


def test_a_fall_in_recovery_is_judged_from_the_new_peak_by_the_same_table() -> None:
    story = Story()
    story.live(91.5)
    story.live(91.5, 10)
    assert story.live(87).level == 0
    shallow = story.live(86.9)
    assert (shallow.level, shallow.recovery) == (1, 2)
    deep = story.live(84)
    assert (deep.level, deep.recovery, deep.size(LEVELS)) == (2, None, 1.0)


class TestPerson:
    """Levels 3 and 4 wait for one."""

    def waiting(self, nav: float, **signs: Any) -> Story:
        story = Story()
        story.live(nav)
        story.live(nav, 4, **signs)
        return story

    def test_the_simulated_one_answers_after_five_sessions(self) -> None:
        story = self.waiting(84)
        assert story.state.waits()
        assert story.live(84).answered_by == SIMULATED
        assert story.live(84, 5).recovery == 0
        assert story.moves[-1].who == SIMULATED

    @pytest.mark.parametrize("signs", [{"simulates": False}, {"asked": FIRST}])
    def test_without_an_answer_a_book_that_a_person_can_see_waits_for_ever(
        self, signs: dict[str, Any]
    ) -> None:
        story = self.waiting(84, **signs)
        assert story.live(84, 300, **signs).waits()
        assert story.state.level == 4

    @pytest.mark.parametrize(
        ("nav", "kind", "answered"),
        [
            (87, "review", True),
            (87, "confirm", True),
            (84, "review", False),
            (84, "confirm", True),
            (84, "reject", False),
        ],
    )
    def test_a_review_serves_level_three_and_a_confirmation_both(
        self, nav: float, kind: Any, answered: bool
    ) -> None:
        story = self.waiting(nav, simulates=False)
        said = Answer(story.day, kind, "ann")
        story.live(nav, 6, simulates=False, answer=said)
        assert (story.state.recovery == 0) == answered
        assert story.state.waits() != answered
        if answered:
            assert story.moves[-1].who == "ann"

    def test_a_rejection_is_the_word_of_a_person_and_silences_the_simulated_one(self) -> None:
        story = self.waiting(84)
        said = Answer(story.day, "reject", "ann")
        assert story.live(84, 60, answer=said).waits()
        assert story.live(84, answer=Answer(story.day, "confirm", "bob")).recovery == 0

    def test_an_answer_to_an_earlier_level_does_not_count(self) -> None:
        story = Story()
        said = Answer(FIRST, "confirm", "ann")
        story.live(100, 3)
        story.live(84, 30, simulates=False, answer=said)
        assert story.state.waits()

    def test_an_answer_before_the_market_is_calm_is_kept_until_then(self) -> None:
        story = self.waiting(84, simulates=False, calm=False)
        said = Answer(story.day, "confirm", "ann")
        story.live(84, 20, simulates=False, calm=False, answer=said)
        assert not story.state.waits()
        assert story.live(84, 5, simulates=False, answer=said).recovery == 0

    def test_a_level_that_a_person_sets_is_entered_and_left_like_any_other(self) -> None:
        story = Story()
        assert story.live(100, forced=3, forced_by="ann").level_caps["SPY"] == 50.0
        assert story.moves[-1].who == "ann"
        assert story.live(100, 10).recovery == 0
        assert story.told == [(0, 3, "person"), (3, 0, "way back")]

    def test_a_level_that_is_no_deeper_than_the_present_one_changes_nothing(self) -> None:
        story = Story()
        story.live(84)
        assert story.live(84, forced=2, forced_by="ann").level == 4


def test_the_state_of_a_session_does_not_depend_on_how_often_it_is_computed() -> None:
    before = replace(begin(Decimal(100_000)), level=2, since=FIRST, calm=3)
    signs = Signs(session=FIRST, nav=Decimal("90000.01"), held=HELD, calm=True)
    assert advance(LEVELS, before, signs) == advance(LEVELS, before, signs)


@pytest.mark.parametrize(
    ("nav", "words"),
    [
        (94, "Entries need a confidence of 0.6, and nothing is opened in BTC-USD."),
        (91, "Every position is cut to 75%, BTC-USD closed. Nothing is opened until the way back."),
        (
            87,
            "Every position is cut to 50%, BTC-USD closed. Only GLD and TLT may be opened until the way "
            "back, before which a person reviews.",
        ),
        (
            84,
            "Everything is liquidated. Nothing is opened until the way back, which a person has to confirm.",
        ),
    ],
)
def test_a_move_is_told_with_its_numbers_and_what_it_means(nav: float, words: str) -> None:
    story = Story()
    story.live(nav)
    told = describe(story.moves[0], LEVELS)
    assert words in told
    assert f"NAV {nav * 1000:,.2f} is {1 - nav / 100:.2%} below the peak of 100,000.00 dollars" in told


def test_the_way_back_is_told_with_what_comes_now() -> None:
    story = Story()
    story.live(91.5)
    story.live(91.5, 10)
    told = describe(story.moves[-1], LEVELS)
    assert "Recovery begins after 10 sessions: sizes are 25% of normal" in told


def test_a_way_back_to_level_one_says_what_that_still_allows() -> None:
    story = Story()
    story.live(91.5)
    story.live(91.5, 10, average_correlation=0.6)
    assert story.told[-1] == (2, 1, "way back")
    told = describe(story.moves[-1], LEVELS)
    assert "the portfolio that the book wants was calm long enough" in told
    assert told.endswith("Entries need a confidence of 0.6, and nothing is opened in BTC-USD.")


def test_the_end_of_a_level_by_correlation_is_not_told_as_the_end_of_a_drawdown() -> None:
    story = Story()
    story.live(99, average_correlation=0.6)
    story.live(99, average_correlation=0.4)
    assert story.told == [(0, 1, "correlation"), (1, 0, "recovered")]
    told = describe(story.moves[-1], LEVELS)
    assert "neither the drawdown nor the correlations ask for a level any more" in told
    assert told.endswith("No level limits entries any more.")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"at": (0.05, 0.05, 0.12, 0.15)}, "must rise from level to level"),
        ({"at": (0.0, 0.05, 0.12, 0.15)}, "must rise from level to level"),
        ({"first_ends_below": 0.06}, "level 1 begins at 0.05 and cannot end above it"),
    ],
)
def test_levels_that_contradict_themselves_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Levels(**changed)


def test_within_a_session_a_level_is_entered_and_deepens_while_what_counts_sessions_stands_still() -> None:
    story = Story(calm_sessions=2, low_sessions=2)
    story.live(92, closes=False)
    assert (story.state.level, story.state.level_caps["SPY"]) == (2, 75.0)
    story.live(91, 3, closes=False)
    assert (story.state.sessions, story.state.since_low, story.state.calm) == (0, 0, 0)
    assert story.state.deepest == Decimal("0.09")
    story.live(91.5, closes=True)
    assert (story.state.sessions, story.state.since_low, story.state.calm) == (1, 1, 1)
    story.live(91.5, closes=False, calm=False)
    assert (story.state.since_low, story.state.calm) == (1, 0)
    story.live(91.5, 6, closes=False)
    assert story.state.level == 2
    story.live(91.5, 2, closes=True)
    assert story.told[-1] == (2, 0, "way back")
    begun = story.state.recovery
    story.live(91.5, 3, closes=False)
    assert story.state.recovery == begun
    story.live(91.5, closes=True)
    assert begun is not None
    assert story.state.recovery == begun + 1
