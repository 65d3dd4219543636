"""Bars and actions as they came: versions, instants, refusals, writers side by side."""

import hashlib
import io
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.market_rows import BOOK, INCEPTION, actions, bars, week

from nightdesk.core.errors import Refused
from nightdesk.store.bar_rows import Saved, known_now, save_market, stored_days
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, now, transaction
from nightdesk.store.panels import read_panel
from nightdesk.store.rows import read_rows
from nightdesk.store.run_rows import StoredRun, begin_step, set_known_by

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 5)


def save(conn: Connection, frame: pd.DataFrame, moves: pd.DataFrame | None = None, **more: Any) -> Any:
    return save_market(conn, BOOK, frame, moves, **{"inception": INCEPTION, **more})


def dump(conn: Connection) -> str:
    """A digest of all that is stored, with the transaction that wrote each row."""
    digest = hashlib.sha256()
    with cursor(conn) as cur:
        for table in ("symbols", "bars", "corporate_actions"):
            content = io.BytesIO()
            cur.copy_expert(
                f"COPY (SELECT xmin, ctid, * FROM nightdesk.{table} ORDER BY ctid) TO STDOUT", content
            )
            digest.update(content.getvalue())
    return digest.hexdigest()


def versions(conn: Connection, symbol: str, day: str) -> list[dict[str, Any]]:
    return read_rows(conn, "bar_versions", symbol=symbol, session=day)


def close_of(conn: Connection, symbol: str, session: date, known_by: datetime) -> float:
    panel = read_panel(conn, BOOK, FIRST, session, known_by)
    return float(panel.close[-1, panel.column(symbol)])


def test_the_same_file_again_leaves_the_tables_byte_for_byte_the_same(conn: Connection) -> None:
    moves = actions(("SPY", "2024-01-03", "dividend", 1.5))
    first = save(conn, week(), moves)
    assert (first.bars, first.actions) == (Saved(new=8), Saved(new=1))
    before = dump(conn)
    again = save(conn, week().sample(frac=1, random_state=1), moves, complete=(FIRST, LAST))
    assert (again.bars, again.actions) == (Saved(unchanged=8), Saved(unchanged=1))
    assert dump(conn) == before


def test_the_same_bar_from_another_source_is_the_same_fact(conn: Connection) -> None:
    save(conn, bars(("SPY", "2024-01-02", 100)))
    before = dump(conn)
    assert save(conn, bars(("SPY", "2024-01-02", 100), source="another")).bars == Saved(unchanged=1)
    assert dump(conn) == before


def test_an_unknown_volume_is_equal_to_an_unknown_volume(conn: Connection) -> None:
    frame = bars(("^VIX", "2024-01-02", 13.2)).assign(volume=np.nan)
    save(conn, frame)
    assert save(conn, frame).bars == Saved(unchanged=1)


def test_a_changed_value_is_a_new_version_and_each_instant_sees_its_own(conn: Connection) -> None:
    save(conn, week())
    before = known_now(conn)
    assert save(conn, bars(("SPY", "2024-01-03", 99))).bars == Saved(corrected=1)
    after = known_now(conn)
    old, new = versions(conn, "SPY", "2024-01-03")
    assert old["superseded_at"] == new["known_at"] > before
    assert new["superseded_at"] is None
    assert close_of(conn, "SPY", date(2024, 1, 3), before) == 103
    assert close_of(conn, "SPY", date(2024, 1, 3), after) == 99


def test_a_value_that_comes_back_is_a_third_version(conn: Connection) -> None:
    for close in (100, 99, 100):
        save(conn, bars(("SPY", "2024-01-05", close)))
    found = versions(conn, "SPY", "2024-01-05")
    assert [one["close"] for one in found] == [100, 99, 100]
    assert [one["superseded_at"] for one in found] == [found[1]["known_at"], found[2]["known_at"], None]


