"""The closes of a second source: each version kept, and each decision compares with what it knew."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from tests.conftest import Databases, open_connection
from tests.session.small_desk import SmallDesk, session

from nightdesk.operations.replay import rewind
from nightdesk.session import steps
from nightdesk.store.db import cursor, sql_folder
from nightdesk.store.migrations import migrate


class ComparedDesk:
    """A small desk that compares its bars with those of a copy of its file, which tests change."""

    def __init__(self, desk: SmallDesk, folder: Path) -> None:
        self.desk, self.other = desk, SmallDesk(desk.url, desk.book, folder / "bars.csv")
        shutil.copytree(desk.bars.parent, folder)
        tree = yaml.safe_load(desk.book.read_text())
        tree["feeds"] = {"daily": [desk.feed], "compare_with": f"files:{folder}"}
        desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))

    def change(self, symbol: str, number: int, factor: float) -> None:
        """Multiply a close of the second source."""
        # Of a market that never closes it is that of the day before.
        day = session(number) - timedelta(days=1) if symbol == "BTC-USD" else session(number)
        self.other.change_bar(symbol, day, factor)

    def quarantined(self, number: int) -> list[str]:
        [(found,)] = self.desk.rows(
            "SELECT quarantined FROM nightdesk.session_quality WHERE session = %s", session(number)
        )
        return list(found)  # type: ignore[call-overload]

    def versions(self, symbol: str, number: int) -> int:
        rows = self.desk.rows(
            "SELECT FROM nightdesk.second_closes WHERE symbol = %s AND session = %s", symbol, session(number)
        )
        return len(rows)


@pytest.fixture
def compared(desk: SmallDesk, tmp_path: Path) -> ComparedDesk:
    return ComparedDesk(desk, tmp_path / "other")


def test_a_correction_is_a_version_and_a_decided_session_stays_as_it_was(compared: ComparedDesk) -> None:
    compared.change("GLD", 0, 1.05)
    first = compared.desk.run(0)
    assert first["ingest"]["second_closes"] == 6
    assert compared.quarantined(0) == ["GLD"]
    compared.change("GLD", 0, 1 / 1.05)
    compared.change("TLT", 0, 1.05)
    compared.desk.run(1)
    assert {name: compared.versions(name, 0) for name in ("GLD", "TLT", "SPY")} == {
        "GLD": 2,
        "TLT": 2,
        "SPY": 1,
    }
    with compared.desk.at(0) as context:
        for step in (steps.ingest, steps.quality, steps.factors):
            assert step(context)["differs"] == 0
    assert compared.quarantined(0) == ["GLD"]
    with compared.desk.at(0) as context:
        rewind(context)
    assert compared.versions("GLD", 0) == 2, "what is known of the market is not decided, and stays"
    compared.desk.run(0)
    assert compared.quarantined(0) == ["TLT"], "decided anew it knows what came since"


def test_the_same_closes_again_write_nothing_and_move_nothing(compared: ComparedDesk) -> None:
    compared.desk.run_steps(0, "ingest", "quality")
    before = compared.desk.rows("SELECT * FROM nightdesk.second_closes ORDER BY symbol")
    known_by = compared.desk.rows("SELECT known_by FROM nightdesk.runs")
    with compared.desk.at(0) as context:
        assert steps.ingest(context)["second_closes"] == 0
    assert compared.desk.rows("SELECT * FROM nightdesk.second_closes ORDER BY symbol") == before
    assert compared.desk.rows("SELECT known_by FROM nightdesk.runs") == known_by
    compared.change("QQQ", 0, 1.05)
    with compared.desk.at(0) as context:
        assert steps.ingest(context)["second_closes"] == 1
        assert steps.quality(context)["quarantined"] == 1
    assert compared.desk.rows("SELECT known_by FROM nightdesk.runs") != known_by
    assert compared.quarantined(0) == ["QQQ"]


def test_a_dry_run_reads_the_second_source_too(compared: ComparedDesk) -> None:
    compared.desk.run(0)
    compared.change("GLD", 1, 1.05)
    with compared.desk.at(1, dry_run=True) as context:
        counts = steps.run_session(context)
    assert counts["quality"]["quarantined"] == 1
    assert compared.desk.rows("SELECT FROM nightdesk.session_quality WHERE session = %s", session(1)) == []
    done = compared.desk.run(1)
    assert done["quality"]["quarantined"] == 1
    assert done["ingest"]["second_closes"] == 0, "the dry run has stored them: they are facts of the market"


@pytest.mark.parametrize("how", ["gone", "malformed", "behind"])
def test_a_second_source_that_fails_costs_the_comparison_alone(compared: ComparedDesk, how: str) -> None:
    compared.desk.run(0)
    if how == "gone":
        shutil.rmtree(compared.other.bars.parent)
    elif how == "malformed":
        compared.other.bars.write_text("date,symbol\n")
    else:
        for symbol in ("SPY", "QQQ", "GLD", "TLT", "BTC-USD", "^VIX"):
            compared.other.remove_bars(symbol, session(0) + timedelta(days=symbol != "BTC-USD"))
    done = compared.desk.run(1)
    assert "not_compared" in done["ingest"]
    assert done["quality"]["quarantined"] == 0


def test_the_closes_of_a_database_of_before_are_known_since_their_decisions(
    databases: Databases, tmp_path: Path
) -> None:
    for path in (sql_folder({}) / "migrations").glob("*.sql"):
        if path.name < "049":
            shutil.copy(path, tmp_path)
    url = databases.bare()
    run = (
        "INSERT INTO nightdesk.runs (book, session, as_of, known_by, status, code_version, config_hash) "
        "VALUES (%(book)s, '2024-03-04', '2024-03-04 21:00+00', %(known_by)s, 'open', 'x', 'y')"
    )
    close = (
        "INSERT INTO nightdesk.second_closes (book, session, as_of, symbol, source, close) "
        "VALUES (%(book)s, '2024-03-04', '2024-03-04 21:00+00', 'SPY', 'yahoo', %(close)s)"
    )
    with open_connection(url) as conn:
        migrate(conn, tmp_path)
        with cursor(conn) as cur:
            cur.execute("SET session_replication_role = replica")  # the books themselves matter nothing
            for number, (book, price) in enumerate((("one", 511.0), ("two", 511.0), ("three", 512.0))):
                values = {"book": book, "close": price, "known_by": f"2024-03-04 22:0{number}+00"}
                cur.execute(run, values)
                cur.execute(close, values)
            cur.execute("SET session_replication_role = DEFAULT")
        migrate(conn)
        with cursor(conn) as cur:
            cur.execute("SELECT session, close, known_at, stored_at FROM nightdesk.second_closes ORDER BY 2")
            found = [(day, price, f"{known:%H:%M}", f"{stored:%H:%M}") for day, price, known, stored in cur]
    databases.drop(url)
    day = date(2024, 3, 4)
    assert found == [(day, 511.0, "22:00", "22:00"), (day, 512.0, "22:02", "22:02")]
