"""The exporter: what it says, that it never dies, and that nobody who asks often disturbs the database."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.fakes.airflow_monitor import airflow_monitor
from tests.metrics.conftest import BOOK
from tests.metrics.prometheus_server import wait_for

from nightdesk.core.errors import Refused
from nightdesk.metrics.airflow_signs import LARGEST_ANSWER
from nightdesk.metrics.desk_collector import FRESH_SECONDS, DeskCollector
from nightdesk.metrics.exporter import FigureReader, figures_now, serving
from nightdesk.metrics.exporter import metrics_text as text_of
from nightdesk.metrics.families import FAMILIES, Sample
from nightdesk.store import db
from nightdesk.store.metric_rows import figures_connection

DEAD = "postgresql://desk:a-planted-secret@127.0.0.1:1/nightdesk"


def figures(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Values by metric and labels, as Prometheus' own parser reads the text."""
    found: dict[str, dict] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(sorted(one.labels.items()))] = one.value
    return found


def metrics_text(reader, say) -> str:
    return text_of(figures_now(reader, say))


def value(text: str, name: str, **labels: str) -> float:
    return figures(text)[name][tuple(sorted(labels.items()))]


def get(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30, trust_env=False).text


def said(lines: list[str]):
    return lines.append


def test_the_figures_are_those_of_the_store(measured):
    text = metrics_text(measured.reader(), print)
    (nav, cash, drawdown, gross, before), = measured.rows(
        "SELECT nav, cash, drawdown, gross, lag(nav) OVER (ORDER BY as_of) "
        "FROM nightdesk.portfolio ORDER BY as_of DESC LIMIT 1"
    )  # fmt: skip
    assert value(text, "nightdesk_nav_dollars", book=BOOK) == float(nav)
    assert value(text, "nightdesk_cash_dollars", book=BOOK) == float(cash)
    assert value(text, "nightdesk_day_profit_dollars", book=BOOK) == float(nav - before)
    assert value(text, "nightdesk_day_return_ratio", book=BOOK) == pytest.approx(float(nav / before - 1))
    assert value(text, "nightdesk_drawdown_ratio", book=BOOK) == drawdown
    assert value(text, "nightdesk_gross_exposure_ratio", book=BOOK) == gross
    held = figures(text)["nightdesk_position_value_dollars"]
    assert sum(held.values()) == pytest.approx(float(nav - cash))
    assert value(text, "nightdesk_positions", book=BOOK) == len(held)
    for state, count in measured.rows("SELECT status, count(*) FROM nightdesk.orders GROUP BY status"):
        assert value(text, "nightdesk_orders", book=BOOK, state=state) == count
    ((rejected,),) = measured.rows("SELECT count(*) FROM nightdesk.verdicts WHERE action = 'reject'")
    assert sum(figures(text)["nightdesk_verdicts_total"].values()) == rejected > 0
    ((fills,),) = measured.rows("SELECT count(*) FROM nightdesk.fills")
    assert sum(figures(text)["nightdesk_fills_total"].values()) == fills > 0
    ((realised,),) = measured.rows("SELECT sum(realised_cost) FROM nightdesk.slippage")
    assert value(text, "nightdesk_slippage_dollars", book=BOOK, estimate="realised") == pytest.approx(
        float(realised)
    )


def test_what_is_due_grows_with_the_clock_and_not_over_a_weekend(measured):
    def due(after: timedelta) -> tuple[float, float, float, float]:
        measured.set_clock(after)
        text = metrics_text(measured.reader(), print)
        return tuple(
            value(text, f"nightdesk_{name}", book=BOOK)
            for name in ("decisions_due", "decision_overdue_seconds", "data_late_seconds", "data_age_seconds")
        )

    try:
        count, overdue, late, age = due(timedelta(minutes=30))
        assert (count, overdue, late) == (0, 0, 0)
        assert age == pytest.approx(3600, abs=60)  # bars are known half an hour after the close
        # Wednesday was decided: Thursday is due half an hour after its close, 24 hours later.
        count, overdue, late, _ = due(timedelta(days=1, hours=2))
        assert (count, overdue, late) == (1, pytest.approx(7200, abs=60), pytest.approx(7200, abs=60))
        # On Sunday two are due, the first for three days less an hour of the clock; none of the weekend.
        count, overdue, _, age = due(timedelta(days=4))
        assert (count, overdue) == (2, pytest.approx(3 * 86400, abs=60))
        assert age == pytest.approx(4 * 86400 + 1800, abs=60)
        # A book that was only just started is given time.
        measured.run("UPDATE nightdesk.books SET created_at = clock_timestamp()")
        assert due(timedelta(days=4))[1:3] == (pytest.approx(0, abs=60), pytest.approx(0, abs=60))
    finally:
        measured.run("UPDATE nightdesk.books SET created_at = '2024-03-01 12:00Z'")
        measured.set_clock(timedelta(minutes=30))