def test_two_corrections_in_one_transaction_keep_their_order(conn: Connection) -> None:
    with transaction(conn):
        for close in (100, 99, 98):
            save(conn, bars(("SPY", "2024-01-05", close)))
    assert [one["close"] for one in versions(conn, "SPY", "2024-01-05")] == [100, 99, 98]


def test_a_clock_that_was_set_back_does_not_turn_versions_round(conn: Connection) -> None:
    save(conn, bars(("SPY", "2024-01-05", 100)))
    with cursor(conn) as cur:
        cur.execute("UPDATE nightdesk.bars SET known_at = known_at + interval '1 hour'")
    save(conn, bars(("SPY", "2024-01-05", 99)))
    old, new = versions(conn, "SPY", "2024-01-05")
    assert old["superseded_at"] == new["known_at"] == old["known_at"] + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("symbol", "day", "known_at"),
    [
        ("SPY", "2024-01-04", datetime(2024, 1, 4, 21, 30, tzinfo=UTC)),
        ("SPY", "2023-11-24", datetime(2023, 11, 24, 18, 30, tzinfo=UTC)),  # an early close
        ("BTC-USD", "2024-01-04", datetime(2024, 1, 5, tzinfo=UTC)),
        ("SPY", "2024-01-05", None),  # not before the inception
    ],
)
def test_history_is_known_from_when_the_market_made_it_and_the_rest_from_when_it_came(
    conn: Connection, symbol: str, day: str, known_at: datetime | None
) -> None:
    saved = save(conn, bars((symbol, day, 100)), actions((symbol, day, "dividend", 1)))
    expected = saved.at if known_at is None else known_at
    assert [one["known_at"] for one in versions(conn, symbol, day)] == [expected]
    assert [one["known_at"] for one in read_rows(conn, "action_versions", symbol=symbol, session=day)] == [
        expected
    ]


def test_only_bars_before_the_first_stored_one_are_set_back_later(conn: Connection) -> None:
    save(conn, bars(("SPY", "2024-01-03", 100)))
    saved = save(
        conn, bars(("SPY", "2024-01-02", 100), ("SPY", "2024-01-04", 100), ("GLD", "2024-01-04", 100))
    )
    assert versions(conn, "SPY", "2024-01-02")[0]["known_at"] < saved.at
    assert versions(conn, "SPY", "2024-01-04")[0]["known_at"] == saved.at
    assert versions(conn, "GLD", "2024-01-04")[0]["known_at"] < saved.at


def test_no_bar_is_set_back_to_before_a_decision_that_was_made_without_it(conn: Connection) -> None:
    begun = BookRecord("other", date(2024, 1, 5), date(2024, 1, 4), Decimal("1.00"), "paper", "paper-other")
    start_book(conn, begun)
    run = StoredRun(
        "other", begun.inception, datetime(2024, 1, 5, 21, tzinfo=UTC), None, "open", "0.1.0", "abc"
    )
    begin_step(conn, run, "ingest")
    assert (
        save(conn, bars(("SPY", "2024-01-04", 100))).at > versions(conn, "SPY", "2024-01-04")[0]["known_at"]
    )
    set_known_by(conn, "other", run.as_of, known_now(conn), "0.1.0", "abc")
    saved = save(conn, bars(("GLD", "2024-01-04", 100), ("GLD", "2024-01-02", 100)))
    assert versions(conn, "GLD", "2024-01-04")[0]["known_at"] == saved.at
    assert versions(conn, "GLD", "2024-01-02")[0]["known_at"] < saved.at


def test_a_correction_of_history_is_known_when_it_came(conn: Connection) -> None:
    save(conn, week())
    saved = save(conn, bars(("SPY", "2024-01-02", 50)))
    assert versions(conn, "SPY", "2024-01-02")[1]["known_at"] == saved.at


