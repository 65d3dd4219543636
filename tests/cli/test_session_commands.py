"""The commands that decide sessions and tell of them, on a real database and the sample market."""

import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.schedule import daily
from nightdesk.operations.verify import verify
from nightdesk.session.entry import open_context
from nightdesk.store import connection, db
from nightdesk.store.rows import read_rows
from nightdesk.strategies.rotation import Rotation

FIRST, SECOND, THIRD, LATER = "2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07"


@pytest.fixture(scope="module")
def decided(module_database, tmp_path_factory):
    """The address of a database in which two sessions were decided."""
    from tests.cli.conftest import Command

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTDESK_DATABASE_URL", module_database)
        patch.setenv("NIGHTDESK_HOME", str(tmp_path_factory.mktemp("home")))
        Command()("replay", "multi_asset", "--from", FIRST, "--to", SECOND)
        yield module_database


def test_a_session_is_decided_and_told(nightdesk, database, project):
    done = nightdesk.document("run", "multi_asset", "--session", FIRST)
    assert done["decided"]["status"] == "closed"
    assert done["decided"]["nav"] == 100_000
    assert next(iter(done["steps"])) == "ingest"
    assert list(done["steps"])[-1] == "close"
    page = project / "state" / "reports" / "multi_asset" / f"{FIRST}.html"
    assert "Sample data." in page.read_text()


def test_a_session_that_one_strategy_missed_is_called_degraded(nightdesk, database, project, monkeypatch):
    def fails(self, view):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Rotation, "signals", fails)
    assert "closed, degraded" in nightdesk("run", "multi_asset", "--session", FIRST).stdout
    assert "DEGRADED: decided without rotation, which gave no signals" in nightdesk("status").stdout
    assert nightdesk.document("status")["books"][0]["silent"] == ["rotation"]


def test_a_dry_run_leaves_nothing_but_bars_and_a_page(nightdesk, database, project):
    done = nightdesk.document("run", "multi_asset", "--session", FIRST, "--dry-run")
    assert done["dry_run"]
    assert done["decided"] is None
    conn = connection.connect(database)
    assert read_rows(conn, "newest_decisions", book="multi_asset", newest=9) == []
    conn.close()
    assert nightdesk.document("status")["books"] == []


