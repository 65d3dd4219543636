"""A restored database has its orders, lots and taxes back, and trades on as if nothing had been lost."""

from collections.abc import Iterator

import pytest
from tests.matrices.restoring import LOST, STORIES, TWO_AGO, YESTERDAY, RestoredDesk, Story
from tests.matrices.scenes import alpaca_desks
from tests.session.small_desk import session

from nightdesk.session import protection, reconcile


@pytest.fixture(scope="module")
def desk() -> Iterator[RestoredDesk]:
    with alpaca_desks() as make_desk, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
        yield RestoredDesk(make_desk())


@pytest.fixture(scope="module")
def resting() -> Iterator[RestoredDesk]:
    """A desk where stops rest, some of which are executed in the time of the stories."""
    with alpaca_desks() as make_desk, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
        patch.setattr(protection, "PAUSE_SECONDS", 0.0)
        yield RestoredDesk(make_desk(), stop=0.01)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "story",
    [pytest.param(one, id=str(one), marks=() if one.brief else pytest.mark.slow) for one in STORIES],
)
def test_a_restored_book_lives_on_as_if_it_had_never_been_restored(desk: RestoredDesk, story: Story) -> None:
    rebuilt, wrong = desk.tell(story)
    assert wrong == []
    if rebuilt is not None:
        ago = {TWO_AGO: 2, YESTERDAY: 1}.get(story.backup)
        again = [] if ago is None else [session(LOST + 1 - one) for one in range(ago, 0, -1)]
        assert [as_of.date() for as_of in rebuilt.decisions if as_of.date() < session(LOST)] == again[:-1]
        assert rebuilt.nobodys == rebuilt.others == ()
        sales = [one for one in rebuilt.orders if f"-{session(LOST):%y%m%d}-" in one]
        assert len(sales) == {TWO_AGO: 2, YESTERDAY: 2}.get(story.backup, "middle" in story.backup)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("story", [pytest.param(one, id=str(one), marks=pytest.mark.slow) for one in STORIES])
def test_a_restored_book_finds_what_rests_and_lives_on(resting: RestoredDesk, story: Story) -> None:
    rebuilt, wrong = resting.tell(story)
    assert wrong == []
    if rebuilt is not None:
        assert rebuilt.nobodys == rebuilt.others == ()


def test_the_lost_orders_sell_at_a_loss_and_buy_back(desk: RestoredDesk) -> None:
    _, sales = desk.taxes
    assert isinstance(sales, tuple)
    assert any(one.disallowed for one in sales)
    assert {one.symbol for one in sales} == {"SPY", "GLD"}