def test_a_book_whose_file_is_wrong_is_shown_as_such_and_keeps_its_value(measured):
    reader, path = measured.reader(), measured.root / "books" / f"{BOOK}.yaml"
    good = path.read_text()
    assert value(metrics_text(reader, print), "nightdesk_book_readable", book=BOOK) == 1
    try:
        path.write_text("name: [")
        text = metrics_text(reader, print)
        assert value(text, "nightdesk_book_readable", book=BOOK) == 0
        assert "nightdesk_decisions_due" not in figures(text)
        assert value(text, "nightdesk_nav_dollars", book=BOOK) > 0
    finally:
        path.write_text(good)
    assert value(metrics_text(reader, print), "nightdesk_book_readable", book=BOOK) == 1


def test_names_units_and_words_follow_the_conventions_of_prometheus(measured):
    units = ("_dollars", "_seconds", "_bytes", "_ratio", "_info")
    for name, family in FAMILIES.items():
        assert re.fullmatch(r"nightdesk_[a-z_]+", name)
        assert name.endswith("_total") == (family.kind == "counter"), name
        assert family.words, name
        assert not re.search(r"_(ms|minutes|hours|days|pct|percent|bps|kb|mb|cents)(_|$)", name), name
        assert not re.search(r"(dollars|seconds|bytes|ratio)_(?!total)", name), name
        assert not (family.words.lower().startswith("dollars") and not name.endswith(units))
    text = metrics_text(measured.reader(), print)
    told = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    assert set(told) <= FAMILIES.keys()
    assert all(told[name] == FAMILIES[name].words for name in told)
    kinds = dict(re.findall(r"^# TYPE (\S+) (.*)$", text, re.MULTILINE))
    assert all(kind == FAMILIES[name].kind for name, kind in kinds.items())


def test_a_book_with_hundreds_of_symbols_shows_fifty_and_the_rest_as_one(measured):
    (newest,), = measured.rows("SELECT max(as_of) FROM nightdesk.portfolio")  # fmt: skip
    measured.run(
        "INSERT INTO nightdesk.positions (book, session, as_of, strategy, symbol, quantity, cost, realised, "
        "commission, dividends, market_value) "
        f"SELECT '{BOOK}', session, as_of, 'rotation', 'SYM' || n, 1, 1, 0, 0, 0, 1 + n / 100.0 "
        f"FROM nightdesk.runs, generate_series(1, 300) n WHERE as_of = '{newest}'"
    )
    try:
        text = metrics_text(measured.reader(), print)
    finally:
        measured.run("DELETE FROM nightdesk.positions WHERE symbol LIKE 'SYM%'")
    held = figures(text)["nightdesk_position_value_dollars"]
    assert len(held) == 51
    assert value(text, "nightdesk_positions", book=BOOK) == 306
    rest = value(text, "nightdesk_position_value_dollars", book=BOOK, symbol="(others)")
    assert rest == pytest.approx(sum(1 + n / 100 for n in range(1, 257)))
    assert len(text.splitlines()) < 500


