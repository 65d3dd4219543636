"""A CSV that a person wrote: its lines with their numbers, and what is no table."""

import pytest

from nightdesk.core.csv_table import CsvTable
from nightdesk.core.errors import Refused


def test_lines_have_their_numbers_and_empty_ones_are_passed_over() -> None:
    table = CsvTable('a, b \n 1,2\n\n"x\ny",3 \n', "some.csv")
    assert table.header == ("a", "b")
    assert list(table.lines()) == [(2, ["1", "2"]), (5, ["x\ny", "3"])]
    assert CsvTable("", "some.csv").header == ()
    assert list(CsvTable("a\n", "some.csv").lines()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3\n", "some.csv:3: found 1 fields; the header has 2"),
        ('a,b\n1,"2"3\n', "some.csv:2: not a CSV: "),
        ('"a"b\n1\n', "some.csv:1: not a CSV: "),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        list(CsvTable(text, "some.csv").lines())
    assert str(caught.value).startswith(words)
