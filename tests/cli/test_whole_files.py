"""Files of `--out`: whole or not at all, and what the system says of them is told with their place."""

import os
from pathlib import Path

import pytest
from tests.research.backtest.test_result_files import files_up_to

from nightdesk.cli.whole_files import whole_file, whole_files
from nightdesk.core.errors import Refused

MUCH = "one row of many\n" * 1_000


def test_a_file_that_finds_no_room_is_refused_by_its_folder_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "form.csv"
    path.write_text("of last year\n")
    with (
        files_up_to(2_000),
        pytest.raises(Refused, match=f"{tmp_path} cannot be written: File too large. Make room"),
        whole_file(path) as draft,
    ):
        draft.write_text(MUCH)
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"form.csv": "of last year\n"}


def test_of_two_files_none_is_kept_where_the_second_finds_no_room(tmp_path: Path) -> None:
    def write() -> None:
        with whole_files(tmp_path / "deep", "sweep.csv", "sweep.svg") as draft:
            (draft / "sweep.csv").write_text("little\n")
            (draft / "sweep.svg").write_text(MUCH)

    with files_up_to(2_000), pytest.raises(Refused, match="cannot be written"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_written_as_it_is_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with whole_file(pipe) as draft:
        draft.write_text("a row\n")
    assert os.read(reader, 100) == b"a row\n"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("/dev/full", "nightdesk: /dev/full cannot be written: No space left on device. Make room there"),
        ("/proc/run/form.csv", "nightdesk: /proc/run: no files can be written there"),
    ],
)
def test_a_command_tells_it_in_one_line(nightdesk, bars, out, said, tmp_path):
    if out == "/dev/full":
        link = tmp_path / "full.csv"
        link.symlink_to(out)
        out, said = link, said.replace("/dev/full", str(link))
    span = ("--from", "2022-01-03", "--to", "2022-01-07", "--feed", f"files:{bars}")
    assert said in nightdesk.refusal("factors", "multi_asset", *span, "--out", out)