def test_no_secret_leaves_by_a_label_or_the_log(measured, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_ACCOUNT_POLYGON_KEY", "a-planted-secret")
    measured.run(
        "INSERT INTO nightdesk.feed_health (source, failures, last_error) VALUES "
        "('files:https://host/a-planted-secret/bars', 1, 'a-planted-secret')"
    )
    lines: list[str] = []
    try:
        text = metrics_text(measured.reader(), said(lines))
    finally:
        measured.run("DELETE FROM nightdesk.feed_health WHERE source LIKE 'files:%'")
    assert 'feed="files:https://host/' in text
    assert "a-planted-secret" not in text
    dead = metrics_text(FigureReader(measured.root, {db.DATABASE_VARIABLE: DEAD}), said(lines))
    assert value(dead, "nightdesk_up") == 0
    assert "a-planted-secret" not in dead + "".join(lines)
    assert lines
    assert all("\n" not in one for one in lines)


def test_the_newest_backup_and_rehearsal_count_that_were_whole(measured):
    """Not one that was deleted for its age, or goes on, or failed; nor a rehearsal that failed."""
    names = ("nightdesk_backup_timestamp_seconds", "nightdesk_drill_timestamp_seconds")
    assert not {*names} & figures(metrics_text(measured.reader(), print)).keys()
    whole = f"'x', 1, '{'0' * 64}'"
    measured.run(
        "INSERT INTO nightdesk.backups (began_at, ended_at, place, code_version, newest_migration, file, "
        "bytes, sha256, deleted_at, error) VALUES "
        f"('2024-03-04 04:00Z', '2024-03-04 04:01Z', 'here', '1', '061', {whole}, NULL, NULL), "
        f"('2024-03-05 04:00Z', '2024-03-05 04:01Z', 'here', '1', '061', {whole}, '2024-03-06 04:00Z', "
        "NULL), "
        "('2024-03-06 04:00Z', NULL, 'here', '1', '061', NULL, NULL, NULL, NULL, NULL), "
        "('2024-03-07 04:00Z', '2024-03-07 04:01Z', 'here', '1', '061', NULL, NULL, NULL, NULL, 'no room')",
        "INSERT INTO nightdesk.drills (began_at, ended_at, place, outcome) VALUES "
        "('2024-03-03 04:00Z', '2024-03-03 04:01Z', 'here', 'ok'), "
        "('2024-03-04 04:00Z', '2024-03-04 04:01Z', 'here', 'failed'), "
        "('2024-03-05 04:00Z', NULL, 'here', NULL)",
    )
    try:
        text = metrics_text(measured.reader(), print)
    finally:
        measured.run(*(f"DELETE FROM nightdesk.{one}" for one in ("backups", "drills")))
    assert [value(text, name) for name in names] == [
        datetime(2024, 3, 4, 4, tzinfo=UTC).timestamp(),
        datetime(2024, 3, 3, 4, tzinfo=UTC).timestamp(),
    ]


def test_the_connection_writes_nothing(measured):
    with (
        figures_connection({db.DATABASE_VARIABLE: measured.url}) as conn,
        pytest.raises(Refused, match="read-only"),
        db.cursor(conn) as cur,
    ):
        cur.execute("DELETE FROM nightdesk.alerts")


def test_a_dead_database_is_said_and_a_living_one_again(measured):
    lines: list[str] = []
    environ = {db.DATABASE_VARIABLE: measured.url}
    reader = FigureReader(measured.root, environ)
    with serving(reader, "127.0.0.1", 0, said(lines)) as port:
        assert value(get(port), "nightdesk_up") == 1
        environ[db.DATABASE_VARIABLE] = DEAD
        time.sleep(0.1)
        assert figures(wait_text(port, 0)).keys() == {"nightdesk_up"}
        environ[db.DATABASE_VARIABLE] = measured.url
        assert value(wait_text(port, 1), "nightdesk_nav_dollars", book=BOOK) > 0
    assert len(lines) == 2
    assert lines[0].startswith("the figures cannot be read: ")
    assert lines[1] == "the figures can be read again"


def wait_text(port: int, up: int) -> str:
    wait_for(lambda: value(get(port), "nightdesk_up") == up, f"nightdesk_up is {up}", 20)
    return get(port)


def test_a_database_that_hangs_makes_the_answer_late_and_is_not_asked_twice():
    released, asked = threading.Event(), []

    def hang() -> list[Sample]:
        asked.append(1)
        released.wait(30)
        return [Sample("nightdesk_up", 1.0, {})]

    lines: list[str] = []
    collector = DeskCollector(hang, said(lines), patience=0.3, fresh=0.0)
    for _ in range(3):
        began = time.monotonic()
        assert [one.value for one in collector.samples()] == [0.0]
        assert time.monotonic() - began < 2
    assert len(asked) == 1
    assert lines == ["the figures cannot be read: no figures within 0.3 s"]
    released.set()
    wait_for(lambda: [one.value for one in collector.samples()] == [1.0], "it answers again", 10)


def test_a_storm_of_scrapes_reads_the_store_once(measured):
    read = []
    reader = measured.reader()

    def counting() -> list[Sample]:
        read.append(1)
        return reader()

    began = time.monotonic()
    with serving(counting, "127.0.0.1", 0, print) as port, ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda _: get(port), range(64)))
    assert {value(one, "nightdesk_nav_dollars", book=BOOK) for one in texts} == {
        value(texts[0], "nightdesk_nav_dollars", book=BOOK)
    }
    assert 1 <= len(read) <= 1 + (time.monotonic() - began) // FRESH_SECONDS


def test_what_takes_long_to_count_is_counted_once_a_minute_and_marks_each_time(measured):
    reader = measured.reader()

    def read() -> tuple[float, float]:
        text = metrics_text(reader, print)
        return value(text, "nightdesk_orders", book=BOOK, state="cancelled"), value(
            text, "nightdesk_cash_dollars", book=BOOK
        )

    changed = "UPDATE nightdesk.orders SET status = '{}' WHERE status = '{}'"
    try:
        count, cash = read()
        measured.run(
            changed.format("cancelled", "submitted"),
            "UPDATE nightdesk.portfolio SET cash = cash + 1, positions_value = positions_value - 1",
        )
        assert read() == (count, cash + 1)
        measured.set_clock(timedelta(minutes=32))
        assert read() == (count + 1, cash + 1)
        # A clock that was set back does not keep the counts for ever.
        measured.run(changed.format("submitted", "cancelled"))
        measured.set_clock(timedelta(minutes=1))
        assert read() == (count, cash + 1)
    finally:
        measured.run("UPDATE nightdesk.portfolio SET cash = cash - 1, positions_value = positions_value + 1")
        measured.set_clock(timedelta(minutes=30))


