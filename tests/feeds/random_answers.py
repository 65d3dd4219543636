"""Answers of vendors that a random fault has changed, for tests of whatever a feed makes of them."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

#: What stands where something else was expected.
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, -0.0, 1e308, -1e308, 10**30, "", "x", "NaN", "inf", "-1", "1e400", "0.5",
    "2024-06-06", "9999-12-31T00:00:00.000Z", 4102444800000, [], {}, [[]], [None], {"code": -1003}, "\u0000",
    float("nan"), float("inf"),
)  # fmt: skip


def places_of(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that a document holds, its own first."""
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [at, *(place for key, one in inner for place in places_of(one, (*at, key)))]


def _changed(document: Any, place: tuple[Any, ...], how: str, junk: Any) -> Any:
    if not place:
        return junk
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    key = place[-1]
    if how == "gone":
        del holder[key]
    elif how == "twice" and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif how == "reversed" and isinstance(holder[key], list):
        holder[key].reverse()
    else:
        holder[key] = junk
    return document


@st.composite
def answers_like(draw: st.DrawFn, document: Any) -> str:
    """The text of an answer like a good one, with one to three changes; now and then cut off."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places_of(changed)))
        how = draw(st.sampled_from(("gone", "twice", "reversed", "other", "other")))
        junk = copy.deepcopy(draw(st.sampled_from(JUNK)))  # what stands in an answer is changed further
        changed = _changed(changed, place, how, junk)
    text = json.dumps(changed)
    cut = draw(st.one_of(st.none(), st.integers(0, len(text)))) if draw(st.integers(0, 9)) == 0 else None
    return text[:cut]