def test_an_action_is_corrected_like_a_bar(conn: Connection) -> None:
    save(conn, week(), actions(("SPY", "2024-01-03", "dividend", 1.5), ("SPY", "2024-01-03", "split", 2)))
    before = known_now(conn)
    saved = save(
        conn, week(), actions(("SPY", "2024-01-03", "dividend", 2.5), ("SPY", "2024-01-03", "split", 2))
    )
    assert saved.actions == Saved(corrected=1, unchanged=1)
    panels = [read_panel(conn, BOOK, FIRST, LAST, known_by) for known_by in (before, known_now(conn))]
    assert [panel.dividend[1, panel.column("SPY")] for panel in panels] == [1.5, 2.5]


def test_an_action_that_its_source_no_longer_gives_is_withdrawn_where_the_answer_is_complete(
    conn: Connection,
) -> None:
    everything = actions(
        ("SPY", "2024-01-03", "dividend", 1),
        ("SPY", "2024-01-04", "dividend", 2),
        ("GLD", "2024-01-04", "dividend", 2),
    )
    save(conn, week(("SPY", "GLD")), everything)
    assert save(conn, week(("SPY",)), actions()).actions == Saved()
    elsewhere = week(("SPY",)).assign(source="another")
    assert save(conn, elsewhere, actions(), complete=(FIRST, LAST)).actions == Saved()
    before = known_now(conn)
    saved = save(conn, week(("SPY",)), actions(), complete=(date(2024, 1, 4), LAST))
    assert saved.actions == Saved(withdrawn=1)
    then, today = (
        read_panel(conn, BOOK, FIRST, LAST, before),
        read_panel(conn, BOOK, FIRST, LAST, known_now(conn)),
    )
    spy, gld = then.column("SPY"), then.column("GLD")
    assert (then.dividend[:, spy] > 0).tolist() == [False, True, True, False]
    assert (today.dividend[:, spy] > 0).tolist() == [False, True, False, False]
    assert (today.dividend[:, gld] > 0).tolist() == [False, False, True, False]


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (week().drop(columns=["high"]), "bars lack high: the columns symbol, session, open"),
        (week().astype({"close": object}), "the close of bars is object, numbers are needed"),
        (
            week().replace({"open": {102.5: np.nan}}),
            "SPY 2024-01-03 from vendor: a bar without a finite open",
        ),
        (week().replace({"low": {102.0: np.inf}}), "SPY 2024-01-03 from vendor: a bar without a finite low"),
        (
            week().assign(volume=np.inf),
            "SPY 2024-01-02 from vendor: a bar of infinite volume, and 7 more such rows",
        ),
        (
            pd.concat([week(), week(["SPY"])]),
            "SPY 2024-01-02 from vendor: a bar that is given twice, and 3 more",
        ),
        (bars(("SPY", "2024-01-01", 1)), "SPY 2024-01-01 from vendor: a bar on no session of XNYS"),
        (bars(("SPY", "2024-01-06", 1)), "SPY 2024-01-06 from vendor: a bar on no session of XNYS"),
        (bars(("BTC-USD", tomorrow(), 1)), r"BTC-USD .* from vendor: a bar from the future \(it is .* UTC\)"),
        (bars(("SPY", "2027-03-02", 1)), r"SPY 2027-03-02 from vendor: a bar from the future"),
        (week().assign(symbol=None), "a bar without a symbol, a session or a source"),
    ],
)
def test_an_impossible_bar_is_refused_with_symbol_and_day_and_nothing_is_stored(
    conn: Connection, frame: pd.DataFrame, message: str
) -> None:
    before = dump(conn)
    with pytest.raises(Refused, match=message):
        save(conn, pd.concat([frame, bars(("GLD", "2024-01-02", 1))]) if len(frame.columns) == 8 else frame)
    assert dump(conn) == before


@pytest.mark.parametrize(
    ("moves", "message"),
    [
        (
            actions(("SPY", "2024-01-03", "spinoff", 1)),
            "SPY 2024-01-03 from vendor: a corporate action that is none of",
        ),
        (actions(("SPY", "2024-01-03", "split", 0)), "a corporate action whose value is not above 0"),
        (actions(("SPY", "2024-01-03", "dividend", np.nan)), "a corporate action whose value is not above 0"),
        (actions(*[("SPY", "2024-01-03", "split", 2.0)] * 2), "a corporate action that is given twice"),
    ],
)
def test_an_impossible_action_is_refused_and_its_bars_with_it(
    conn: Connection, moves: pd.DataFrame, message: str
) -> None:
    before = dump(conn)
    with pytest.raises(Refused, match=message):
        save(conn, week(), moves)
    assert dump(conn) == before


