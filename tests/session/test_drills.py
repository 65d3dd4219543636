"""The drill: a backup is restored elsewhere, verified and decides as it did; what is wrong is told."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import ACCOUNT, AlpacaDesk, at_alpaca
from tests.session.backup_desk import BackupDesk, backup_desk
from tests.session.kept_desk import DeskAfter
from tests.session.small_desk import begin_child, wait_for
from tests.session.test_backups import wait_until

from nightdesk.core.errors import Refused
from nightdesk.machine import drill as drill_module
from nightdesk.machine.drill import DrillFound, drill
from nightdesk.machine.home import exclusive
from nightdesk.operations import decide_again
from nightdesk.store.backup_rows import stored_drills
from nightdesk.store.message_rows import alerts_of


@pytest.fixture
def desk(desk_after: DeskAfter, open_folder: Path) -> BackupDesk:
    return backup_desk(desk_after(3), open_folder)


def rehearsed(desk: BackupDesk, **options: object) -> DrillFound:
    return drill(desk.home, desk.environ, **options)  # type: ignore[arg-type]


def told(desk: BackupDesk) -> list[tuple[str, str]]:
    with desk.desk.connection() as conn:
        found = [one for one in alerts_of(conn) if one["alert_key"].startswith("drill")]
    return [(one["level"], one["body"]) for one in reversed(found)]


@pytest.fixture(autouse=True)
def nothing_left(open_folder: Path) -> Iterator[None]:
    """After every drill its server and its folder are gone."""
    yield
    assert not (open_folder / "state" / "drill").exists()
    mark = str(open_folder / "state" / "drill")
    assert not [
        one.pid for one in psutil.process_iter(["cmdline"]) if mark in " ".join(one.info["cmdline"] or ())
    ]


def test_a_good_backup_is_shown_to_decide_as_it_did(desk: BackupDesk) -> None:
    made = desk.backup().manifest
    before = desk.desk.dump()
    found = rehearsed(desk, newest=2)
    assert (found.is_well, found.faults, found.notes) == (True, [], [])
    assert [(one.book, one.is_same) for one in found.again] == [("small", True)] * 2
    with desk.desk.connection() as conn:
        [row] = stored_drills(conn)
    assert (row.outcome, row.file, row.books, row.decisions, row.differing) == ("ok", made.file, 1, 2, 0)
    assert all((row.restore_seconds, row.verify_seconds, row.decide_seconds))
    [(level, body)] = told(desk)
    assert level == "INFO"
    assert "2 of 2 decisions the same again" in body
    after = desk.desk.dump()
    assert {name for name in after if after[name] != before[name]} == {"drills", "alerts"}


def test_a_decision_that_does_not_come_out_again_is_critical(desk: BackupDesk) -> None:
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute(
            "UPDATE nightdesk.targets SET weight = weight + 0.01 "
            "WHERE as_of = (SELECT max(as_of) FROM nightdesk.runs) AND weight <> 0"
        )
        assert cursor.rowcount
    desk.backup()
    found = rehearsed(desk, newest=2)
    assert [one.is_same for one in found.again] == [True, False]
    [(level, body)] = told(desk)
    assert level == "CRITICAL"
    assert "decided otherwise: small" in body
    assert "targets differs in" in body


def test_a_ledger_that_does_not_verify_is_critical(desk: BackupDesk) -> None:
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute(
            "UPDATE nightdesk.portfolio SET cash = cash + 1, nav = nav + 1 "
            "WHERE as_of = (SELECT max(as_of) FROM nightdesk.portfolio)"
        )
        assert cursor.rowcount == 1
    desk.backup()
    found = rehearsed(desk, newest=1)
    assert "small does not verify" in found.words()
    assert [level for level, _ in told(desk)] == ["CRITICAL"]


def test_a_cut_dump_and_no_backup_at_all_are_critical(desk: BackupDesk) -> None:
    assert "there is no backup in" in rehearsed(desk).words()
    made = desk.backup().manifest
    with (desk.folder / made.file).open("r+b") as file:
        file.truncate(1000)
    assert "has 1,000 bytes" in rehearsed(desk).words()
    assert "it was cut or changed" in rehearsed(desk, source=made.file).words()
    assert [level for level, _ in told(desk)] == ["CRITICAL"] * 3
    with desk.desk.connection() as conn:
        assert {one.outcome for one in stored_drills(conn)} == {"failed"}


def test_a_book_that_was_changed_since_is_told_and_no_fault_of_the_backup(desk: BackupDesk) -> None:
    desk.backup()
    book = Path(desk.desk.book)
    tree = yaml.safe_load(book.read_text())
    tree["limits"]["turnover_per_day"] = {"limit": 0.5}
    book.write_text(yaml.safe_dump(tree, sort_keys=False))
    found = rehearsed(desk, newest=1)
    assert found.is_well
    assert "book changed: limits.turnover_per_day.limit" in found.words()
    assert [level for level, _ in told(desk)] == ["WARNING"]


def test_a_drill_reaches_no_broker_though_the_keys_are_there(
    desk_after: DeskAfter, fake: FakeAlpaca, desk: BackupDesk, open_folder: Path, make_desk: object
) -> None:
    alpaca: AlpacaDesk = at_alpaca(make_desk(), fake)  # type: ignore[operator]
    alpaca.decide(0)
    alpaca.live_through(1)
    alpaca.decide(1)
    there = backup_desk(alpaca, open_folder / "alpaca")
    there = BackupDesk(alpaca, there.home, {**there.environ, **fake.environ(ACCOUNT)})
    there.backup()
    asked = len(fake.requests)
    found = rehearsed(there, newest=2)
    assert found.faults == []
    assert [one.is_same for one in found.again] == [True, True]
    assert len(fake.requests) == asked
    assert not {name for name in decide_again.unreached(there.environ) if "ACCOUNT" in name}


def test_two_at_once_are_one(desk: BackupDesk) -> None:
    desk.backup()
    with exclusive(desk.home.run / "drill.lock"), pytest.raises(Refused, match="another drill of this desk"):
        rehearsed(desk)


def test_what_a_killed_drill_left_is_gone_with_the_next(
    desk: BackupDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.backup()

    def die(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(drill_module, "verify_all", die)
        child = begin_child(lambda: rehearsed(desk) and None)
        assert wait_for(child) == -signal.SIGKILL
    left = desk.home.state / "drill" / "postgres" / "data" / "postmaster.pid"
    wait_until(left.exists)
    server = int(left.read_text().split("\n", 1)[0])
    assert psutil.pid_exists(server)
    assert rehearsed(desk, newest=1).is_well
    wait_until(lambda: not psutil.pid_exists(server))
    with desk.desk.connection() as conn:
        assert [one.outcome for one in stored_drills(conn)] == ["ok", None]


def test_a_defect_of_deciding_is_told_and_all_is_cleaned_up(
    desk: BackupDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.backup()

    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(decide_again, "run_session", fail)
    found = rehearsed(desk, newest=1)
    assert "ZeroDivisionError: a defect" in found.words()
    assert [level for level, _ in told(desk)] == ["CRITICAL"]
