"""Long histories: written without a table in between, beside writers and readers, all of it or nothing."""

import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg2
import pytest
from tests.conftest import Databases, open_connection
from tests.store.market_rows import BOOK, bars

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Transient
from nightdesk.feeds.feed import bar_frame
from nightdesk.store import bar_rows
from nightdesk.store.bar_rows import Saved, save_market
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, sql_folder, transaction
from nightdesk.store.migrations import migrate

SESSIONS = get_calendar().between(date(2016, 1, 4), date(2023, 12, 29))
INCEPTION = date(2024, 1, 5)


def history(
    first: int, last: int, n_sessions: int, lift: float = 1.0, source: str = "vendor"
) -> pd.DataFrame:
    """Bars of the symbols of these numbers, without the last; `lift` multiplies every tenth session."""
    symbols, days = [f"S{n:03}" for n in range(first, last)], SESSIONS[:n_sessions]
    close = 50.0 + np.add.outer(np.arange(first, last), np.arange(n_sessions) % 97)
    close[:, ::10] *= lift
    return bar_frame(
        {
            "symbol": np.repeat(np.array(symbols, dtype=object), n_sessions),
            "session": np.tile(days.astype("datetime64[s]"), len(symbols)),
            **{name: close.ravel() for name in ("open", "high", "low", "close")},
            "volume": 1000.0,
            "source": source,
        }
    )


def save(conn: Connection, frame: pd.DataFrame) -> Saved:
    return save_market(conn, BOOK, frame, inception=INCEPTION).bars


def count(conn: Connection, what: str = "*", where: str = "true") -> int:
    with cursor(conn) as cur:
        cur.execute(f"SELECT count({what}) FROM nightdesk.bars WHERE {where}")
        return int(cur.fetchone()[0])


