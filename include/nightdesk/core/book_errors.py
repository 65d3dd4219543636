"""What is wrong with a book, in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from nightdesk.core.documents import quoting_hint, shortened


def describe(error: Mapping[str, Any], *known: type[BaseModel]) -> str:
    """One error of a validation: the path of the key, what was found, what is allowed.

    Parameters
    ----------
    error : mapping
        As `pydantic.ValidationError.errors` gives it.
    known : type of BaseModel
        Their keys, and those of all that they hold, are what an unknown key is compared with.
    """
    # what stands in brackets says of which form a value is, and is no key
    parts = (str(part) for part in error["loc"])
    path = ".".join(part for part in parts if not part.startswith("[")) or "the book"
    found = error.get("input")
    if error["type"] == "extra_forbidden":
        return (
            f"{path}: unknown key{_suggestion(str(error['loc'][-1]), known)}; remove it or correct its name"
        )
    if error["type"] == "missing":
        return f"{path}: missing; it must be given"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"]) if path == "the book" else f"{path}: {error['ctx']['error']}"
    words = f"{error['msg'][0].lower()}{error['msg'][1:]}{quoting_hint(error)}"
    return f"{path}: found {shortened(found)}; {words}"


def _suggestion(word: str, known: tuple[type[BaseModel], ...]) -> str:
    keys = {name for model in known for name in _keys(model)}
    close = difflib.get_close_matches(word, sorted(keys), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _keys(model: type[BaseModel]) -> Iterator[str]:
    """The names of a model's fields and of those of every model in them."""
    for name, field in model.model_fields.items():
        yield name
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _keys(part)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def as_written(error: dict[str, Any]) -> dict[str, Any]:
    """An error of the keys of a list of members, with their path as the file has it."""
    first, *rest = error["loc"] or ("",)
    if first != "members":
        return error
    if rest or error["type"] != "value_error":
        return {**error, "loc": ("universe", *rest)}
    lines = str(error["ctx"]["error"]).splitlines()
    return {**error, "loc": (), "ctx": {"error": "\n".join(f"universe.{line}" for line in lines)}}
