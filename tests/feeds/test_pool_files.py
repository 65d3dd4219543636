"""The file of a pool of symbols: what it may say, and every way in which it is refused."""

from pathlib import Path

import pytest

from nightdesk.core.errors import Refused
from nightdesk.feeds.fact_feed import make_facts
from nightdesk.feeds.pool_files import read_pool_file


def written(folder: Path, text: str | bytes) -> str:
    path = folder / "pool.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return f"files:{path}"


def test_the_symbols_come_in_the_order_of_the_file_and_other_columns_are_not_read(tmp_path: Path) -> None:
    text = "\ufeffname, symbol ,weight\nSomebody,XYZ,high\n\nOther, BRK-B ,\n,^VIX,\n"
    assert read_pool_file(written(tmp_path, text)) == {"XYZ": 2, "BRK-B": 4, "^VIX": 5}


def test_a_file_that_was_changed_is_read_anew(tmp_path: Path) -> None:
    assert read_pool_file(written(tmp_path, "symbol\nA\n")) == {"A": 2}
    assert read_pool_file(written(tmp_path, "symbol\nA\nBB\n")) == {"A": 2, "BB": 3}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "pool.csv:1: found an empty file, expected one column symbol"),
        ("ticker,name\nA,b\n", "pool.csv:1: found ticker, name, expected one column symbol"),
        ("symbol,symbol\nA,B\n", "pool.csv:1: found symbol, symbol, expected one column symbol"),
        ("symbol,name\n", "it names no symbol: write one a line below the header"),
        (
            "symbol\nA\nabc\n",
            "pool.csv:3, column symbol: found 'abc', expected a symbol of at most 21 capital",
        ),
        ("symbol,name\nA,b\n,c\n", "pool.csv:3, column symbol: found '', expected a symbol"),
        ("symbol\nA\nB\n\nA\n", "pool.csv:5: A stands in line 2 already: leave one out"),
        ("symbol,name\nA\n", "pool.csv:2: found 1 fields; the header has 2"),
        ('symbol\n"A\n', "pool.csv:2: not a CSV"),
        (b"symbol\n\xff\xfe\n", "no text in UTF-8"),
    ],
)
def test_what_is_no_pool_is_refused_with_its_place(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(Refused) as caught:
        read_pool_file(written(tmp_path, text))
    assert words in str(caught.value)


def test_a_place_without_a_file_is_refused_with_the_key_of_the_book(tmp_path: Path) -> None:
    for place, found in ((tmp_path / "none.csv", "no such file"), (tmp_path, "a folder")):
        with pytest.raises(Refused, match=rf"found {found}.*correct universe\.screen\.pool"):
            read_pool_file(f"files:{place}")


def test_a_source_that_cannot_say_which_symbols_there_are_asks_for_a_file() -> None:
    with pytest.raises(Refused, match=r"source fred does not say .* name a file of them as the pool"):
        make_facts("fred", environ={}).pool()