def test_the_running_day_of_a_market_that_never_closes_is_stored(conn: Connection) -> None:
    today = now(conn).date().isoformat()
    assert save(conn, bars(("BTC-USD", today, 1))).bars == Saved(new=1)


def test_no_rows_are_no_fault(conn: Connection) -> None:
    assert save(conn, bars(), actions(), complete=(FIRST, LAST)).bars == Saved()


def test_the_stored_span_of_each_symbol_is_told(conn: Connection) -> None:
    save(conn, pd.concat([week(["SPY"]), bars(("GLD", "2024-01-03", 1))]))
    assert stored_days(conn, ["SPY", "GLD", "TLT"]) == {
        "SPY": (FIRST, LAST),
        "GLD": (date(2024, 1, 3), date(2024, 1, 3)),
    }


def test_many_writers_of_the_same_frame_leave_one_version_of_each_bar(
    database: str, conn: Connection
) -> None:
    frame, counts = week(("SPY", "GLD", "^VIX")), []

    def write() -> None:
        connection = connect(database)
        counts.append(save(connection, frame).bars)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(counts, key=lambda saved: saved.new) == [Saved(unchanged=12)] * 3 + [Saved(new=12)]
    with cursor(conn) as cur:
        cur.execute("SELECT count(*) FROM nightdesk.bars")
        assert cur.fetchall() == [(12,)]


def test_nothing_turns_up_later_that_was_known_before_the_instant_asked_for(
    database: str, conn: Connection
) -> None:
    """Whoever asks while a write is on its way waits for it, so the write is known by the answer."""
    asked: list[datetime] = []
    other = connect(database)
    thread = threading.Thread(target=lambda: asked.append(known_now(other)))
    with transaction(conn):
        saved = save(conn, bars(("SPY", "2024-01-05", 100)))
        thread.start()
        thread.join(0.2)
        assert asked == []
    thread.join(10)
    other.close()
    assert asked[0] >= saved.at
    assert close_of(conn, "SPY", LAST, asked[0]) == 100


def test_a_writer_that_dies_leaves_nothing_and_no_lock(database: str, conn: Connection) -> None:
    dying = connect(database)
    with cursor(dying) as cur:
        cur.execute("BEGIN")
    save(dying, week())
    with cursor(conn) as cur:
        cur.execute("SELECT pg_terminate_backend(%s, 5000)", (dying.info.backend_pid,))
    dying.close()
    assert save(conn, week()).bars == Saved(new=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(
            st.tuples(st.sampled_from(["SPY", "GLD"]), st.sampled_from(["2024-01-03", "2024-01-04"])),
            st.sampled_from([10.0, 11.0, 12.0]),
            min_size=1,
        ),
        max_size=6,
    )
)
def test_every_instant_sees_exactly_what_had_come_by_then(
    conn: Connection, ingests: list[dict[Any, float]]
) -> None:
    with cursor(conn) as cur:
        cur.execute("TRUNCATE nightdesk.bars")
    known: dict[Any, float] = {}
    history = []
    for ingest in ingests:
        save(conn, bars(*[(name, day, close) for (name, day), close in ingest.items()]), inception=FIRST)
        known = known | ingest
        history.append((known_now(conn), known))
    for instant, expected in history:
        panel = read_panel(conn, BOOK, date(2024, 1, 3), date(2024, 1, 4), instant)
        seen = {
            (name, str(day)): panel.close[t, panel.column(name)]
            for t, day in enumerate(panel.sessions)
            for name in ("SPY", "GLD")
            if np.isfinite(panel.close[t, panel.column(name)])
        }
        assert seen == expected