def test_a_writer_that_is_killed_within_its_copy_leaves_nothing(
    database: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, outcome = history(0, 150, 2000), []
    writer = connect(database)
    reading = bar_rows.copy_in

    def slowly(cur: object, table: str, columns: object) -> None:
        killer.start()
        reading(cur, table, columns)

    def kill() -> None:
        with open_connection(database) as other, cursor(other) as cur:
            written = 0
            while not written:
                cur.execute(
                    "SELECT tuples_processed FROM pg_stat_progress_copy WHERE pid = %s",
                    (writer.info.backend_pid,),
                )
                written = (cur.fetchone() or (0,))[0]
            cur.execute("SELECT pg_terminate_backend(%s, 5000)", (writer.info.backend_pid,))
        outcome.append(written)

    killer = threading.Thread(target=kill)
    monkeypatch.setattr(bar_rows, "copy_in", slowly)
    with pytest.raises(Transient):
        save(writer, frame)
    killer.join(30)
    monkeypatch.undo()
    assert 0 < outcome[0] < len(frame)
    assert count(conn) == 0
    assert save(conn, frame) == Saved(new=len(frame))


def test_two_long_ingests_at_once_leave_one_newest_version_of_each_bar(
    database: str, conn: Connection
) -> None:
    frames = [history(0, 40, 400), history(20, 60, 500, lift=1.5)]
    saved: dict[int, Saved] = {}

    def write(n: int) -> None:
        with open_connection(database) as own:
            saved[n] = save(own, frames[n])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    both, lifted = 20 * 400, 20 * 40
    bars_known = 40 * 400 + 40 * 500 - both
    assert sum(one.new for one in saved.values()) == bars_known
    assert sum(one.corrected + one.restated for one in saved.values()) >= lifted
    assert count(conn, where="superseded_at IS NULL") == bars_known
    assert count(conn, "DISTINCT (symbol_id, session)") == bars_known
    assert count(conn, where="superseded_at IS NOT NULL") == sum(one.corrected for one in saved.values())


def test_readers_are_not_locked_out_by_a_long_ingest(
    database: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bar_rows, "LONG_HISTORY", 1)
    save(conn, history(0, 2, 100))
    with open_connection(database) as reader:
        with cursor(reader) as cur:
            cur.execute("SET lock_timeout = '500ms'")
        with transaction(conn):
            save(conn, history(0, 4, 200, lift=1.5))
            assert count(reader) == 200
        assert count(reader) > 800


def test_somebody_who_vacuums_the_table_is_not_waited_for(
    database: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bar_rows, "LONG_HISTORY", 1)
    with open_connection(database) as other, transaction(other):
        with cursor(other) as cur:
            cur.execute("LOCK TABLE nightdesk.bars IN SHARE UPDATE EXCLUSIVE MODE")
        began = time.monotonic()
        with cursor(conn) as cur:
            cur.execute("SET statement_timeout = '5s'")
        assert save(conn, history(0, 2, 100)) == Saved(new=200)
        assert time.monotonic() - began < 5


def test_versions_are_numbered_and_a_second_newest_one_is_refused(conn: Connection) -> None:
    for close in (100.0, 99.0, 98.0, 97.0):
        save(conn, bars(("SPY", "2024-01-05", close)))
    with cursor(conn) as cur:
        cur.execute("SELECT close, version FROM nightdesk.bars ORDER BY known_at")
        assert cur.fetchall() == [(100.0, 1), (99.0, 2), (98.0, 3), (97.0, 0)]
        again = (
            "INSERT INTO nightdesk.bars "
            "SELECT symbol_id, session, now(), {}, 'x', 1, 1, 1, 1, 1 FROM nightdesk.bars"
        )
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cur.execute(again.format("NULL") + " WHERE version = 0")
        with pytest.raises(psycopg2.errors.CheckViolation):
            cur.execute(again.format("now() + interval '1 day'") + " WHERE version = 1")


def test_bars_of_several_sources_and_of_scattered_days_are_found_again(conn: Connection) -> None:
    frames = [
        history(0, 3, 50),
        history(3, 5, 700, source="Börse"),
        history(5, 6, 1).assign(session=pd.Timestamp("1995-06-30")),
    ]
    first = pd.concat(frames, ignore_index=True)
    assert save(conn, first.sample(frac=1, random_state=2)) == Saved(new=len(first))
    with cursor(conn) as cur:
        cur.execute("SELECT source, count(*) FROM nightdesk.bars GROUP BY source ORDER BY source")
        assert cur.fetchall() == [("Börse", 1400), ("vendor", 151)]
    other = first.assign(close=first["close"].where(first.index % 7 != 0, first["close"] + 0.3))
    more = pd.concat([other, history(6, 7, 3)], ignore_index=True)
    differing = int((other["close"] != first["close"]).sum())
    saved = save(conn, more.sample(frac=1, random_state=3))
    assert saved == Saved(new=3, corrected=differing, unchanged=len(first) - differing)
    assert save(conn, more) == Saved(unchanged=len(more))


def test_what_was_written_for_one_day_of_a_few_old_symbols_is_found_again(conn: Connection) -> None:
    """So few rows over so long a time are looked up by a sorted key."""
    days = ("1990-01-02", "2023-12-29")
    frame = bars(*[(symbol, day, 10.0) for symbol in ("AAA", "BBB") for day in days])
    assert save(conn, frame) == Saved(new=4)
    assert save(conn, frame.iloc[[3, 0, 2]]) == Saved(unchanged=3)
    assert save(conn, frame.assign(close=[10.0, 10.0, 10.0, 10.2])) == Saved(corrected=1, unchanged=3)


@pytest.fixture
def before(databases: Databases, tmp_path: Path) -> Iterator[Connection]:
    """A database of before bars had a number of their version."""
    folder = tmp_path / "before"
    folder.mkdir()
    for path in sorted((sql_folder({}) / "migrations").glob("*.sql")):
        if path.name < "051":
            (folder / path.name).write_text(path.read_text())
    url = databases.bare()
    with open_connection(url) as conn:
        migrate(conn, folder)
        yield conn
    databases.drop(url)


def test_versions_of_a_database_of_before_are_numbered(before: Connection) -> None:
    with cursor(before) as cur:
        cur.execute(
            "INSERT INTO nightdesk.symbols (symbol) VALUES ('SPY'), ('GLD');"
            "INSERT INTO nightdesk.bars "
            "SELECT symbol_id, date '2024-01-05', at, until, 'x', 1, 1, 1, close, 1 "
            "FROM nightdesk.symbols, (VALUES "
            "(timestamptz '2024-01-06', timestamptz '2024-01-07', 1), ('2024-01-07', '2024-01-08', 2), "
            "('2024-01-08', NULL, 3)) AS versions (at, until, close)"
        )
    migrate(before)
    with cursor(before) as cur:
        cur.execute(
            "SELECT symbol, close, version FROM nightdesk.bars JOIN nightdesk.symbols USING (symbol_id)"
        )
        assert sorted(cur.fetchall()) == [
            (symbol, close, version)
            for symbol in ("GLD", "SPY")
            for close, version in ((1, 1), (2, 2), (3, 0))
        ]
    assert save(before, bars(("SPY", "2024-01-05", 9.0))) == Saved(corrected=1)
    with cursor(before) as cur:
        cur.execute("SELECT close, version FROM nightdesk.bars WHERE symbol_id = 1 ORDER BY known_at")
        assert cur.fetchall() == [(1, 1), (2, 2), (3, 3), (9, 0)]
