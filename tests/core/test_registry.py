"""Plug-ins by name, and the one error for a name that nobody has."""

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nightdesk.core import plug_in
from nightdesk.core.errors import Refused
from nightdesk.core.registry import Registry, validated


@pytest.fixture(autouse=True)
def _nobody_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plug_in, "_searches", [])


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


def test_an_unknown_name_says_where_plug_ins_were_looked_for_and_what_failed() -> None:
    plug_in.search_with(lambda: ("looked for in plugins/own", "plugins/own/a.py, line 1: no"))
    for name, near in (("gren", "did you mean green?"), ("blue", "known are green, mix:NAME, red;")):
        with pytest.raises(Refused) as error:
            registry().find(name)
        assert str(error.value) == (
            f"there is no colour {name!r}; {near} looked for in plugins/own; plugins/own/a.py, line 1: no"
        )


def test_a_known_name_is_found_without_a_search() -> None:
    def refuse() -> tuple[str, ...]:
        raise AssertionError("it was searched for")

    plug_in.search_with(refuse)
    assert registry().find("red") == "#f00"
    assert registry().find_with_argument("mix:a")[0] == "#888"
    assert registry().source("red") is None


def test_what_a_plug_in_has_entered_is_its_own_and_goes_with_it() -> None:
    known, one = registry(), plug_in.PlugIn("own.a", "plugins/own/a.py", "0")
    with plug_in.imported(one):
        known.add("blue", "#00f")
    assert (known.find("blue"), known.source("blue"), known.place("blue")) == ("#00f", one, one.place)
    assert one.entered == [("colour", "blue")]
    one.take_back()
    assert "blue" not in known
    assert known.source("blue") is None


def test_a_plug_in_that_fails_leaves_nothing_behind() -> None:
    known = registry()

    def module() -> None:
        with plug_in.imported(plug_in.PlugIn("own.a", "a.py", "0")):
            known.add("blue", "#00f")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        module()
    assert known.names() == ("green", "mix:NAME", "red")


def test_a_plug_in_may_not_have_a_name_of_the_package() -> None:
    known = registry()
    with (
        pytest.raises(Refused, match="the package has a colour named red already"),
        plug_in.imported(plug_in.PlugIn("own.a", "a.py", "0")),
    ):
        known.add("red", "#a00")
    assert known.find("red") == "#f00"


def test_a_name_that_two_plug_ins_have_is_refused_with_both_places_until_one_is_gone() -> None:
    known, one = registry(), plug_in.PlugIn("own.a", "a.py", "0")
    with plug_in.imported(one):
        known.add("blue:NAME", "#00f")
    with pytest.raises(Refused), plug_in.imported(plug_in.PlugIn("own.b", "b.py", "0")):
        known.add("blue:NAME", "#00e")
    for find in (known.find, known.find_with_argument):
        with pytest.raises(
            Refused, match=r"^here: two plug-ins are a colour named blue: a.py and b.py; rename"
        ):
            find("blue", "here")
    one.take_back()
    with pytest.raises(Refused, match="there is no colour 'blue'"):
        known.find("blue")


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
