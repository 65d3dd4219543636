"""The file `.env`: values are what stands there, and what cannot be read is told by its line."""

import re
from pathlib import Path

import pytest

from nightdesk.core.errors import Refused
from nightdesk.machine.env_file import read_env_file

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=mailtos://u:p@m:465/o@example.com?from=d@example.com&mode=ssl", None),
        ("A=slack://TokenA/TokenB/TokenC/#trading", None),
        ("A=one two  # a comment", "one two"),
        ("export A=one", "one"),
        ("A = one", "one"),
        ('A="one # two"', "one # two"),
        ("A='pa$word`'", "pa$word`"),
        ("A=", ""),
        ("A=\t# nothing", ""),
        ("A=one\r", "one"),
    ],
)
def test_a_value_is_what_stands_there(tmp_path: Path, line: str, value: str | None) -> None:
    path = tmp_path / ".env"
    path.write_text(f"# a comment\n\n{line}\nB=2\n", newline="")
    found = read_env_file(path)
    assert found.values == {"A": line.partition("=")[2] if value is None else value, "B": "2"}
    assert found.faults == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("NIGHTDESK_ALERT_MAIL", "expected NAME=value"),
        ("A 1=secret", "expected NAME=value"),
        ("A-B=secret", "expected NAME=value, the name of letters"),
        ("A='secret'; export A", "after a closing quote nothing but a comment"),
        ('A="secret', "after a closing quote"),
        ("B=secret", "B is set in line 2 already"),
        ("A=secret$word", "write A='...', in single quotes"),
        ('A="$HOME/secret"', "write A='...', in single quotes"),
        ("A=`secret`", "write A='...', in single quotes"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_line_and_without_its_value(
    tmp_path: Path, line: str, said: str
) -> None:
    path = tmp_path / ".env"
    path.write_text(f"\nB=2\n\n\n{line}\nC=3\n")
    found = read_env_file(path)
    assert found.values["B"] == "2"
    with pytest.raises(Refused, match=re.escape(f"{path}, line 5: ") + ".*" + re.escape(said)) as raised:
        found.refuse_faults()
    assert "secret" not in str(raised.value)


def test_what_the_environment_has_already_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\nC=file\n")
    environ = {"A": "own", "B": ""}
    read_env_file(tmp_path / ".env").fill(environ)
    assert environ == {"A": "own", "B": "", "C": "file"}


def test_a_file_that_is_not_there_says_nothing_and_one_of_other_bytes_is_refused(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env").values == {}
    (tmp_path / ".env").write_bytes(b"A=caf\xe9\n")
    with pytest.raises(Refused, match="byte 5 is not UTF-8"):
        read_env_file(tmp_path / ".env")


def test_every_line_that_the_example_and_the_docs_show_is_read(tmp_path: Path) -> None:
    example = (PROJECT / ".env.example").read_text()
    operations = (PROJECT / "docs" / "operations.md").read_text()
    shown = re.findall(r"^#?([A-Z_]+=.*)$", example, re.MULTILINE)
    shown += re.findall(r"^(NIGHTDESK_ALERT_\w+=.*)$", operations, re.MULTILINE)
    assert any("&mode=ssl" in line for line in shown)
    for line in shown:
        (tmp_path / ".env").write_text(line)
        found = read_env_file(tmp_path / ".env")
        assert (found.faults, list(found.values.items())) == ((), [tuple(line.split("=", 1))]), line


def test_make_leaves_the_file_to_the_command() -> None:
    assert ". ./.env" not in (PROJECT / "Makefile").read_text()
