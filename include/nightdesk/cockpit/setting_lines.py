"""A book's settings as YAML lines, each part marked that the book states otherwise than the default."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from nightdesk.core.book import Book
from nightdesk.core.masking import mask_document

#: A mapping of plain values stands on one line up to so many characters.
LONGEST_LINE = 200
#: Words that YAML reads as they are.
_PLAIN = re.compile(r"[A-Za-z^/][\w./^-]*( [\w./-]+)*")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line; `differs` where the book states it, and the default is another or none."""

    text: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class SettingLine:
    """A line of YAML: how deep it is indented, and its parts."""

    depth: int
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The line as YAML has it."""
        return "  " * self.depth + "".join(one.text for one in self.pieces)


def setting_lines(book: Book) -> tuple[SettingLine, ...]:
    """All keys of a validated book, with every default filled in.

    Read as YAML they are the book's values. A key without a default counts as one that differs.
    """
    whole = _as_written(mask_document(book.model_dump()))
    return tuple(_lines(whole, _as_written(book.model_dump(exclude_defaults=True)), 0))


def _as_written(tree: dict[str, Any]) -> dict[str, Any]:
    """The keys of a book's file: where it names a list of members, or a screen, that is its universe."""
    written = {key: value for key, value in tree.items() if key != "members"}
    return written if tree.get("members") is None else {**written, "universe": tree["members"]}


def _lines(tree: Mapping[str, Any], stated: Any, depth: int) -> Iterator[SettingLine]:
    for key, value in tree.items():
        differs = isinstance(stated, Mapping) and key in stated
        own = stated[key] if differs else None
        name = f"{_word(str(key))}:"
        if _is_of_mappings(value):
            yield SettingLine(depth, (Piece(name, differs),))
            yield from (SettingLine(depth + 1, (Piece(f"- {_flow(one)}", differs),)) for one in value)
            continue
        if not isinstance(value, Mapping) or not value:
            yield SettingLine(depth, (Piece(f"{name} {_flow(value)}", differs),))
            continue
        pieces = tuple(_on_one_line(value, own)) if _is_flat(value) else ()
        if pieces and sum(len(one.text) for one in pieces) + len(name) <= LONGEST_LINE:
            yield SettingLine(depth, (Piece(f"{name} "), *pieces))
        else:
            yield SettingLine(depth, (Piece(name),))
            yield from _lines(value, own, depth + 1)


def _is_of_mappings(value: Any) -> bool:
    """Whether it is a list with a mapping in it, which stands on a line an entry."""
    return isinstance(value, list) and any(isinstance(one, Mapping) for one in value)


def _is_flat(tree: Mapping[str, Any]) -> bool:
    """Whether nothing in a mapping needs lines of its own."""
    nested = ((isinstance(value, Mapping) and value) or _is_of_mappings(value) for value in tree.values())
    return not any(nested)


def _on_one_line(tree: Mapping[str, Any], stated: Any) -> Iterator[Piece]:
    yield Piece("{")
    for n, (key, value) in enumerate(tree.items()):
        if n:
            yield Piece(", ")
        yield Piece(f"{_word(str(key))}: {_flow(value)}", isinstance(stated, Mapping) and key in stated)
    yield Piece("}")


def _flow(value: Any) -> str:
    """A value on one line; words are quoted where YAML would read them as something else."""
    match value:
        case Enum():
            return _flow(value.value)
        case str():
            return _word(value)
        case Mapping():
            return "{" + ", ".join(f"{_word(str(key))}: {_flow(one)}" for key, one in value.items()) + "}"
        case list() | tuple() | set() | frozenset():
            return f"[{', '.join(map(_flow, value))}]"
        case None | bool() | int() | float():
            return json.dumps(value)
    return str(value)  # exact numbers and days


def _word(text: str) -> str:
    plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _RESERVED
    return text if plain else json.dumps(text, ensure_ascii=False)