@pytest.mark.parametrize(
    "command", [("run", "--session"), ("run", "--dry-run", "--session"), ("replay", "--from")]
)
def test_a_session_that_is_refused_for_its_place_in_the_line_leaves_nothing(
    nightdesk, decided, monkeypatch, command
):
    monkeypatch.setitem(open_context.__wrapped__.__kwdefaults__, "turn_seconds", 0.0)
    counted = ("runs", "run_steps", "quality_runs", "bars", "factors", "alerts")
    conn = connection.connect(decided)

    def rows():
        with db.cursor(conn) as cursor:
            cursor.execute(
                f"SELECT {', '.join(f'(SELECT count(*) FROM nightdesk.{one})' for one in counted)}"
            )
            return cursor.fetchall()

    before = rows()
    name, *options = command
    said = nightdesk.refusal(name, "multi_asset", *options, LATER)
    assert f"multi_asset {LATER} waits for its turn: the session before, {THIRD}, was not begun" in said
    assert f"(`nightdesk run multi_asset --session {THIRD}`)" in said
    assert rows() == before
    conn.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "multi_asset", "--session", "2024-03-09"), "2024-03-09 is not a session of XNYS"),
        (
            ("run", "multi_asset", "--session", "2024-12-25"),
            "the sessions beside it are 2024-12-24 and 2024-12-26",
        ),
        (("run", "multi_asset", "--session", "2190-01-02"), "2190-01-02 is outside the XNYS calendar"),
        (
            ("replay", "multi_asset", "--from", "2024-03-09", "--to", "2024-03-10"),
            "there is no session of XNYS",
        ),
        (
            ("run", "multi_asset", "--session", "2024-03-01"),
            "lies before 2024-03-04, the first session of book",
        ),
        (
            ("trace", "multi_asset", FIRST, "GOLD"),
            "GOLD is not a symbol of book multi_asset: they are GLD, SPY",
        ),
        (("trace", "multi_asset", THIRD, "GLD"), "no bars were ingested for it"),
        (("status", "other"), "book 'other' was never started: started books are multi_asset"),
        (("resume", "multi_asset", "--reason", "why not"), "book multi_asset is not stopped"),
        (("kill", "multi_asset", "--reason", " "), "the kill switch wants a reason"),
        (("run", "multi_asset", "--session", FIRST, "--feed", "smaple"), "did you mean sample?"),
        (("run", "multi_asset", "--session", FIRST, "--feed", "files:/nowhere"), "/nowhere"),
        (("replay", "multi_asset", "--from", FIRST, "--feed", "bloomberg"), "there is no feed 'bloomberg'"),
        (("replay", "multi_asset", "--from", "2190-01-02"), "the newest session that can be decided is"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do(nightdesk, decided, arguments, said):
    assert said in nightdesk.refusal(*arguments)


def test_status_tells_value_positions_and_open_orders(nightdesk, decided):
    (book,) = nightdesk.document("status", "multi_asset")["books"]
    assert book["last_session"]["session"] == SECOND
    assert book["mark"]["nav"] == pytest.approx(book["mark"]["cash"] + book["mark"]["positions_value"])
    assert book["profit"] == pytest.approx(book["mark"]["nav"] - 100_000)
    assert sum(row["market_value"] for row in book["positions"]) == pytest.approx(
        book["mark"]["positions_value"]
    )
    text = nightdesk("status").stdout
    assert f"last session {SECOND} (closed)" in text
    assert "cash $" in text


def test_a_symbol_is_traced_from_its_bars_to_its_fills(nightdesk, decided):
    orders = [
        row
        for symbol in ("SPY", "QQQ", "GLD", "XLK", "BTC-USD")
        for row in [nightdesk.document("trace", "multi_asset", FIRST, symbol)]
        if row["fills"]
    ]
    assert orders, "the sample market bought none of these on its first session"
    story = orders[0]
    bar, (order,), (fill,) = story["bars"][-1], story["orders"], story["fills"]
    assert bar["close"] == order["reference_price"]
    spoken = {row["strategy"]: row for row in story["signals"]}
    assert set(spoken) == {"time_series_momentum", "cross_sectional_momentum", "rotation"}
    assert any(row["direction"] in ("BUY", "STRONG_BUY") for row in spoken.values())
    assert "momentum_60" in spoken["time_series_momentum"]["words"]
    assert "rank_momentum_12_1" in spoken["rotation"]["words"]
    bought = sum(float(row["allowed"]) - float(row["held"]) for row in story["targets"])
    assert bought == pytest.approx(float(order["quantity"]))
    assert fill["session"] == SECOND
    assert fill["quantity"] == order["filled_quantity"] == order["quantity"]
    assert [event["status"] for event in order["events"]] == ["planned", "submitted", "filled"]
    text = nightdesk("trace", "multi_asset", FIRST, story["symbol"]).stdout
    assert fill["realised_bps"] == pytest.approx(fill["expected_bps"], abs=0.001)
    assert f"slippage {fill['realised_bps']:.2f} bp, expected {fill['expected_bps']:.2f} bp" in text
    assert " after the gate" in text
    for title in ("bars", "factors", "signals", "target", "gate", "orders", "fills"):
        assert f"\n{title}\n" in text


def test_an_index_that_is_not_traded_has_a_story_too(nightdesk, decided):
    story = nightdesk.document("trace", "multi_asset", FIRST, "^VIX")
    assert story["bars"][-1]["close"] == story["regime"]["vix"]
    assert story["orders"] == []


def test_the_last_bar_told_of_bitcoin_is_the_last_whole_day_before_the_close(nightdesk, decided):
    assert nightdesk.document("trace", "multi_asset", SECOND, "BTC-USD")["bars"][-1]["session"] == FIRST


def test_a_ledger_that_agrees_verifies(nightdesk, decided):
    told = nightdesk.document("verify", "multi_asset")
    assert told["sessions"] == 2
    assert told["entries"] > 1
    assert told["differences"] == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE nightdesk.positions SET quantity = quantity + 1 WHERE quantity > 0", "quantity of"),
        (
            "UPDATE nightdesk.portfolio SET cash = cash + 1, nav = nav + 1, peak_nav = nav + 9",
            "cash: rebuilt",
        ),
        (
            "UPDATE nightdesk.ledger_entries SET cash = cash - 0.01 WHERE kind = 'fill'",
            "cash: rebuilt",
        ),
        ("DELETE FROM nightdesk.ledger_entries WHERE kind = 'fill'", "quantity of"),
    ],
)
def test_every_kind_of_damage_is_found(decided, damage, said):
    conn = connection.connect(decided)
    conn.set_session(autocommit=False)
    with conn.cursor() as cursor:
        cursor.execute(damage)
    found = verify(conn, "multi_asset").differences
    conn.rollback()
    conn.close()
    assert any(said in str(one) for one in found)


def test_a_difference_ends_verify_with_status_1(nightdesk, database, project):
    nightdesk("replay", "multi_asset", "--from", FIRST, "--to", SECOND)
    conn = connection.connect(database)
    with conn.cursor() as cursor:
        cursor.execute("UPDATE nightdesk.positions SET cost = cost + 0.01 WHERE quantity > 0")
    conn.close()
    result = nightdesk("verify", "multi_asset", status=1)
    assert "cost of" in result.stdout
    assert "does not verify" in result.stderr


