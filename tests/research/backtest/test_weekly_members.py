"""A book whose members change every week, in memory: who opens, who leaves, and that nothing looks ahead."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.member_market import LIST, MemberMarket, member_market, session

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.feeds.quality import examine
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.member_books import with_listed
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.strategies.strategy import BAR

SESSIONS = 20


def decided(market: MemberMarket, count: int = SESSIONS) -> Result:
    book = load_book(market.book)
    assert book.origin is not None
    last = session(count - 1)
    book = with_listed(book, book.origin, session(0), last)
    return backtest(book, read_market(book, book.origin, last).panel, session(0), last)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> MemberMarket:
    return member_market(tmp_path_factory.mktemp("weekly"))


@pytest.fixture(scope="module")
def result(market: MemberMarket) -> Result:
    return decided(market)


def held(result: Result, number: int) -> dict[str, float]:
    desk = result.desk
    quantity = result.decided[number].targets.held.sum(axis=0)
    return {desk.symbols[n]: float(quantity[n]) for n in np.flatnonzero(quantity)}


def test_what_is_no_member_opens_nothing_and_is_added_to_by_nobody(result: Result) -> None:
    member = result.market.member
    assert member is not None
    bought = 0
    for one in result.decided:
        outside = ~member[one.t]
        before, after = np.abs(one.targets.held.sum(axis=0)), np.abs(one.gated.quantity.sum(axis=0))
        assert (after[outside] <= before[outside]).all()
        bought += int((after > before).sum())
    assert bought > 20, "nothing was bought, so nothing is shown"


def test_what_left_while_it_was_held_is_only_reduced_and_never_refused(result: Result) -> None:
    sizes = [held(result, number)["M06"] for number in range(10, SESSIONS)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] > 0, "what nobody sells is kept"
    assert sizes[0] > sizes[-1], "what a strategy sells is sold"
    assert "M04" in held(result, 5)
    assert "M04" not in held(result, 7)


def test_what_comes_back_is_bought_again_and_what_was_delisted_is_paid_out(result: Result) -> None:
    assert any("M04" in held(result, number) for number in range(11, SESSIONS))
    kinds = {entry.kind for entry in result.entries if entry.symbol == "M03"}
    assert "redemption" in kinds
    assert "M03" not in held(result, SESSIONS - 1)


def test_an_entry_that_is_wanted_of_no_member_takes_no_part_of_the_capital(result: Result) -> None:
    wanted = 0
    for one in result.decided:
        day = result.market.day(one.t)
        assert day.member is not True
        enters = (day.direction * day.side > 0) & ~day.member
        wanted += int(enters.sum())
        opened = (one.targets.held == 0) & (one.targets.quantity != 0)
        assert not (opened & ~day.member).any()
    assert wanted > 0, "no strategy wanted what is no member"


def test_a_later_change_of_the_list_changes_nothing_before_it(result: Result, tmp_path: Path) -> None:
    """By truncation: what the list says from session 12 on is cut, and other symbols come and go."""
    other = member_market(tmp_path)
    kept = [one for one in LIST if one[1] < 12]
    kept = [(name, first, None if last is not None and last >= 12 else last) for name, first, last in kept]
    other.write_list((*(one for one in kept if one[0] != "M00"), ("M00", -200, 12), ("M09", 13, None)))
    changed = decided(other)
    for number in range(13):
        one, theirs = result.decided[number], changed.decided[number]
        assert one.orders == theirs.orders
        assert one.state.mark == theirs.state.mark
        assert held(result, number) == held(changed, number)
    later = [one.orders for one in result.decided[13:]] != [one.orders for one in changed.decided[13:]]
    assert later, "the change of the list is shown by nothing"


def test_of_a_failed_share_only_the_members_of_the_session_count(
    result: Result, market: MemberMarket
) -> None:
    book = result.desk.book
    assert book.origin is not None
    panel = read_market(book, book.origin, session(SESSIONS - 1)).panel
    member = book.member_mask(panel.sessions)
    assert member is not None
    width = len(book.symbols)

    def stops(without: NDArray[np.bool_]) -> bool:
        lost = np.zeros(panel.close.shape, dtype=np.bool_)
        lost[-1, :width] = without
        bars = {name: np.where(lost, np.nan, getattr(panel, name)) for name in BAR}
        return bool(examine(replace(panel, **bars), book).stop[-1])

    some = member[-1] & (np.cumsum(member[-1]) <= 4)
    assert not stops(~member[-1])
    assert stops(some)
    assert some.sum() <= 0.5 * width, "of all columns it would be no share that stops"


def test_strategies_see_who_is_a_member(result: Result) -> None:
    assert result.view.member is result.market.member
    cut = result.view.rows(3, 5).member
    assert cut is not None
    assert result.market.member is not None
    np.testing.assert_array_equal(cut, result.market.member[3:5])


def test_a_decided_session_without_a_member_is_refused(tmp_path: Path) -> None:
    market = member_market(tmp_path)
    market.write_list((("M00", -200, 5), ("M00", 7, None)))
    with pytest.raises(Refused, match=f"no symbol is a member on {session(6)}"):
        decided(market)


def test_a_book_whose_list_was_not_read_is_not_backtested(market: MemberMarket) -> None:
    book = load_book(market.book)
    assert book.origin is not None
    with pytest.raises(Refused, match="that list was not read"):
        backtest(book, read_market(book, book.origin, session(3)).panel, session(0), session(3))
