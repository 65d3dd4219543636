"""Hourly bars as they came: versions, instants, months, refusals, and the panel of a decision."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from tests.store.market_rows import BOOK as DAILY
from tests.store.market_rows import INCEPTION, actions, week

from nightdesk.core.book import Book, parse_book
from nightdesk.core.errors import Refused
from nightdesk.store.bar_rows import Saved, save_market
from nightdesk.store.bars_hourly import hours_changed, read_hourly_panel, save_hours
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.db import Connection, cursor, now
from nightdesk.store.rows import read_rows

BOOK: Book = parse_book(DAILY.model_dump(mode="json") | {"schedule": "hourly"}, "a test")
FIRST = date(2024, 1, 2)
#: The second hour of the first session, and its close.
SECOND, CLOSE = datetime(2024, 1, 2, 16, tzinfo=UTC), datetime(2024, 1, 2, 21, tzinfo=UTC)
#: Of all seven hours of 2 January 2024, and the first of the 3rd.
ENDS = ("2024-01-02T15", *(f"2024-01-02T{hour}" for hour in range(16, 22)), "2024-01-03T15")


def hours(symbol: str = "SPY", ends: Sequence[str] = ENDS, start: float = 100.0, **more: Any) -> pd.DataFrame:
    """Hours whose closes rise by one each; open, high and low stand near the close."""
    close = pd.Series(start + np.arange(len(ends)), dtype=float)
    moments = pd.Series(np.array([one if ":" in one else f"{one}:00" for one in ends], dtype="datetime64[s]"))
    frame = {"symbol": symbol, "end": moments, "open": close - 0.5, "high": close + 1, "low": close - 1}
    return pd.DataFrame(frame | {"close": close, "volume": 500.0, "source": "vendor"} | more)


def save(conn: Connection, frame: pd.DataFrame, book: Book = BOOK) -> Saved:
    return save_hours(conn, book, frame, inception=INCEPTION).bars


def versions(conn: Connection, symbol: str, end: datetime) -> list[dict[str, Any]]:
    return read_rows(conn, "hour_versions", symbol=symbol, bar_end=end)


def closes(conn: Connection, as_of: datetime, known_by: datetime, symbol: str = "SPY") -> list[float]:
    panel = read_hourly_panel(conn, BOOK, FIRST, as_of, known_by)
    return list(panel.close[:, panel.column(symbol)])


def test_the_same_hours_again_write_nothing_and_a_changed_one_is_a_new_version(conn: Connection) -> None:
    assert save(conn, hours()) == Saved(new=8)
    assert save(conn, hours().sample(frac=1, random_state=1)) == Saved(unchanged=8)
    changed = hours(start=100.0 + 1e-7)
    assert save(conn, changed) == Saved(unchanged=8)
    changed.loc[1, "close"] = 101.5
    assert save(conn, changed) == Saved(corrected=1, unchanged=7)
    old, new = versions(conn, "SPY", SECOND)
    assert (old["close"], new["close"]) == (101.0, 101.5)
    assert old["superseded_at"] == new["known_at"]
    assert new["superseded_at"] is None


def test_a_panel_shows_what_was_known_at_an_instant_up_to_its_decision(conn: Connection) -> None:
    save(conn, hours())
    before = now(conn)
    changed = hours()
    changed.loc[1, ["high", "close"]] = [110.0, 109.0]
    save(conn, changed)
    assert closes(conn, SECOND, before) == [100.0, 101.0]
    assert closes(conn, SECOND, now(conn)) == [100.0, 109.0]
    assert closes(conn, CLOSE, before) == [100.0 + k for k in range(7)]


def test_history_is_known_from_its_end_and_the_delay_and_the_rest_from_when_it_came(conn: Connection) -> None:
    started = now(conn)
    save(conn, hours())
    assert versions(conn, "SPY", SECOND)[0]["known_at"] == SECOND + timedelta(minutes=5)
    assert closes(conn, CLOSE, CLOSE + timedelta(minutes=4))[-1:] == pytest.approx([np.nan], nan_ok=True)
    assert closes(conn, CLOSE, CLOSE + timedelta(minutes=5))[-1] == 106.0
    late = hours(ends=("2024-01-04T15", "2024-01-05T15"), start=200.0)
    save(conn, late)  # after the first stored hour: it came too late for whoever decided then
    assert all(
        versions(conn, "SPY", datetime(2024, 1, day, 15, tzinfo=UTC))[0]["known_at"] >= started
        for day in (4, 5)
    )


def test_an_hour_that_comes_after_a_decision_read_its_day_is_not_known_to_it(conn: Connection) -> None:
    origin, session = date(2023, 12, 1), date(2024, 1, 3)
    start_book(conn, BookRecord(BOOK.name, INCEPTION, origin, Decimal("1.00"), "paper", "paper-small"))
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.runs (book, session, as_of, known_by, code_version, config_hash) "
            "VALUES (%s, %s, %s, clock_timestamp(), 'code', 'hash')",
            (BOOK.name, session, datetime(2024, 1, 3, 21, tzinfo=UTC)),
        )
    read = now(conn)
    save(conn, hours())
    assert np.isnan(closes(conn, CLOSE, read)).all()
    assert versions(conn, "SPY", SECOND)[0]["known_at"] >= read


def test_months_are_partitions_of_their_own(conn: Connection) -> None:
    save(conn, hours(ends=("2023-12-29T21", "2024-01-02T15", "2024-02-01T15")))
    with cursor(conn) as cur:
        cur.execute(
            "SELECT tableoid::regclass::text, count(*) FROM nightdesk.bars_hourly GROUP BY 1 ORDER BY 1"
        )
        assert cur.fetchall() == [
            ("nightdesk.bars_hourly_2023_12", 1),
            ("nightdesk.bars_hourly_2024_01", 1),
            ("nightdesk.bars_hourly_2024_02", 1),
        ]
        cur.execute(
            "EXPLAIN SELECT * FROM nightdesk.bars_hourly "
            "WHERE bar_end > '2024-01-02 00:00Z' AND bar_end <= '2024-01-03 00:00Z'"
        )
        plan = "\n".join(row[0] for row in cur.fetchall())
    assert "bars_hourly_2024_01" in plan
    assert "bars_hourly_2023_12" not in plan


def test_the_panel_of_a_decision_within_a_session_holds_no_day_that_is_not_over(conn: Connection) -> None:
    save_market(conn, BOOK, week(), actions(("SPY", "2024-01-03", "dividend", 1.0)), inception=INCEPTION)
    save(conn, hours())
    within = read_hourly_panel(conn, BOOK, FIRST, datetime(2024, 1, 3, 15, tzinfo=UTC), now(conn))
    assert len(within) == 8
    assert_array_equal(within.days.sessions, [np.datetime64("2024-01-02")])
    assert within.hours is not None
    assert_array_equal(within.hours.day, [-1] * 6 + [0, 0])
    spy = within.column("SPY")
    assert_array_equal(np.flatnonzero(within.dividend[:, spy]), [7])
    later = read_hourly_panel(
        conn, BOOK, FIRST, datetime(2024, 1, 3, 15, tzinfo=UTC), now(conn), hours_from=date(2024, 1, 3)
    )
    assert_array_equal(later.close[:, spy], within.close[7:, spy])
    assert_array_equal(later.days.close, within.days.close)


def test_whether_hours_changed_is_asked_of_the_span_that_a_decision_reads(conn: Connection) -> None:
    save(conn, hours())
    since = now(conn)
    assert not hours_changed(conn, BOOK, FIRST, CLOSE, since)
    save(conn, hours(ends=("2024-01-03T16",), start=110.0))
    assert not hours_changed(conn, BOOK, FIRST, CLOSE, since)
    assert hours_changed(conn, BOOK, FIRST, datetime(2024, 1, 3, 16, tzinfo=UTC), since)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (hours().drop(columns="volume"), "hours lack volume"),
        (
            hours(close=np.nan),
            r"SPY 2024-01-02T15:00:00 from vendor: an hour without a finite close, and 7 more",
        ),
        (hours(ends=("2024-01-02T14",)), "an hour that ends at no hour of XNYS"),
        (hours(ends=("2024-01-02T15:30",)), "an hour that ends at no hour of XNYS"),
        (hours(ends=("2027-01-04T15",)), "an hour that is not over"),
        (pd.concat([hours(), hours(ends=ENDS[:1])]), "an hour that is given twice"),
    ],
)
def test_impossible_hours_are_refused_and_nothing_is_stored(
    conn: Connection, frame: pd.DataFrame, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        save(conn, frame)
    assert versions(conn, "SPY", SECOND) == []


def test_an_hour_of_a_market_that_never_closes_may_end_at_any_full_hour(conn: Connection) -> None:
    assert save(conn, hours("BTC-USD", ends=("2024-01-01T03", "2024-01-02T15"))) == Saved(new=2)


def test_no_hours_at_all_store_nothing(conn: Connection) -> None:
    assert save(conn, hours(ends=())) == Saved()
