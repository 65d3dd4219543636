"""The grid of a sweep: how its axes are read, its points, its neighbours."""

import pytest

from nightdesk.core.errors import Refused
from nightdesk.research.sweep.grid import MOST_POINTS, Axis, neighbours, points, read_axis


@pytest.mark.parametrize(
    ("text", "values", "ordered"),
    [
        ("a.b=0.15,0.10, 0.2", ("0.10", "0.15", "0.2"), True),
        ("a=10,9,-1", ("-1", "9", "10"), True),
        ("a=split,shared", ("split", "shared"), False),
        ("a=true,false", ("true", "false"), False),
        ("a=1,null", ("1", "null"), False),
        ("a=7", ("7",), True),
        ("a=[0.2, 0.1]", ("0.1", "0.2"), True),
        ("levels.at=[[0.05, 0.1], [0.1, 0.2]]", ("[0.05, 0.1]", "[0.1, 0.2]"), False),
        ("orders=[{type: market}]", ("{type: market}",), False),
    ],
)
def test_values_are_a_comma_list_or_a_yaml_list_and_numbers_ascend(text, values, ordered):
    key = text.partition("=")[0]
    assert read_axis(text) == Axis(key, values, ordered)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "is not KEY=V1,V2"),
        ("=1,2", "is not KEY=V1,V2"),
        ("a=", "is not KEY=V1,V2"),
        ("a=1,,2", "a: a value is missing in '1,,2'"),
        ("a=1,2,1", "a: 1 is given twice"),
        ("a=[1, 2", "a: '[1, 2' is not a YAML list"),
        ("a=[]", "a: '[]' is not a list of values"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_refused(text, said):
    with pytest.raises(Refused) as refused:
        read_axis(text)
    assert said in str(refused.value)


def test_the_points_are_all_combinations_and_the_last_axis_runs_fastest():
    axes = [read_axis("a=1,2"), read_axis("b=x,y")]
    assert points(axes) == [
        {"a": "1", "b": "x"},
        {"a": "1", "b": "y"},
        {"a": "2", "b": "x"},
        {"a": "2", "b": "y"},
    ]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ([], "--set KEY=V1,V2"),
        (["a=1,2", "a=3"], "a is set twice"),
        ([f"{key}={','.join(map(str, range(101)))}" for key in "ab"], f"at most {MOST_POINTS:,}"),
    ],
    ids=["none", "twice", "too many"],
)
def test_a_grid_that_is_none_is_refused(axes, said):
    with pytest.raises(Refused) as refused:
        points([read_axis(text) for text in axes])
    assert said in str(refused.value)


def test_neighbours_are_one_step_of_a_number_away_or_any_other_word():
    axes = [read_axis("n=1,2,3,4"), read_axis("w=x,y,z")]
    assert neighbours(axes, {"n": "1", "w": "y"}) == [
        {"n": "2", "w": "y"},
        {"n": "1", "w": "x"},
        {"n": "1", "w": "z"},
    ]
    assert [one["n"] for one in neighbours(axes[:1], {"n": "3"})] == ["2", "4"]
