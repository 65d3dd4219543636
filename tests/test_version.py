"""Which code made a row."""

from pathlib import Path

import pytest

from nightdesk.version import _digest, code_version, is_older

ONE, OTHER = "0.1.0+aaaaaaaaaaaa", "0.1.0+bbbbbbbbbbbb"


def test_the_version_carries_a_digest_of_the_source() -> None:
    number, _, digest = code_version().partition("+")
    assert number[0].isdigit()
    assert len(digest) == 12


def test_an_edit_a_new_file_and_a_new_name_each_give_another_digest(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    file = tmp_path / "room" / "step.py"
    found = []
    for text in ("x = 1\n", "x = 2\n", "x = 1\n"):
        file.write_text(text)
        found.append(_digest(tmp_path))
    (tmp_path / "page.html").write_text("no code")
    found.append(_digest(tmp_path))
    file.rename(file.with_name("other.py"))
    found.append(_digest(tmp_path))
    assert found[0] == found[2] == found[3]
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("own", "current", "is_known", "older"),
    [
        (ONE, None, False, False),
        (ONE, ONE, True, False),
        (ONE, OTHER, True, True),
        (ONE, OTHER, False, False),
        ("0.1.9+c", "0.2.0+a", False, True),
        ("0.10.0+c", "0.9.0+a", False, False),
    ],
    ids=["the first", "the desk's", "worked before", "an edit", "a lower release", "a higher release"],
)
def test_which_code_is_older(own: str, current: str | None, is_known: bool, older: bool) -> None:
    assert is_older(own, current, is_known=is_known) is older
