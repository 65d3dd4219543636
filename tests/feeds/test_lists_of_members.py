"""The file of a list of members: what it may say, and every way in which it is refused."""

from datetime import date
from pathlib import Path

import pytest

from nightdesk.core.errors import Refused
from nightdesk.core.members import MemberSpan
from nightdesk.feeds.member_lists import read_members

HEADER = "symbol,from,until"


def written(folder: Path, text: str | bytes) -> str:
    path = folder / "members.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return f"files:{path}"


def refused(folder: Path, text: str | bytes) -> str:
    with pytest.raises(Refused) as caught:
        read_members(written(folder, text))
    return str(caught.value)


def test_lines_are_spans_by_symbol_and_first_session(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "\ufeffsymbol, from,until,group\nB,2020-01-02,,tech\n\n"
        "A,2021-01-04,2021-06-30,\nA,2019-01-02,2020-01-02,\n",
    )
    assert read_members(source).spans == (
        MemberSpan("A", date(2019, 1, 2), date(2020, 1, 2)),
        MemberSpan("A", date(2021, 1, 4), date(2021, 6, 30)),
        MemberSpan("B", date(2020, 1, 2), None, "tech"),
    )


def test_a_line_counts_from_the_later_of_its_first_session_and_the_day_on_which_it_was_known(
    tmp_path: Path,
) -> None:
    rows = (
        "A,2020-01-02,,2020-03-02\nB,2020-01-02,,2019-12-02\n"
        "C,2020-01-02,2020-02-03,2020-03-02\nD,2020-01-02,,\n"
    )
    found = read_members(written(tmp_path, f"{HEADER},known_at\n{rows}")).spans
    assert [(one.symbol, one.first) for one in found] == [
        ("A", date(2020, 3, 2)),
        ("B", date(2020, 1, 2)),
        ("D", date(2020, 1, 2)),
    ]


def test_a_list_that_was_changed_is_read_anew(tmp_path: Path) -> None:
    one = read_members(written(tmp_path, f"{HEADER}\nA,2020-01-02,\n"))
    other = read_members(written(tmp_path, f"{HEADER}\nA,2020-01-02,2020-05-05\n"))
    assert one.spans[0].last is None
    assert other.spans[0].last == date(2020, 5, 5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty; expected symbol, from, until"),
        (f"{HEADER}\n", "the list names no symbol"),
        ("symbol,from\nA,2020-01-02\n", "line 1: missing column until"),
        (f"{HEADER},sector\nA,2020-01-02,,x\n", "line 1: unknown column sector"),
        (f"{HEADER},until\nA,2020-01-02,,\n", "line 1: column twice until"),
        (f"{HEADER}\nA,2020-01-02\n", "line 2: found 2 fields, expected 3"),
        (f"{HEADER}\na b,2020-01-02,\n", "line 2, column symbol: found 'a b'"),
        (f"{HEADER}\nA,02.01.2020,\n", "line 2, column from: found '02.01.2020', expected a day"),
        (f"{HEADER}\nA,2020-01-02,2019-01-02\n", "line 2: A: until 2019-01-02 lies before from 2020-01-02"),
        (f"{HEADER}\nA,2020-01-02,\nA,2020-02-03,\n", "A: listed twice at once"),
        (f'{HEADER}\n"A,2020-01-02,\n', "not CSV"),
        (b"\xff\xfe\x00symbol", "not a text in UTF-8"),
    ],
)
def test_a_faulty_list_is_refused_with_its_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    said = refused(tmp_path, text)
    assert words in said
    assert "members.csv" in said


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="found no such file, expected a list of members"):
        read_members(f"files:{tmp_path}/absent.csv")
    with pytest.raises(Refused, match="found a folder"):
        read_members(f"files:{tmp_path}")
