"""Files that people write: how much of one is read, and YAML without its traps.

A file that is none, is far too large, or unfolds without end is refused by itself, in one sentence, before
it costs time or memory: what else is read beside it goes on.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Hashable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from yaml._yaml import CParser

from nightdesk.core.errors import Refused

#: A book of 5,000 symbols has half of it.
MOST_BYTES = 1_000_000
#: Values of a document once its aliases are unfolded, and how deep they may lie in each other.
MOST_VALUES = 200_000
MOST_NESTED = 40

#: What YAML 1.1 reads as a number of base 8 or 60; the books' numbers are decimal.
_OTHER_BASE = re.compile(r"[-+]?0[0-7_]+|.*:.*")


def read_bytes(path: Path, most: int, what: str) -> bytes:
    """The content of a regular file of at most `most` bytes; `what` names it in errors.

    Raises
    ------
    Refused
        When it is no regular file (a folder, a pipe, a device), is larger, or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "a pipe or a device"
            raise Refused(f"{path}: found {kind}, expected {what}: put a plain file in its place")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise Refused(f"{path}: {what} cannot be read ({error.strerror}): name a file") from error
    if len(content) > most:
        raise Refused(
            f"{path}: {what} has at most {most:,} bytes, found more ({path.stat().st_size:,}): "
            "name another file, or make it smaller"
        )
    return content


def read_text(path: Path, most: int, what: str) -> str:
    """The text of a regular file in UTF-8, unpacked where its name ends in ``.gz``; `most` bytes either way.

    Raises
    ------
    Refused
        As `read_bytes`; also when it is no text in UTF-8, no gzip, or unpacks to more.
    """
    content = read_bytes(path, most, what)
    try:
        if path.suffix == ".gz":
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(most + 1)
        if len(content) > most:
            raise Refused(f"{path}: {what} has at most {most:,} bytes, and it unpacks to more: cut it up")
        return content.decode("utf-8-sig")
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise Refused(f"{path}: no text in UTF-8: {error}: write {what} anew") from error


def read_yaml(text: str, source: str) -> Any:
    """The values of one YAML document.

    A key that is given twice is refused, and so is a plain word or number that YAML 1.1 reads as something
    else: ``ON``, ``NO`` and ``yes`` (true, false), ``0700`` (448), ``1:30`` (90).

    Raises
    ------
    Refused
        With `source`, the line, and what to write instead.
    """
    loader = _QuickLoader(text)
    try:
        return _values(loader, text)
    except _Trap as trap:
        raise Refused(f"{source}, line {trap.line}: {trap}") from trap
    except yaml.YAMLError as error:
        raise Refused(f"{source}: not a YAML document: {error}") from error
    except (ValueError, OverflowError) as error:  # a date like 2024-02-30
        raise Refused(f"{source}: not a YAML document: {error}; put words in quotes") from error
    finally:
        loader.dispose()


def _values(quick: _QuickLoader, text: str) -> Any:
    """The values of a document; of one that is none the slow loader has the last word, and better ones."""
    try:
        return quick.get_single_data()
    except (yaml.YAMLError, UnicodeError):
        slow = _PlainLoader(text)
        try:
            return slow.get_single_data()
        finally:
            slow.dispose()


def quoting_hint(error: Mapping[str, Any]) -> str:
    """What to add to a validation error (of pydantic) of a word that YAML has read as something else."""
    found = error.get("input")
    if error.get("type") == "string_type" and isinstance(found, bool | int | float | date):
        return "; put it in quotes where a word is meant"
    return ""


def shortened(value: object) -> str:
    """A value as Python writes it, cut after 200 characters: a message is read by people."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


class _Trap(Exception):
    """A place of a document that is refused, with its line (from 1)."""

    def __init__(self, words: str, node: yaml.Node) -> None:
        super().__init__(words)
        self.line = node.start_mark.line + 1


class _PlainLoader(yaml.SafeLoader):
    """A loader that refuses what plain YAML silently reads as something else, or unfolds without end."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._begin()

    def _begin(self) -> None:
        self._depth = 0
        self._weights: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise yaml.composer.ComposerError(
                None, None, f"values lie in each other more than {MOST_NESTED} deep"
            )
        alias = self.check_event(yaml.events.AliasEvent)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and alias and id(node) not in self._weights:
            raise _Trap("an anchor holds an alias of itself: write the values out", node)
        if node is not None and not alias:
            self._weights[id(node)] = self._weigh(node)
        return node

    def _weigh(self, node: yaml.Node) -> int:
        """How many values a node stands for once every alias in it is unfolded."""
        if isinstance(node, yaml.ScalarNode):
            return 1
        pairs = isinstance(node, yaml.MappingNode)
        inner = [part for pair in node.value for part in pair] if pairs else node.value
        weight = 1 + sum(self._weights[id(one)] for one in inner)
        if weight > MOST_VALUES:
            raise _Trap(f"its aliases unfold to more than {MOST_VALUES:,} values: write fewer of them", node)
        return weight

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                if not isinstance(key_node, yaml.ScalarNode):
                    raise _Trap(f"found the key {shortened(key)}, expected a word", key_node)
                text = key_node.value
                raise _Trap(
                    f'the key {text} is read as {shortened(key)}: put it in quotes ("{text}")', key_node
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_bool(self, node: yaml.ScalarNode) -> bool:
        value = bool(super().construct_yaml_bool(node))
        if node.value.lower() not in ("true", "false"):
            meant = "true" if value else "false"
            raise _Trap(
                f'found {node.value}, which YAML reads as {meant}: put it in quotes ("{node.value}") where '
                f"a word is meant, or write {meant}",
                node,
            )
        return value

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value: int = super().construct_yaml_int(node)
        self._refuse_other_base(node, value)
        return value

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        value: float = super().construct_yaml_float(node)
        self._refuse_other_base(node, value)
        return value

    def _refuse_other_base(self, node: yaml.ScalarNode, value: float) -> None:
        if _OTHER_BASE.fullmatch(node.value):
            raise _Trap(
                f'found {node.value}, which YAML reads as {value}: put it in quotes ("{node.value}") where '
                f"a word is meant, or write the number as {value}",
                node,
            )


for _tag in ("bool", "int", "float"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", getattr(_PlainLoader, f"construct_yaml_{_tag}"))


class _QuickLoader(_PlainLoader):
    """The same loader over what libyaml reads, in a fifth of the time: each task reads its book twice."""

    def __init__(self, text: str) -> None:
        self._events = CParser(text)
        yaml.composer.Composer.__init__(self)
        yaml.constructor.SafeConstructor.__init__(self)
        yaml.resolver.Resolver.__init__(self)
        self._begin()

    def check_event(self, *choices: Any) -> bool:
        return bool(self._events.check_event(*choices))

    def peek_event(self) -> Any:
        return self._events.peek_event()

    def get_event(self) -> Any:
        return self._events.get_event()

    def dispose(self) -> None:
        self._events.dispose()