def test_airflows_signs_of_life_are_shown_and_their_lack(measured):
    with airflow_monitor() as airflow:
        reader = measured.reader(NIGHTDESK_AIRFLOW_URL=airflow.url)
        airflow.ages["scheduler"] = 300.0
        text = metrics_text(reader, print)
        assert value(text, "nightdesk_airflow_up") == 1
        assert value(text, "nightdesk_airflow_healthy", component="scheduler") == 0
        assert value(text, "nightdesk_airflow_healthy", component="triggerer") == 1
        beat = value(text, "nightdesk_airflow_heartbeat_timestamp_seconds", component="scheduler")
        assert time.time() - beat == pytest.approx(300, abs=30)
        bad = (
            b"<html>",
            b"[1]",
            b'{"scheduler": 3}',
            b"x" * (LARGEST_ANSWER + 1),
            b'{"scheduler": {"status": null}}',
        )
        for body in bad:
            airflow.raw = body
            text = metrics_text(reader, print)
            assert value(text, "nightdesk_up") == 1, body[:30]
            assert sum(figures(text).get("nightdesk_airflow_healthy", {}).values()) == 0, body[:30]
        airflow.status = 500
        assert value(metrics_text(reader, print), "nightdesk_airflow_up") == 0
    text = metrics_text(reader, print)
    assert value(text, "nightdesk_airflow_up") == 0
    assert value(text, "nightdesk_nav_dollars", book=BOOK) > 0
    assert "nightdesk_airflow_up" not in figures(metrics_text(measured.reader(), print))
    with pytest.raises(Refused, match="NIGHTDESK_AIRFLOW_URL is not an address of HTTP"):
        measured.reader(NIGHTDESK_AIRFLOW_URL="api-server:8080")


def test_a_port_that_is_taken_is_refused(measured):
    with (
        serving(measured.reader(), "127.0.0.1", 0, print) as port,
        pytest.raises(Refused, match=rf"cannot listen at 127.0.0.1:{port}"),
        serving(measured.reader(), "127.0.0.1", port, print),
    ):
        pass


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "nightdesk", "metrics", *arguments]


def _environment(measured, **environ: str) -> dict[str, str]:
    own = {"NIGHTDESK_ROOT": str(measured.root), "NIGHTDESK_HOME": str(measured.root / "state")}
    return {**os.environ, **own, db.DATABASE_VARIABLE: measured.url, **environ}


def test_the_command_prints_once_or_writes_a_file_that_others_may_read(measured, tmp_path):
    done = subprocess.run(_command(), env=_environment(measured), capture_output=True, text=True, check=True)
    assert value(done.stdout, "nightdesk_nav_dollars", book=BOOK) > 0
    out = tmp_path / "nightdesk.prom"
    subprocess.run(_command("--out", str(out)), env=_environment(measured), check=True)
    assert value(out.read_text(), "nightdesk_up") == 1
    assert out.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["nightdesk.prom"]
    told = subprocess.run(
        _command("--json"), env=_environment(measured), capture_output=True, text=True, check=True
    )
    (nav,) = [one for one in json.loads(told.stdout)["figures"] if one["name"] == "nightdesk_nav_dollars"]
    assert nav == {
        "name": "nightdesk_nav_dollars",
        "value": value(done.stdout, "nightdesk_nav_dollars", book=BOOK),
        "labels": {"book": BOOK},
    }
    dead = subprocess.run(
        _command(),
        env=_environment(measured, **{db.DATABASE_VARIABLE: DEAD}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert dead.returncode == 1
    assert figures(dead.stdout) == {"nightdesk_up": {(): 0.0}}
    assert dead.stderr.startswith("nightdesk: the figures cannot be read: ")
    assert "a-planted-secret" not in dead.stderr


def test_the_served_process_listens_at_this_machine_alone_and_ends_when_asked(measured):
    process = subprocess.Popen(
        _command("serve", "--port", "0"),
        env=_environment(measured),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        found = re.match(r"nightdesk: serves http://127\.0\.0\.1:(\d+)/metrics", process.stderr.readline())
        assert found is not None
        assert value(get(int(found[1])), "nightdesk_up") == 1
        with socket.socket() as other, pytest.raises(OSError, match="refused"):
            other.connect(("127.0.0.2", int(found[1])))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
