"""Filters on entries: who wins a symbol, and what moves too much like something else."""

import numpy as np
import pytest

from nightdesk.portfolio.filters import (
    apart_from_what_moves_alike,
    entries_by_confidence,
    one_entry_a_symbol,
)

#: Columns A, B, C; B sorts before A in the alphabet of these tests.
RANK = np.array([1, 0, 2])
ALL = np.ones((2, 3), dtype=bool)
NONE_HELD = np.zeros(3)
LONGS = np.ones((1, 3))


def matrix(**given: float) -> np.ndarray:
    """Correlations of pairs such as `ab`; 0 for the others."""
    out = np.eye(3)
    for pair, value in given.items():
        i, j = ("abc".index(one) for one in pair)
        out[i, j] = out[j, i] = value
    return out


@pytest.mark.parametrize(
    ("confidence", "order"),
    [
        ([[0.9, 0.8, 0.7], [0.6, 0.5, 0.4]], [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]),
        ([[0.4, 0.5, 0.6], [0.9, 0.8, 0.7]], [(1, 0), (1, 1), (1, 2), (0, 2), (0, 1), (0, 0)]),
        ([[0.7, 0.7, 0.7], [0.7, 0.7, 0.7]], [(0, 1), (1, 1), (0, 0), (1, 0), (0, 2), (1, 2)]),
    ],
)
def test_entries_come_by_confidence_then_by_symbol_then_as_the_book_names_its_strategies(
    confidence: list[list[float]], order: list[tuple[int, int]]
) -> None:
    assert entries_by_confidence(ALL, np.array(confidence), RANK) == order


@pytest.mark.parametrize(
    ("confidence", "loser", "winner"),
    [([0.9, 0.8], 1, 0), ([0.8, 0.9], 0, 1), ([0.8, 0.8], 1, 0)],
)
def test_the_most_confident_of_duplicates_wins_and_the_first_of_equals(
    confidence: list[float], loser: int, winner: int
) -> None:
    said = np.array([[one, 0.0, 0.0] for one in confidence])
    entries = said > 0
    (gone,) = one_entry_a_symbol(entries_by_confidence(entries, said, RANK), said)
    assert (gone.strategy, gone.symbol, gone.other, gone.filter) == (loser, 0, winner, "superseded")
    assert (gone.value, gone.limit) == (confidence[loser], confidence[winner])


def test_entries_in_different_symbols_are_no_duplicates() -> None:
    said = np.array([[0.9, 0.0, 0.7], [0.0, 0.8, 0.0]])
    assert one_entry_a_symbol(entries_by_confidence(said > 0, said, RANK), said) == []


@pytest.mark.parametrize(("value", "dropped"), [(0.69, 0), (0.70, 0), (0.7001, 1), (-0.95, 0), (np.nan, 0)])
def test_an_entry_above_the_limit_is_dropped_and_one_at_it_is_not(value: float, dropped: int) -> None:
    held = np.array([0.0, 1.0, 0.0])
    gone = apart_from_what_moves_alike([(0, 0)], LONGS, held, matrix(ab=value), 0.70)
    assert [(one.symbol, one.other, one.value, one.limit) for one in gone] == [(0, 1, value, 0.70)] * dropped


def test_the_same_symbol_is_exempt_and_the_nearest_other_is_named() -> None:
    held = np.ones(3)
    assert apart_from_what_moves_alike([(0, 0)], LONGS, held, matrix(), 0.70) == []
    (gone,) = apart_from_what_moves_alike([(0, 0)], LONGS, held, matrix(ab=0.8, ac=0.9), 0.70)
    assert (gone.other, gone.value) == (2, 0.9)


def test_an_accepted_entry_stands_in_the_way_of_those_after_it_and_a_dropped_one_does_not() -> None:
    alike = matrix(ab=0.9, bc=0.9)
    in_a_row = [(0, 0), (0, 1), (0, 2)]
    gone = apart_from_what_moves_alike(in_a_row, LONGS, NONE_HELD, alike, 0.70)
    assert [(one.symbol, one.other) for one in gone] == [(1, 0)]
    gone = apart_from_what_moves_alike([(0, 1), (0, 0), (0, 2)], LONGS, NONE_HELD, alike, 0.70)
    assert [(one.symbol, one.other) for one in gone] == [(0, 1), (2, 1)]
    assert not NONE_HELD.any(), "the argument was changed"


def test_a_short_moves_against_its_symbol() -> None:
    short = np.array([[-1.0, 0.0, 0.0]])
    held = np.array([0.0, 1.0, 0.0])
    assert apart_from_what_moves_alike([(0, 0)], short, held, matrix(ab=0.9), 0.70) == []
    (gone,) = apart_from_what_moves_alike([(0, 0)], short, held, matrix(ab=-0.9), 0.70)
    assert (gone.other, gone.value) == (1, 0.9)
    (gone,) = apart_from_what_moves_alike([(0, 0)], short, -held, matrix(ab=0.9), 0.70)
    assert (gone.other, gone.value) == (1, 0.9)
