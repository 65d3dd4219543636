"""Bad input on its way into a session: what is said, whether it is tried again, that nothing is half-written.

`Refused` fails a task at once, `Transient` has it retried (tests/dags/test_desk_step.py).
"""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter

import pytest
from tests.conftest import open_connection
from tests.fakes.loopback import Bad
from tests.fakes.yahoo import EMPTY, HTML, SERVER_ERROR, UNAUTHORIZED, Chart, FakeYahoo, chart_of, too_many
from tests.session.small_desk import UNIVERSE, SmallDesk, session

from nightdesk.core.errors import Refused, Transient
from nightdesk.feeds import source_fault, yahoo
from nightdesk.session import signals, steps

Edit = Callable[[list[str]], list[str]]

SYMBOLS = (*UNIVERSE, "^VIX")
#: A row of the vendor's file on the first decided session.
GOLD = f"{session(0)},GLD,"
FUTURE = (datetime.now(UTC) + timedelta(days=3)).date()


def stored(desk: SmallDesk) -> dict[str, list[str]]:
    """All rows but those that tell that the book was started and its session attempted."""
    return {
        name: rows
        for name, rows in desk.dump().items()
        if rows and name not in ("books", "book_accounts", "taxpayers", "runs")
    }


def attempts(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT step, status FROM nightdesk.run_steps ORDER BY run_step_id")


def each_gold(change: Callable[[str], list[str]]) -> Edit:
    """An edit that replaces the gold row of the first session."""

    def edit(lines: list[str]) -> list[str]:
        return [new for line in lines for new in (change(line) if line.startswith(GOLD) else [line])]

    return edit


def with_field(number: int, text: str) -> Edit:
    def change(line: str) -> list[str]:
        fields = line.split(",")
        fields[number] = text
        return [",".join(fields)]

    return each_gold(change)


FILES: dict[str, tuple[Edit, str]] = {
    "a missing column": (
        lambda lines: [line.replace(",high,", ",highest,") for line in lines],
        r"bars\.csv, line 1: the column high is missing; found date, symbol, open, highest",
    ),
    "text in a number": (
        with_field(3, "n/a"),
        r"bars\.csv, line \d+, column high: found 'n/a'",
    ),
    "text in a date": (with_field(0, "March 1"), r"bars\.csv, line \d+, column date: found 'March 1'"),
    "a duplicate": (
        each_gold(lambda line: [line, line]),
        rf"line \d+ and .*bars\.csv, line \d+: GLD has two bars of {session(0)}: keep one of them",
    ),
    "a future date": (
        each_gold(lambda line: [line, line.replace(str(session(0)), str(FUTURE))]),
        rf"line \d+: the bar of GLD of {FUTURE} is in the future \(today is .*\): remove it or correct",
    ),
    "a header alone": (lambda lines: lines[:1], r"bars\.csv: the file has a header and no rows"),
    "an empty file": (lambda lines: [], r"bars\.csv: the file is empty; expected session"),
}


@pytest.mark.parametrize(("edit", "said"), FILES.values(), ids=FILES)
def test_a_malformed_file_fails_its_ingest_at_once_and_stores_nothing(
    desk: SmallDesk, edit: Edit, said: str
) -> None:
    sound = desk.bars.read_text()
    desk.bars.write_text("".join(line + "\n" for line in edit(sound.splitlines())))
    with pytest.raises(Refused, match=said):
        desk.run(0)
    assert stored(desk) == {}
    assert attempts(desk) == [("ingest", "failed")]
    assert desk.rows("SELECT status, known_by FROM nightdesk.runs") == [("failed", None)]
    desk.bars.write_text(sound)
    desk.run(0)
    assert desk.rows("SELECT status FROM nightdesk.runs") == [("closed",)]


def test_a_bar_whose_high_is_below_its_low_is_quarantined_and_not_traded(desk: SmallDesk) -> None:
    desk.bars.write_text("\n".join(with_field(3, "1.00")(desk.bars.read_text().splitlines())) + "\n")
    assert desk.run(0)["quality"]["quarantined"] == 1
    [(detail,)] = desk.rows("SELECT detail FROM nightdesk.quality_runs WHERE outcome = 'quarantined'")
    assert str(detail).startswith("GLD: open or close outside low to high")
    assert desk.rows("SELECT count(*) FROM nightdesk.orders WHERE symbol = 'GLD'") == [(0,)]
    assert desk.rows("SELECT status FROM nightdesk.runs") == [("closed",)]


def test_a_faulty_bar_of_the_benchmark_stops_the_run_before_anything_is_computed(desk: SmallDesk) -> None:
    spy = [
        line.replace(line.split(",")[3], "1.00") if line.startswith(f"{session(0)},SPY,") else line
        for line in desk.bars.read_text().splitlines()
    ]
    desk.bars.write_text("\n".join(spy) + "\n")
    with pytest.raises(Refused, match=r"too bad to decide on: SPY: checks that a reference's bar fails"):
        desk.run(0)
    assert attempts(desk) == [("ingest", "done"), ("quality", "failed")]
    for table in ("factors", "signals", "targets", "orders", "portfolio", "reports"):
        assert desk.rows(f"SELECT count(*) FROM nightdesk.{table}") == [(0,)], table


@pytest.fixture
def vendor(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeYahoo]:
    """A server that has the desk's bars, of which nobody waits to ask again."""
    with FakeYahoo() as fake:
        with desk.bars.open(newline="") as file:
            rows = sorted(list(csv.reader(file))[1:], key=itemgetter(1, 0))
        for symbol, own in groupby(rows, key=itemgetter(1)):
            history = [
                (datetime.fromisoformat(day).date(), *map(float, prices), int(volume or 0))
                for day, _, *prices, volume in own
            ]
            fake.charts[symbol] = Chart(history)  # type: ignore[arg-type]
        monkeypatch.setenv(yahoo.BASE_URL, fake.url)
        monkeypatch.setattr(source_fault, "_wait", lambda state: 0.0)
        yield fake


def forget_failures(desk: SmallDesk) -> None:
    """Close every circuit, as a minute does."""
    desk.rows("DELETE FROM nightdesk.feed_health RETURNING source")


ANSWERS: dict[str, tuple[Bad, type[Exception], str]] = {
    "401": (UNAUTHORIZED, Refused, r"the server refuses access \(401\).*; correct the key"),
    "429": (too_many(), Transient, r"the server asks for fewer requests \(429\).*it is tried again"),
    "500": (SERVER_ERROR, Transient, r"the server has an error of its own \(500\).*it is tried again"),
    "HTML": (HTML, Transient, r"the server answered an HTML page where data was asked for"),
    "nothing": (EMPTY, Transient, r"the server answered an empty page where data was asked for"),
}


@pytest.mark.parametrize(("answer", "error", "said"), ANSWERS.values(), ids=ANSWERS)
def test_a_vendor_that_answers_badly_fails_the_ingest_as_its_answer_means_and_stores_nothing(
    desk: SmallDesk, vendor: FakeYahoo, answer: Bad, error: type[Exception], said: str
) -> None:
    for symbol in SYMBOLS:
        vendor.always(chart_of(symbol), answer)
    with pytest.raises(error, match=f"no source gave a bar of any symbol .*{said}"):
        desk.run(0, feed="yahoo")
    assert set(stored(desk)) == set()
    assert attempts(desk) == [("ingest", "failed")]
    vendor.heal()
    forget_failures(desk)
    desk.run_steps(0, "ingest", "ingest", feed="yahoo")
    assert len(desk.rows("SELECT DISTINCT symbol_id FROM nightdesk.bars")) == len(SYMBOLS)


def test_a_vendor_that_fails_for_too_many_symbols_is_asked_again_and_what_came_is_kept(
    desk: SmallDesk, vendor: FakeYahoo
) -> None:
    for symbol in ("QQQ", "GLD"):
        vendor.always(chart_of(symbol), SERVER_ERROR)
    with pytest.raises(Transient, match=r"did not come: QQQ, GLD: yahoo: .*\(500\)\. What came is stored"):
        desk.run(0, feed="yahoo")
    assert set(stored(desk)) == {"bars", "symbols"}
    assert desk.rows("SELECT status, known_by FROM nightdesk.runs") == [("failed", None)]
    vendor.heal()
    assert desk.run(0, feed="yahoo")["quality"]["quarantined"] == 0
    bars = desk.rows("SELECT DISTINCT count(*) FROM nightdesk.bars GROUP BY symbol_id")
    assert len(bars) == 1


def test_a_vendor_that_fails_for_one_symbol_costs_that_symbol_until_it_has_its_whole_history(
    desk: SmallDesk, vendor: FakeYahoo
) -> None:
    vendor.always(chart_of("QQQ"), SERVER_ERROR)
    done = desk.run(0, feed="yahoo")
    assert done["ingest"]["missing"] == "QQQ: yahoo: the server has an error of its own (500)"
    vendor.heal()
    desk.run(1, feed="yahoo")
    counts = desk.rows("SELECT symbol_id, count(*) FROM nightdesk.bars GROUP BY 1")
    assert len({count for _, count in counts}) == 1, counts


@pytest.mark.parametrize("reference", ["SPY", "^VIX"])
def test_a_reference_that_never_came_is_asked_for_again_and_one_that_is_late_forbids_entries(
    desk: SmallDesk, vendor: FakeYahoo, reference: str
) -> None:
    vendor.always(chart_of(reference), too_many())
    with pytest.raises(Transient, match=f"did not come: {reference.replace('^', '.')}: yahoo: .*429"):
        desk.run(0, feed="yahoo")
    vendor.heal()
    desk.run(0, feed="yahoo")
    vendor.always(chart_of(reference), too_many())
    forget_failures(desk)
    desk.run(1, feed="yahoo")
    allowed = "SELECT entries_allowed FROM nightdesk.session_quality ORDER BY session"
    assert desk.rows(allowed) == [(True,), (False,)]


def test_a_database_that_goes_away_within_a_step_is_a_passing_fault_and_the_step_writes_nothing(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.run_steps(0, "ingest", "quality")
    before = stored(desk)
    compute = signals.compute

    def lose_the_connection(*arguments: object, **named: object) -> object:
        with open_connection(desk.url) as conn, conn.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        return compute(*arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(signals, "compute", lose_the_connection)
        with desk.at(0) as context, pytest.raises(Transient, match=r"did not finish: .*Try again"):
            steps.factors(context)
    assert stored(desk) == before
    desk.run(0)
    assert desk.rows("SELECT status FROM nightdesk.runs") == [("closed",)]