def test_the_kill_switch_is_set_once_blocks_entries_and_is_released(nightdesk, database, project):
    assert "was never started" in nightdesk.refusal("kill", "multi_asset", "--reason", "early")
    nightdesk("run", "multi_asset", "--session", FIRST)
    told = nightdesk.document("kill", "multi_asset", "--reason", "prices look wrong")
    assert (told["kill_switch"], told["session"]) == (True, SECOND)
    assert "prices look wrong" in nightdesk.refusal("kill", "multi_asset", "--reason", "again")
    assert "STOPPED since 2024-03-05" in nightdesk("status").stdout
    decided = nightdesk.document("run", "multi_asset", "--session", SECOND)["decided"]
    assert not any(order.startswith("buy") for order in decided["orders"])
    assert not nightdesk.document("resume", "multi_asset", "--reason", "they were right")["kill_switch"]
    assert "STOPPED" not in nightdesk("status").stdout


def test_running_a_decided_session_again_writes_nothing(nightdesk, decided):
    steps = nightdesk.document("run", "multi_asset", "--session", FIRST)["steps"]
    assert all(counts.get("written", 0) == 0 for counts in steps.values())
    assert all("sealed" in counts for name, counts in steps.items())
    assert ", sealed: " in nightdesk("run", "multi_asset", "--session", FIRST).stdout


def test_a_rebuilt_span_decides_anew_what_was_decided_and_all_that_rests_on_it(nightdesk, database, project):
    before = nightdesk.document("replay", "multi_asset", "--from", FIRST, "--to", THIRD)["sessions"]
    again = nightdesk.document("replay", "multi_asset", "--from", SECOND, "--to", SECOND, "--rebuild")[
        "sessions"
    ]
    assert [row["session"] for row in again] == [SECOND, THIRD]
    # nothing was corrected since, so the same is decided
    assert again == before[1:]
    assert nightdesk.document("verify", "multi_asset")["differences"] == []


def test_a_span_replayed_again_says_that_it_was_only_compared(nightdesk, decided):
    told = nightdesk("replay", "multi_asset", "--from", FIRST, "--to", FIRST).stdout
    assert f"{FIRST} is sealed (" in told
    assert "and was compared: the same again" in told


def test_a_span_replayed_again_is_compared_and_not_decided_anew(nightdesk, decided):
    told = nightdesk.document("replay", "multi_asset", "--from", FIRST, "--to", SECOND)
    assert [row["session"] for row in told["sessions"]] == [FIRST, SECOND]
    assert told["differs"] == {}


def test_status_and_feeds_name_what_the_data_lacks(nightdesk, database, project, conn):
    nightdesk.document("run", "multi_asset", "--session", FIRST)
    with db.cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.quality_runs SET outcome = 'quarantined', detail = 'GLD: a jump' "
            "WHERE check_name = 'price_jump' AND symbol = 'GLD'"
        )
        cur.execute(
            "INSERT INTO nightdesk.ingest_notes (book, as_of, session, kind, subject, rows, detail) "
            "SELECT book, as_of, session, note.* FROM nightdesk.runs, (VALUES "
            "('dropped', 'on no session of the calendar', 3, ''), "
            "('passed_over', 'macro.csv', NULL, 'date;value: no price column')) AS note"
        )
    told = nightdesk("status").stdout
    assert "IN QUARANTINE since 2024-03-04: GLD: a jump" in told
    for said in (told, nightdesk("feeds").stdout):
        assert "3 rows left out: on no session of the calendar." in said
        assert "Not read: macro.csv: date;value: no price column." in said
    data = nightdesk.document("status")["books"][0]["data"]
    assert {one["symbol"] for one in data["checks"] if one["outcome"] == "quarantined"} == {"GLD"}
    assert {"dropped", "passed_over"} <= {one["kind"] for one in data["left_out"]}
    left_out = nightdesk.document("feeds")["left_out"]
    assert {(one["book"], one["subject"], one["rows"]) for one in left_out} >= {
        ("multi_asset", "on no session of the calendar", 3),
        ("multi_asset", "macro.csv", None),
    }


def test_the_word_newest_stands_for_the_newest_decision(nightdesk, database, project):
    """Of `run` the newest that can be made, of `trace` the newest that was."""
    told = nightdesk.refusal("trace", "multi_asset", "newest", "GLD")
    assert "multi_asset has decided nothing yet: `nightdesk run multi_asset --session newest`" in told
    done = nightdesk.document("run", "multi_asset", "--session", "newest", "--dry-run")
    with connection.connect(database) as conn:
        newest = daily(get_calendar()).latest_completed(db.now(conn))
    assert done["session"] == f"{get_calendar().session_of(newest)}"
    nightdesk("run", "multi_asset", "--session", FIRST)
    assert nightdesk.document("trace", "multi_asset", "newest", "GLD")["session"] == FIRST


def test_another_word_in_place_of_a_session_is_wrong_usage(nightdesk):
    said = nightdesk("run", "multi_asset", "--session", "latest", status=2).stderr
    assert "'latest' is not a date: write it as 2022-12-30" in said
