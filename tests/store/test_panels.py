"""The panel read from the store is the panel built from the frames that were stored."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from tests.store.market_rows import BOOK, INCEPTION, actions, bars, week

from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import Action, Bars, Column, Panel, build_panel
from nightdesk.store.bar_rows import known_now, market_changed, save_market
from nightdesk.store.db import Connection, cursor
from nightdesk.store.panels import read_panel

ARRAYS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "fill_open",
    "fill_volume",
    "adjustment",
    "dividend",
    "split",
)


def test_a_panel_has_the_books_columns_and_nan_where_nothing_is_known(conn: Connection) -> None:
    save_market(conn, BOOK, week(["SPY"]), inception=INCEPTION)
    panel = read_panel(conn, BOOK, date(2024, 1, 3), date(2024, 1, 8), known_now(conn))
    assert panel.symbols == ("GLD", "BTC-USD", "SPY", "^VIX")
    assert panel.sessions.astype(str).tolist() == ["2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
    np.testing.assert_array_equal(panel.close[:, 2], [103, 104, 105, np.nan])
    assert np.isnan(panel.close[:, [0, 1, 3]]).all()


def test_a_panel_of_an_empty_store_is_all_nan(conn: Connection) -> None:
    panel = read_panel(conn, BOOK, date(2024, 1, 3), date(2024, 1, 5), known_now(conn))
    assert np.isnan(panel.close).all()
    assert (panel.adjustment == 1).all()


def test_a_bar_not_known_by_the_instant_is_absent(conn: Connection) -> None:
    save_market(conn, BOOK, week(["SPY"]), inception=INCEPTION)
    just_before = datetime(2024, 1, 4, 21, 29, 59, tzinfo=UTC)
    panel = read_panel(conn, BOOK, date(2024, 1, 2), date(2024, 1, 5), just_before)
    np.testing.assert_array_equal(panel.close[:, 2], [102, 103, np.nan, np.nan])


def test_the_days_since_the_session_before_the_first_are_read_for_a_market_that_never_closes(
    conn: Connection,
) -> None:
    days = [("BTC-USD", f"2024-01-0{day}", 100.0 + day) for day in range(1, 9)]
    save_market(conn, BOOK, bars(*days), inception=INCEPTION)
    panel = read_panel(conn, BOOK, date(2024, 1, 8), date(2024, 1, 8), known_now(conn))
    assert (panel.open[0, 1], panel.close[0, 1], panel.fill_open[0, 1]) == (104.5, 107, 105.5)


def test_floats_come_back_exactly(conn: Connection) -> None:
    close = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308]
    frame = bars(*[("SPY", f"2024-01-0{day}", 1.0) for day in (2, 3, 4, 5)]).assign(close=close)
    save_market(conn, BOOK, frame, inception=INCEPTION)
    panel = read_panel(conn, BOOK, date(2024, 1, 2), date(2024, 1, 5), known_now(conn))
    assert panel.close[:, 2].tolist() == close


def test_real_bars_and_actions_come_back_as_the_panel_that_they_make_in_memory(
    conn: Connection, market: Path
) -> None:
    frame = pd.read_csv(market / "multi_asset_daily.csv.gz")
    frame = frame.rename(columns={"date": "session"}).assign(source="files")
    frame["session"] = pd.to_datetime(frame["session"])
    frame = frame[frame["symbol"].isin(BOOK.panel_symbols) & (frame["session"] >= "2018-01-02")]
    calendar = get_calendar()
    endless = frame["symbol"] == "BTC-USD"
    frame = frame[endless | frame["session"].isin(pd.to_datetime(calendar.sessions))]
    first, last = date(2018, 6, 1), date(2020, 12, 31)
    moves = actions(
        ("SPY", "2019-03-15", "dividend", 1.233),
        ("GLD", "2019-06-03", "split", 2),
        ("SPY", "2020-06-19", "adjustment", 1.0043),
    )
    save_market(conn, BOOK, frame, moves, inception=date(2019, 1, 2))
    stored = read_panel(conn, BOOK, first, last, known_now(conn))
    made = in_memory(frame, moves, first, last)
    assert np.isfinite(stored.close[:, :3]).all()
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(stored, name), getattr(made, name), err_msg=name)


def in_memory(frame: pd.DataFrame, moves: pd.DataFrame, first: date, last: date) -> Panel:
    calendar, where = get_calendar(), {name: at for at, name in enumerate(BOOK.panel_symbols)}
    return build_panel(
        calendar.between(first, last),
        [Column(name, name == "BTC-USD") for name in BOOK.panel_symbols],
        Bars(
            column=frame["symbol"].map(where).to_numpy(dtype=np.intp),
            day=frame["session"].to_numpy().astype("datetime64[D]"),
            **{
                name: frame[name].to_numpy(dtype=float) for name in ("open", "high", "low", "close", "volume")
            },
        ),
        [
            Action(symbol, np.datetime64(day, "D"), kind, value)
            for symbol, day, kind, value in moves[["symbol", "session", "kind", "value"]].itertuples(
                index=False
            )
        ],
        previous_session=np.datetime64(calendar.shift(first, -1)),
    )


def test_one_day_of_many_symbols_is_found_through_an_index(conn: Connection) -> None:
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.bars SELECT n, date '2020-01-01' + d, now(), NULL, 'x', 1, 1, 1, 1, 1 "
            "FROM generate_series(1, 100) n, generate_series(1, 300) d; ANALYZE nightdesk.bars"
        )
        cur.execute(
            "EXPLAIN SELECT close FROM nightdesk.bars "
            "WHERE session = '2020-03-01' AND symbol_id = ANY('{1,2,3}')"
        )
        plan = "\n".join(line for (line,) in cur.fetchall())
    assert "Seq Scan" not in plan


def test_bars_of_an_old_name_are_found_by_the_new_one_from_when_the_change_was_known(
    conn: Connection,
) -> None:
    """GLD was OLDG until 4 January, and its name another fund's; of the change nobody knows at first."""
    old = bars(("OLDG", "2024-01-02", 50.0), ("OLDG", "2024-01-03", 51.0), ("OLDG", "2024-01-04", 7.0))
    own = bars(("GLD", "2024-01-02", 3.0), ("GLD", "2024-01-04", 52.0), ("GLD", "2024-01-05", 53.0))
    save_market(conn, BOOK, pd.concat([old, own]), inception=INCEPTION)
    before = known_now(conn)
    said = actions(("OLDG", "2024-01-04", "symbol_change", 1.0), source="person").assign(other="GLD")
    save_market(conn, BOOK, bars(), said, inception=INCEPTION)
    after, span = known_now(conn), (date(2024, 1, 2), date(2024, 1, 5))
    assert market_changed(conn, BOOK, *span, before)
    assert not market_changed(conn, BOOK, *span, after)
    unaware, aware = (read_panel(conn, BOOK, *span, known_by) for known_by in (before, after))
    np.testing.assert_array_equal(unaware.close[:, 0], [3, np.nan, 52, 53])
    np.testing.assert_array_equal(aware.close[:, 0], [50, 51, 52, 53])
    assert aware.symbols == unaware.symbols == BOOK.panel_symbols
    assert aware.named_from is not None
    assert aware.named_from.tolist() == [2, 0, 0, 0]
    earlier = read_panel(conn, BOOK, span[0], date(2024, 1, 3), after)
    np.testing.assert_array_equal(earlier.close[:, 0], [3, np.nan])  # its day has not come
    by_old_name = BOOK.model_copy(update={"universe": {"OLDG": BOOK.universe["GLD"]}})
    np.testing.assert_array_equal(
        read_panel(conn, by_old_name, span[0], date(2024, 1, 3), after).close[:, 0], [50, 51]
    )
