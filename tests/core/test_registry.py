"""Plug-ins by name, and the one error for a name that nobody has."""

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nightdesk.core.errors import Refused
from nightdesk.core.registry import Registry, validated


def registry() -> Registry[str]:
    known: Registry[str] = Registry("colour")
    known.add("red", "#f00")
    known.add("green", "#0f0")
    known.add("mix:NAME", "#888", "the name of a palette")
    return known


def test_a_plug_in_is_found_by_its_name_and_names_are_sorted() -> None:
    known = registry()
    assert known.find("red") == "#f00"
    assert known.find_with_argument("red") == ("#f00", "")
    assert known.find_with_argument("mix:a:b") == ("#888", "a:b")
    assert known.names() == ("green", "mix:NAME", "red")
    assert list(known) == ["#f00", "#0f0", "#888"]
    assert "red" in known
    assert "blue" not in known


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gren", "here: there is no colour 'gren'; did you mean green?"),
        ("blue", "here: there is no colour 'blue'; known are green, mix:NAME, red"),
        ("", "here: there is no colour ''; known are green, mix:NAME, red"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_or_with_all(name: str, words: str) -> None:
    for find in (registry().find, registry().find_with_argument):
        with pytest.raises(Refused) as error:
            find(name, "here")
        assert str(error.value) == words


def test_an_argument_is_asked_for_and_refused_where_none_is_taken() -> None:
    with pytest.raises(
        Refused, match=r"^colour 'mix:' lacks its NAME: write mix:NAME, NAME being the name of"
    ):
        registry().find_with_argument("mix:")
    with pytest.raises(Refused, match=r"^there is no colour 'red:x'; did you mean red\?"):
        registry().find_with_argument("red:x")


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="two plug-ins are a colour named red"):
        registry().add("red", "#a00")


class Size(BaseModel):
    model_config = ConfigDict(extra="forbid")

    width: int = Field(gt=0)
    height: int = 1

    @field_validator("height")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 3 == 0:
            raise ValueError("no multiple of three is a height")
        return value


def test_each_wrong_parameter_has_a_line_with_the_path_of_its_key() -> None:
    with pytest.raises(Refused) as error:
        validated(Size, {"hight": 2, "height": 3}, owner="box", where="sizes.box")
    assert str(error.value).splitlines() == [
        "sizes.box.width: missing; it must be given",
        "sizes.box.height: no multiple of three is a height",
        "sizes.box.hight: unknown key; box knows width, height",
    ]
    with pytest.raises(Refused, match=r"^sizes\.box\.width: found -1; input should be greater than 0$"):
        validated(Size, {"width": -1}, owner="box", where="sizes.box")
    assert validated(Size, {"width": 2}, owner="box", where="sizes.box") == Size(width=2)
