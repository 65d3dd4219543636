"""A book's own expectations: what is wrong with them is said when the book is read, without the library."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.feeds.test_quality import T, book_of, panel_of, with_bars
from tools.keep_expectations import catalogue

from nightdesk.core import expectation_kinds
from nightdesk.core.book import Book, load_book, parse_book
from nightdesk.core.errors import Refused
from nightdesk.core.expectation_terms import ARRAY_FORMS, FRAME_COLUMNS, read_expectations
from nightdesk.feeds.expectations import ask, expectation_of
from nightdesk.feeds.quality import examine

THIN = {
    "name": "thin",
    "expect": "expect_column_values_to_be_between",
    "arguments": {"column": "traded", "min_value": 1e6},
    "then": "quarantine",
}


def test_the_kept_list_is_that_of_the_installed_version():
    kept = json.loads(Path(expectation_kinds.__file__).with_suffix(".json").read_text())
    assert kept == catalogue(), "great_expectations is another version: python tools/keep_expectations.py"


WRONG = [
    (THIN | {"name": "outlier"}, "name: found outlier, which is a check of the desk's own"),
    (
        THIN | {"expect": "expect_column_values_to_be_betwen"},
        "no known expectation (did you mean expect_column_values_to_be_between?)",
    ),
    (THIN | {"arguments": {"min_value": 1}}, "arguments.column: missing; it must be given"),
    (
        THIN | {"arguments": {"column": "turnover", "min_value": 1}},
        "arguments.column: found 'turnover'; the frame bars has symbol, open, high, low, close, volume",
    ),
    (THIN | {"arguments": {"column": "close", "minimum": 1}}, "arguments.minimum: unknown argument"),
    (
        THIN | {"arguments": {"column": "close", "min_value": "one"}},
        "arguments.min_value: found 'one'; expected a number",
    ),
    (THIN | {"arguments": {"column": "close", "min_value": None}}, "arguments.min_value: found nothing"),
    (THIN | {"arguments": {"column": "close"}}, "found neither min_value nor max_value"),
    (
        THIN | {"arguments": {"column": "close", "min_value": 2, "max_value": 1}},
        "found min_value 2 above max_value 1",
    ),
    (THIN | {"arguments": {"column": "symbol", "min_value": 2}}, "found symbol, whose values are words"),
    (THIN | {"then": "panic"}, "then: found 'panic'"),
    (THIN | {"frame": "ticks"}, "frame: found 'ticks'"),
    (
        THIN | {"arguments": {"column": "close", "min_value": 2, "mostly": 0.9}},
        "found quarantine, and this speaks of all rows together, of no symbol: set then to warn or stop; or "
        "leave mostly out",
    ),
    (
        THIN | {"then": "warn", "arguments": {"column": "close", "min_value": 2, "mostly": 0.905}},
        "arguments.mostly: found 0.905; expected a share above 0, at most 1, of two decimals",
    ),
    (
        THIN | {"expect": "expect_column_mean_to_be_between", "then": "stop"},
        "found stop; expect_column_mean_to_be_between is asked of the newest session alone",
    ),
    (
        THIN
        | {
            "expect": "expect_column_values_to_be_in_set",
            "arguments": {"column": "close", "value_set": ["A"]},
        },
        "arguments.value_set: found 'A'; expected numbers",
    ),
    (THIN | {"tehn": "warn"}, "unknown key (did you mean then?)"),
    (
        THIN | {"symbols": ["ZZZ"]},
        "quality.expectations.thin.symbols: ZZZ is no symbol of this book's universe",
    ),
]


@pytest.mark.parametrize(("said", "words"), WRONG, ids=[words[:40] for _, words in WRONG])
def test_a_wrong_expectation_is_refused_with_its_place_and_what_to_do(said, words):
    with pytest.raises(Refused) as refused:
        book_of(expectations=[said])
    assert words in str(refused.value)
    assert "quality.expectations" in str(refused.value)
    assert str(refused.value).count("\n") == 0


def test_a_name_given_twice_is_refused():
    with pytest.raises(Refused, match="the name thin is given twice"):
        book_of(expectations=[THIN, THIN])


def write_book(folder: Path, expectations: str) -> Path:
    tree = json.loads(book_of().model_dump_json())
    tree["quality"] = {"expectations": "own/little.yaml"}
    path = folder / "little.yaml"
    path.write_text(json.dumps(tree))
    (folder / "own").mkdir(exist_ok=True)
    (folder / "own/little.yaml").write_text(expectations)
    return path


FILE = """\
expectations:
  - name: thin
    expect: expect_column_values_to_be_between
    arguments: {column: traded, min_value: 1000000}
    then: quarantine
