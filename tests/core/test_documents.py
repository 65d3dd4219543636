"""A document that would hang, explode or be misread is refused by itself, quickly, in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nightdesk.core.book import load_book
from nightdesk.core.documents import _PlainLoader, read_yaml
from nightdesk.core.errors import Refused
from nightdesk.engine.injection import read_injections
from nightdesk.session.books import read_books

BOOKS = Path(__file__).parents[2] / "books"

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a: ON",
            'line 1: found ON, which YAML reads as true: put it in quotes ("ON") where a word is meant',
        ),
        ("b: 1\na: [SPY, NO]", "line 2: found NO, which YAML reads as false: put it in quotes"),
        ("a: yes", "found yes, which YAML reads as true"),
        ("ON: {}", 'line 1: found ON, which YAML reads as true: put it in quotes ("ON")'),
        ("TRUE: {}", "the key TRUE is read as True: put it in quotes"),
        ("NULL: {}", "the key NULL is read as None: put it in quotes"),
        ("700: {}", "the key 700 is read as 700: put it in quotes"),
        ("0700: {}", 'line 1: found 0700, which YAML reads as 448: put it in quotes ("0700")'),
        ("a: 0700", "found 0700, which YAML reads as 448"),
        ("a: 1:30", "found 1:30, which YAML reads as 90: put it in quotes"),
        ("a: 1:30.5", "found 1:30.5, which YAML reads as 90.5"),
        ("2024-01-02: x", "the key 2024-01-02 is read as datetime.date(2024, 1, 2): put it in quotes"),
        ("[1]: x", "line 1: found the key [1], expected a word"),
        ("a: 2024-02-30", "not a YAML document: day"),
        ("a: 1\na: 2", "the key 'a' is given twice"),
        ("[" * 100_000, "values lie in each other more than 40 deep"),
        ("{a: " * 100_000, "values lie in each other more than 40 deep"),
        ("a: &a [*a]", "an anchor holds an alias of itself"),
        (BOMB, "its aliases unfold to more than 200,000 values"),
    ],
)
def test_what_yaml_would_read_as_something_else_or_without_end_is_refused(text: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        read_yaml(text, "book.yaml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("book.yaml")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('a: ["ON", "0700", "1:30", NOW, Y]', ["ON", "0700", "1:30", "NOW", "Y"]),
        ("a: [0.10, 1_000, 0, -5, 0.0]", [0.1, 1000, 0, -5, 0.0]),
        ("a: [true, False, null, .inf, 1e3]", [True, False, None, float("inf"), "1e3"]),
        ("a: &x [1, 2]\nb: *x", [1, 2]),
        ("a: {b: 09:30 sharp}", {"b": "09:30 sharp"}),
    ],
)
def test_plain_values_are_read_as_plain_yaml_reads_them(text: str, value: object) -> None:
    found = read_yaml(text, "book.yaml")
    assert found["a"] == value
    assert found == yaml.safe_load(text)


def test_every_book_of_the_house_reads_as_plain_yaml_reads_it() -> None:
    for path in BOOKS.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert read_yaml(text, str(path)) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("benchmark: TRUE", "benchmark: found True; input should be a valid string; put it in quotes"),
        ("benchmark: 700", "benchmark: found 700; input should be a valid string; put it in quotes"),
        ("benchmark: NO", "found NO, which YAML reads as false: put it in quotes"),
        ("volatility_index: 1:30", "found 1:30, which YAML reads as 90: put it in quotes"),
    ],
)
def test_a_symbol_that_yaml_takes_for_a_number_is_asked_for_in_quotes(
    tmp_path: Path, edit: str, words: str
) -> None:
    path = tmp_path / "multi_asset.yaml"
    lines = (BOOKS / "multi_asset.yaml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(edit.split(":")[0])]
    path.write_text("\n".join([*kept, edit]), encoding="utf-8")
    with pytest.raises(Refused) as caught:
        load_book(path)
    assert words in str(caught.value)


def test_a_parameter_of_a_strategy_is_asked_for_in_quotes_too() -> None:
    from nightdesk.strategies.strategy_registry import make as make_strategy

    with pytest.raises(Refused, match="found True; input should be a valid string; put it in quotes"):
        make_strategy("cross_sectional_momentum", {"havens": [True]})


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def _brackets(path: Path) -> None:
    path.write_text("name: " + "[" * 100_000)


def _bomb(path: Path) -> None:
    path.write_text(BOMB)


def _broken_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_fifo, "found a pipe or a device, expected a book"),
        (_device, "found a pipe or a device, expected a book"),
        (_folder, "found a folder, expected a book"),
        (_large, "a book has at most 1,000,000 bytes"),
        (_brackets, "more than 40 deep"),
        (_bomb, "unfold to more than 200,000 values"),
        (_broken_link, "cannot be read"),
    ],
)
@pytest.mark.timeout(20)
def test_a_book_that_is_no_book_is_refused_alone(tmp_path: Path, make, words: str) -> None:
    (tmp_path / "multi_asset.yaml").write_bytes((BOOKS / "multi_asset.yaml").read_bytes())
    make(tmp_path / "evil.yaml")
    found = read_books(tmp_path)
    assert [path.stem for path in found.books] == ["multi_asset"]
    reason = found.refused[tmp_path / "evil.yaml"]
    assert words in reason
    assert "\n" not in reason
    assert len(reason) < 500


@pytest.mark.parametrize(
    ("make", "words"), [(_fifo, "found a pipe"), (_folder, "found a folder"), (_large, "at most 64,000,000")]
)
@pytest.mark.timeout(20)
def test_signals_to_inject_are_read_from_a_plain_file_alone(tmp_path: Path, make, words: str) -> None:
    make(tmp_path / "signals.csv")
    with pytest.raises(Refused, match=words):
        read_injections(tmp_path / "signals.csv", load_book(BOOKS / "multi_asset.yaml"))


def test_a_large_file_costs_no_memory(tmp_path: Path) -> None:
    _large(tmp_path / "large")
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from nightdesk.core.documents import read_bytes; from nightdesk.core.errors import Refused\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_bytes(Path(sys.argv[1]), 1000, 'a file')\n"
        "except Refused: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "large")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 50_000  # kilobytes


@pytest.mark.parametrize(
    "text",
    [
        *(path.read_text() for path in sorted(BOOKS.glob("*.yaml"))),
        "a: {b: [1, 2.5, ~, null, 'x', \"y\\n\", 2025-01-03]}\n",
        "a: >-\n  folded\n  lines\nb: |\n  kept\n  lines\n",
        "a: &x {b: 1}\nc: *x\n",
        "# a comment alone\n",
        "",
        "--- {a: ü€😀}\n...\n",
        "a: 1.0e+3\nb: .inf\nc: 1_000\n",
    ],
)
def test_the_quick_reading_of_a_document_is_that_of_the_plain_one(text: str) -> None:
    assert read_yaml(text, "a test") == _PlainLoader(text).get_single_data()
