"""What an instrument was called: its bars go on under the name of now, and no one else's do."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.core.names import NameChange, NameSpan, changes_in, continue_names, former_names, former_spans
from nightdesk.core.panel import Action, Bars, Column, Panel, build_panel
from nightdesk.core.withheld import under_their_names

DAYS = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-02-10"))


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


@dataclass
class Instrument:
    """When it was called how: (first row, name), ascending; `told`: its first name is new."""

    number: int
    names: list[tuple[int, str]]
    told: bool
    changes: list[NameChange] = field(default_factory=list)

    def name_at(self, row: int) -> str | None:
        return next((name for since, name in reversed(self.names) if since <= row), None)


@st.composite
def histories(draw: st.DrawFn) -> list[Instrument]:
    """Instruments that are listed and renamed, each to a name that nobody has then; names are used again."""
    found: list[Instrument] = []
    used: set[str] = set()
    for row in range(len(DAYS)):
        taken = {one.names[-1][1] for one in found}
        free = [name for name in "ABCDEF" if name not in taken]
        what = draw(st.sampled_from(["nothing"] * 6 + ["list", "rename"]))
        if what == "list" and free:
            name = draw(st.sampled_from(free))
            found.append(Instrument(len(found), [(row, name)], name not in used))
            used.add(name)
        if what == "rename" and free and found:
            one, name = draw(st.sampled_from(found)), draw(st.sampled_from(free))
            if one.names[-1][0] < row:
                one.changes.append(NameChange(one.names[-1][1], name, DAYS[row]))
                one.names.append((row, name))
                used.add(name)
    return found


@given(histories())
def test_bars_of_an_instrument_go_on_through_all_its_names_and_hold_no_others(
    history: list[Instrument],
) -> None:
    changes = [change for one in history for change in one.changes]
    symbols = tuple("ABCDEF")
    names = (*symbols, *former_names(symbols, changes))
    assert names == symbols
    bars = [
        (symbols.index(name), row, 1000.0 * one.number + row)
        for one in history
        for row in range(len(DAYS))
        if (name := one.name_at(row)) is not None
    ]
    column = np.array([bar[0] for bar in bars], dtype=np.intp)
    at = np.array([bar[1] for bar in bars], dtype=np.intp)
    price = np.array([bar[2] for bar in bars])
    found = continue_names(symbols, column, DAYS[at], (), changes)
    cells = list(zip(found.column.tolist(), at[found.rows].tolist(), strict=True))
    assert len(set(cells)) == len(cells), "two bars of one symbol and day"
    laid = np.full((len(DAYS), len(symbols)), np.nan)
    laid[at[found.rows], found.column] = price[found.rows]
    for one in history:
        row, name = one.names[-1]
        mine = laid[:, symbols.index(name)]
        begin = one.names[0][0]
        assert np.array_equal(mine[max(row, begin) :], 1000.0 * one.number + np.arange(row, len(DAYS)))
        if len(one.names) > 1:  # of a name that was changed to, the whole life and nothing else
            assert np.array_equal(mine[begin:], 1000.0 * one.number + np.arange(begin, len(DAYS)))
            if one.told or any(change.old == one.names[0][1] for change in changes):
                assert np.isnan(mine[:begin]).all()


def test_a_name_that_another_company_takes_over_brings_none_of_the_first_ones_bars() -> None:
    first = NameChange("FB", "META", day("2022-06-09"))
    second = NameChange("FB", "NEW", day("2025-03-03"))
    assert former_spans("META", [first, second]) == (NameSpan("FB", None, first.day),)
    assert former_spans("NEW", [first, second]) == (NameSpan("FB", first.day, second.day),)
    assert former_spans("FB", [first, second]) == ()


def test_names_in_a_ring_end() -> None:
    ring = [NameChange("A", "B", day("2024-01-05")), NameChange("B", "A", day("2024-01-09"))]
    assert former_spans("A", ring) == (
        NameSpan("B", ring[0].day, ring[1].day),
        NameSpan("A", None, ring[0].day),
    )


def test_only_a_share_for_a_share_continues() -> None:
    said = [
        Action("OLD", DAYS[5], "symbol_change", 1.0, other="NEW"),
        Action("TWO", DAYS[5], "symbol_change", 0.5, other="ONE"),
        Action("TGT", DAYS[5], "merger", 1.0, other="BUY"),
    ]
    assert changes_in(said) == (NameChange("OLD", "NEW", DAYS[5]),)


def panel_of(known: bool) -> Panel:
    """OLD is called NEW from row 6 on; before that NEW was another one's."""
    rows = [(1, row, 100.0 + row) for row in range(6)] + [(0, row, 100.0 + row) for row in range(6, 10)]
    rows += [(0, row, 5.0) for row in range(3)]
    rows = [one for one in rows if known or one[0] == 0]
    column, at, close = (np.array(one) for one in zip(*rows, strict=True))
    values = dict.fromkeys(("open", "high", "low", "close"), close.astype(float))
    bars = Bars(column=column, day=DAYS[at], **values, volume=np.ones(len(rows)))
    actions = [Action("OLD", DAYS[4], "dividend", 1.0)]
    return build_panel(
        DAYS[:10],
        [Column("NEW")],
        bars,
        actions,
        changes=[NameChange("OLD", "NEW", DAYS[6])] if known else [],
    )


def test_a_panel_has_the_history_of_a_former_name_and_decisions_see_none_of_it() -> None:
    panel = panel_of(known=True)
    assert panel.symbols == ("NEW",)
    assert panel.close[:, 0].tolist() == [100.0 + row for row in range(10)]
    assert panel.dividend[4, 0] == 1.0
    assert panel.adjustment[-1, 0] > 1.0
    seen, factors = under_their_names(panel, {"close": panel.close})
    assert np.isnan(seen.close[:6]).all()
    assert np.isnan(seen.fill_open[:6]).all()
    assert seen.close[6:, 0].tolist() == panel.close[6:, 0].tolist()
    assert np.isnan(factors["close"][:6]).all()
    assert seen.dividend[4, 0] == 0.0
    assert seen.age[:7, 0].tolist() == [-1] * 6 + [0]


def test_before_the_change_is_known_the_name_has_its_own_bars_alone() -> None:
    panel = panel_of(known=False)
    assert panel.named_from is None
    assert panel.close[:3, 0].tolist() == [5.0] * 3
    assert np.isnan(panel.close[3:6]).all()
