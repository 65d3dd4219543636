"""The files of a backtest: written beside its walk, and in place together or not at all."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.engine.desks import book
from tests.research.backtest.panels import LAST, seeded_panel
from tests.research.backtest.test_run import LIMITS, START

from nightdesk.core.errors import Refused
from nightdesk.research.backtest import run
from nightdesk.research.backtest.draft_folder import PREFIX, draft_of
from nightdesk.research.backtest.forked_work import CAN_FORK, ForkedWork
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.result_files import Format, result_files, write_result
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.tables import TABLES

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system does not fork")

BOOK = book(limits=LIMITS, quality={"failed_share": 0.6})
SPREAD = pytest.mark.parametrize("processes", [1, 2], ids=["in this process", "beside the walk"])


@pytest.fixture(autouse=True)
def followed_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "FOLLOWED", 40)


def walk_into(folder: Path, file_format: Format = "csv", processes: int = 2) -> Result:
    with result_files(folder, file_format, processes) as files:
        result = backtest(BOOK, seeded_panel(BOOK), START, LAST, follow=files.follow)
        files.finish(result, metrics(result))
    return result


def contents(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_what_is_written_beside_the_walk_is_what_is_written_after_it(
    tmp_path: Path, file_format: Format
) -> None:
    result = walk_into(tmp_path / "beside", file_format)
    write_result(result, tmp_path / "after", file_format=file_format)
    beside, after = contents(tmp_path / "beside"), contents(tmp_path / "after")
    assert beside.keys() == {*(f"{name}.{file_format}" for name in TABLES), "metrics.json"}
    for name, written in beside.items():
        assert written == after[name], name


def test_parts_of_a_result_lie_between_their_neighbours() -> None:
    whole = backtest(BOOK, seeded_panel(BOOK), START, LAST)
    part = whole.part(10, 30).part(5, 20)
    assert part.decided == whole.decided[15:30]
    assert (part.before, part.after) == (whole.decided[14], whole.decided[30])
    assert part.benchmark.tolist() == whole.benchmark[15:30].tolist()
    assert (whole.part(0, 3).before, whole.part(3, len(whole.decided)).after) == (None, None)


def broken(monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None]) -> None:
    """Let the table of risks come upon a fault after its first rows."""
    blocks = TABLES["risk"]

    def rows(result: Result) -> Iterator[object]:
        yield from blocks(result)
        fault()

    monkeypatch.setitem(TABLES, "risk", rows)


def test_a_fault_in_another_process_fails_the_backtest_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.getpid()

    def fault() -> None:
        if os.getpid() != here:
            raise ZeroDivisionError("a figure of risk")

    broken(monkeypatch, fault)
    with pytest.raises(ZeroDivisionError, match="a figure of risk") as told:
        walk_into(tmp_path / "deep" / "run")
    assert "in fault" in "".join(told.value.__notes__)
    assert not list(tmp_path.iterdir())


def test_a_writer_that_is_killed_fails_the_backtest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = os.getpid()

    def fault() -> None:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)

    broken(monkeypatch, fault)
    with pytest.raises(Refused, match=r"died \(signal 9\).*too little memory"):
        walk_into(tmp_path / "run")
    assert not list(tmp_path.iterdir())


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """As on a disk without room for more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@SPREAD
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_file_that_finds_no_room_is_named_and_the_old_files_stay(
    tmp_path: Path, file_format: Format, processes: int
) -> None:
    (tmp_path / "nav.csv").write_text("of an earlier backtest\n")
    with (
        files_up_to(2_000),
        pytest.raises(Refused, match=r"/\w+\.\w+ cannot be written: .*File too large.*make room"),
    ):
        walk_into(tmp_path, file_format, processes)
    assert contents(tmp_path) == {"nav.csv": b"of an earlier backtest\n"}


def test_a_folder_that_cannot_be_written_is_refused_before_the_walk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/run")):
        with (
            pytest.raises(Refused, match=f"{folder}: no files can be written there: .*name another"),
            result_files(folder),
        ):
            pytest.fail("the walk began")
    assert contents(tmp_path) == {"file": b""}


def test_a_folder_in_the_place_of_a_table_is_refused_before_the_walk(tmp_path: Path) -> None:
    (tmp_path / "risk.csv").mkdir()
    with pytest.raises(Refused, match=r"risk\.csv: a folder stands where"), result_files(tmp_path):
        pytest.fail("the walk began")
    assert [one.name for one in tmp_path.iterdir()] == ["risk.csv"]


def test_only_a_draft_that_no_process_holds_is_removed(tmp_path: Path) -> None:
    abandoned = tmp_path / f"{PREFIX}abandoned"
    abandoned.mkdir()
    (abandoned / "nav.csv").write_text("half")
    with draft_of(tmp_path, ()) as held, draft_of(tmp_path, ()) as other:
        assert {one.name for one in tmp_path.iterdir()} == {held.name, other.name}
        (held / "nav.csv").write_text("whole")
    assert contents(tmp_path) == {"nav.csv": b"whole"}


def test_work_in_another_process_is_ended_wherever_it_is() -> None:
    work = ForkedWork(lambda: time.sleep(600))
    assert not work.ended
    before = time.monotonic()
    work.stop()
    assert time.monotonic() - before < 60
    with pytest.raises(Refused, match="signal 9"):
        work.wait()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let processes take an interrupt: those of tests that run in the background of a shell ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, market: Path) -> None:
    span = ("--from", "2010-01-04", "--to", "2022-12-30", "--feed", f"files:{market}")
    (tmp_path / "nav.csv").write_text("of an earlier backtest\n")
    command = [sys.executable, "-m", "nightdesk", "backtest", "multi_asset", *span, "--out", str(tmp_path)]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob(f"{PREFIX}*/signals.csv")):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode not in (0, -signal.SIGKILL)
    assert "Traceback" not in said
    assert contents(tmp_path) == {"nav.csv": b"of an earlier backtest\n"}
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
