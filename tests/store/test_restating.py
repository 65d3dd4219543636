"""What is stored when a source restates its history for a split, or gives the same again in other digits."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests.store.market_rows import BOOK, INCEPTION, actions, bars
from tests.store.test_bar_rows import dump, versions

from nightdesk.core.calendar import get_calendar
from nightdesk.store.bar_rows import Saved, SavedMarket, known_now, save_market
from nightdesk.store.db import Connection
from nightdesk.store.panels import read_panel
from nightdesk.store.rows import read_rows

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 19)
SESSIONS = [str(one) for one in get_calendar().between(FIRST, LAST)]
#: Before this one the shares were twice as dear.
EX_DATE = "2024-01-16"


def save(conn: Connection, frame: pd.DataFrame, moves: pd.DataFrame | None = None) -> SavedMarket:
    return save_market(conn, BOOK, frame, moves, inception=INCEPTION, complete=(date(2024, 1, 3), LAST))


def raw(until: str = SESSIONS[-1], before: float = 2.0, symbol: str = "SPY") -> pd.DataFrame:
    """The bars in the prices of their own day."""
    days = [one for one in SESSIONS if one <= until]
    frame = bars(*[(symbol, day, 100.37 + 0.41 * at) for at, day in enumerate(days)])
    return multiplied(frame, before)


def multiplied(frame: pd.DataFrame, by: float) -> pd.DataFrame:
    """The bars before the ex-date times a number, as a vendor restates them."""
    old = (frame["session"] < pd.Timestamp(EX_DATE)).to_numpy()
    names = ["open", "high", "low", "close"]
    frame.loc[old, names] = (frame.loc[old, names] * by).round(2)
    frame.loc[old, "volume"] = (frame.loc[old, "volume"] / by).round()
    return frame


def stored_splits(conn: Connection) -> list[tuple[str, float, str]]:
    rows = read_rows(conn, "action_versions", symbol="SPY", session=EX_DATE)
    return [
        (str(one["session"]), one["value"], one["source"]) for one in rows if one["superseded_at"] is None
    ]


def test_a_restated_history_leaves_the_stored_bars_and_becomes_the_split_it_implies(conn: Connection) -> None:
    save(conn, raw("2024-01-12"))
    came = multiplied(raw(EX_DATE), 0.5)
    saved = save(conn, came, actions())
    assert saved.bars == Saved(new=1, unchanged=9, restated=9)
    assert saved.actions == Saved(new=1)
    assert stored_splits(conn) == [(EX_DATE, 2.0, "nightdesk")]
    assert "as for a split of 2:1 on 2024-01-16" in saved.restatements[0]
    panel = read_panel(conn, BOOK, FIRST, LAST, known_now(conn))
    spy = panel.column("SPY")
    assert panel.split[SESSIONS.index(EX_DATE), spy] == 2
    assert panel.close[0, spy] == pytest.approx(200.74)
    assert np.nanmax(np.abs(panel.returns[:, spy])) < 0.01


def test_every_later_ingest_of_the_restated_history_is_the_same_fact(conn: Connection) -> None:
    save(conn, raw("2024-01-12"))
    save(conn, multiplied(raw(EX_DATE), 0.5), actions())
    before = dump(conn)
    assert save(conn, multiplied(raw(EX_DATE), 0.5), actions()).bars == Saved(unchanged=10, restated=9)
    assert dump(conn) == before
    window = multiplied(raw(), 0.5)
    window = window[window["session"] >= pd.Timestamp("2024-01-12")]  # one bar before the ex-date
    saved = save(conn, window, actions())
    assert (saved.bars, saved.actions) == (Saved(new=3, unchanged=2, restated=1), Saved())


def test_a_split_inferred_from_raw_prices_outlives_the_vendors_restatement(conn: Connection) -> None:
    inferred = actions(("SPY", EX_DATE, "split", 2.0), source="nightdesk")
    save(conn, raw(EX_DATE), inferred)
    saved = save(conn, multiplied(raw(), 0.5), actions())  # a restated file shows no jump, and states nothing
    assert saved.actions == Saved()
    assert stored_splits(conn) == [(EX_DATE, 2.0, "nightdesk")]


def test_a_dividend_in_restated_dollars_is_the_stored_one_and_a_new_one_is_in_those_of_its_day(
    conn: Connection,
) -> None:
    save(conn, raw("2024-01-12"), actions(("SPY", "2024-01-04", "dividend", 0.85)))
    told = actions(("SPY", "2024-01-04", "dividend", 0.43), ("SPY", "2024-01-10", "dividend", 0.2))
    saved = save(conn, multiplied(raw(EX_DATE), 0.5), told)
    assert saved.actions == Saved(new=2, unchanged=1)
    values = [
        read_rows(conn, "action_versions", symbol="SPY", session=day)[0]["value"]
        for day in ("2024-01-04", "2024-01-10")
    ]
    assert values == [0.85, 0.4]


def test_a_history_multiplied_by_no_split_is_asked_and_moves_nothing(conn: Connection) -> None:
    save(conn, raw("2024-01-12", before=1.09))
    saved = save(conn, raw(EX_DATE, before=1.0), actions())
    assert saved.bars == Saved(new=1, unchanged=9, restated=9)
    assert "no plausible split" in saved.restatements[0]
    panel = read_panel(conn, BOOK, FIRST, LAST, known_now(conn))
    spy, ex = panel.column("SPY"), SESSIONS.index(EX_DATE)
    assert panel.unexplained[ex, spy] == pytest.approx(1.09, rel=1e-3)
    assert (panel.adjustment[:, spy] == 1).all()
    assert panel.dividend.sum() == 0
    assert [one.outcome for one in panel.findings] == ["asked"]


def test_a_correction_of_one_bar_is_no_restatement(conn: Connection) -> None:
    save(conn, raw("2024-01-12"))
    changed = raw("2024-01-12")
    changed.loc[3, ["open", "high", "low", "close"]] *= 0.5
    assert save(conn, changed).bars == Saved(corrected=1, unchanged=8)


def test_what_differs_by_rounding_alone_is_the_same_fact(conn: Connection) -> None:
    save(conn, raw("2024-01-12"), actions(("SPY", "2024-01-04", "adjustment", 1.0075)))
    before = dump(conn)
    again = raw("2024-01-12")
    again[["open", "high", "low", "close"]] *= 1 + 5e-8
    saved = save(conn, again, actions(("SPY", "2024-01-04", "adjustment", 1.0075 * (1 + 1e-8))))
    assert (saved.bars, saved.actions) == (Saved(unchanged=9), Saved(unchanged=1))
    assert dump(conn) == before
    changed = actions(("SPY", "2024-01-04", "adjustment", 1.0076))
    assert save(conn, raw("2024-01-12"), changed).actions == Saved(corrected=1)


@pytest.mark.parametrize(("held", "fresh"), [(np.nan, 5.0), (5.0, np.nan)])
def test_a_volume_that_becomes_known_or_unknown_is_a_new_version(
    conn: Connection, held: float, fresh: float
) -> None:
    save(conn, bars(("SPY", "2024-01-04", 100.0)).assign(volume=held))
    assert save(conn, bars(("SPY", "2024-01-04", 100.0)).assign(volume=fresh)).bars == Saved(corrected=1)
    assert len(versions(conn, "SPY", "2024-01-04")) == 2