"""


def test_a_file_of_expectations_becomes_part_of_the_book(tmp_path):
    book = load_book(write_book(tmp_path, FILE))
    assert [one.name for one in book.quality.expectations] == ["thin"]
    assert book == book_of(expectations=[THIN]) or book.quality == book_of(expectations=[THIN]).quality
    # as it is stored, it needs the file no more
    assert parse_book(json.loads(book.document), "the store") == book
    assert book.config_hash != book_of().config_hash
    changed = load_book(write_book(tmp_path, FILE.replace("1000000", "2000000")))
    assert changed.config_hash != book.config_hash


def test_a_book_without_any_is_what_it_was():
    assert "expectations" not in book_of().configuration
    assert "expectations" not in Book.model_validate(json.loads(book_of().document)).configuration


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("expectations: [", "own/little.yaml: not a YAML document"),
        ("- name: thin", "a file of expectations has the one key `expectations`"),
        ("expectations: 3", "a file of expectations has the one key `expectations`"),
        (FILE + "more: 1\n", "a file of expectations has the one key `expectations`"),
        (FILE.replace("quarantine", "on"), "own/little.yaml, line 5: found on, which YAML reads as true"),
        (
            FILE.replace("traded", "turnover"),
            "own/little.yaml: expectations, number 1 (thin): arguments.column: found 'turnover'",
        ),
        (FILE.replace("    then: quarantine\n", ""), "expectations, number 1 (thin): then: missing"),
        ("expectations:\n  - thin\n", "expectations, number 1: entry: found 'thin'"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_place(tmp_path, text, words):
    with pytest.raises(Refused) as refused:
        load_book(write_book(tmp_path, text))
    assert words in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refused, match="a file of expectations cannot be read"):
        read_expectations(tmp_path / "none.yaml")


def test_reading_a_book_does_not_bring_the_library_along(tmp_path):
    write_book(tmp_path, FILE)
    program = (
        "import sys; from pathlib import Path; from nightdesk.core.book import load_book; "
        "load_book(Path(sys.argv[1])); assert 'great_expectations' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "little.yaml")], check=True)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("expect_column_values_to_be_between", {"column": "close", "min_value": 1, "mostly": 0.57}),
        ("expect_column_values_to_be_in_set", {"column": "symbol", "value_set": ["AAA", "BBB"]}),
        ("expect_table_row_count_to_equal", {"value": 3}),
        ("expect_column_quantile_values_to_be_between",
         {"column": "change", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[-1, 1]]}}),
    ],
)  # fmt: skip
def test_what_a_book_may_say_the_library_takes(name, arguments):
    said = THIN | {"expect": name, "arguments": arguments, "then": "warn", "because": ""}
    book_of(expectations=[said])
    assert expectation_of(said).expectation_type == name


def test_the_file_that_the_page_shows_is_read_and_asked(tmp_path):
    page = (Path(__file__).parents[2] / "docs/data-checks.md").read_text()
    shown = page[page.index("```yaml\nexpectations:") + len("```yaml\n") :]
    book = load_book(write_book(tmp_path, shown[: shown.index("```")]))
    (one,) = book.quality.expectations
    assert len(shown[: shown.index("```")].splitlines()) == 6
    panel = with_bars(panel_of(), (T, 0), volume=1e-3)
    quality = examine(panel, book)
    assert quality.quarantined[T].tolist() == [True, *[False] * 7]
    assert ask(quality, T).differs == ()
    assert one.because in quality.findings(T)[-6].words


def test_the_page_names_what_may_hold_a_symbol():
    page = (Path(__file__).parents[2] / "docs/data-checks.md").read_text()
    assert [name for name in ARRAY_FORMS if f"`{name}`" not in page] == []
    assert [name for name in FRAME_COLUMNS["bars"] if f"`{name}`" not in page] == []
