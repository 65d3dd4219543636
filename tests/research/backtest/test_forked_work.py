"""Work side by side: what is given comes back in its order, and what is raised is raised."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.screened_market import ORIGIN, screened_market, session

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.research.backtest.forked_work import CAN_FORK, side_by_side
from nightdesk.research.backtest.screened_universe import screen_span

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system does not fork")


def squares(numbers: Sequence[int]) -> list[tuple[int, int]]:
    return [(one * one, os.getpid()) for one in numbers]


@pytest.mark.parametrize(("count", "most", "parts"), [(7, 3, 3), (2, 5, 2), (4, 1, 1), (0, 4, 1)])
def test_each_part_has_a_process_and_comes_back_in_its_place(count: int, most: int, parts: int) -> None:
    made = side_by_side(squares, range(count), most)
    assert [one for one, _ in made] == [n * n for n in range(count)]
    assert len({process for _, process in made}) == min(parts, max(count, 0))


def test_what_a_part_raises_is_raised_and_a_death_is_told() -> None:
    def refuse(numbers: Sequence[int]) -> list[int]:
        if 3 in numbers:
            raise Refused("three is none")
        return list(numbers)

    def die(numbers: Sequence[int]) -> list[int]:
        if 3 in numbers:
            os._exit(7)
        return list(numbers)

    with pytest.raises(Refused, match="three is none"):
        side_by_side(refuse, range(4), 2)
    with pytest.raises(Refused, match=r"died \(status 7\)"):
        side_by_side(die, range(4), 2)


def test_screens_are_the_same_however_many_processes_make_them(tmp_path: Path) -> None:
    book = load_book(screened_market(tmp_path).book)
    alone = screen_span(book, ORIGIN, session(0), session(40))
    assert alone == screen_span(book, ORIGIN, session(0), session(40), processes=3)
    assert len(alone.membership.spans) > 6
    assert alone.membership.pairs
    assert alone.membership.off
