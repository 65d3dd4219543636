"""The project's `.env`: settings and secrets as lines `NAME=value`, read by a parser and not by a shell.

A value is what stands there, so an address with `&`, `?` or `#` needs no quotes. What a shell or docker
compose would make something else of, and what cannot be read, is told with its line, never with its value.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from nightdesk.core.errors import Refused

FILE = ".env"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Begins what docker compose and shells take for a variable or a command.
_EXPANDED = re.compile("[$`]")


@dataclass(frozen=True)
class EnvFile:
    """What a file says.

    Parameters
    ----------
    path : Path
        The file.
    values : mapping of str to str
        Of the lines that were understood.
    faults : tuple of str
        What is wrong with each of the others: line, and what was expected.
    """

    path: Path
    values: dict[str, str]
    faults: tuple[str, ...] = ()

    def fill(self, environ: MutableMapping[str, str]) -> None:
        """Give an environment the values that it lacks: what it has already wins."""
        for name, value in self.values.items():
            environ.setdefault(name, value)

    def refuse_faults(self) -> None:
        """Raise `Refused` with every fault, where there is one."""
        if self.faults:
            raise Refused("\n".join(f"{self.path}, {fault}" for fault in self.faults))


def read_env_file(path: Path) -> EnvFile:
    """Read a file of settings; one that does not exist says nothing.

    Raises
    ------
    Refused
        When it is not UTF-8.
    OSError
        When it cannot be read.
    """
    if not path.exists():
        return EnvFile(path, {})
    from dotenv.parser import parse_stream

    try:
        with path.open(encoding="utf-8") as file:
            bindings = list(parse_stream(file))
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: byte {error.start} is not UTF-8: save the file as UTF-8") from None
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    faults: list[str] = []
    for one in bindings:
        text = one.original.string
        # The parser counts empty lines before a statement as its beginning.
        line = one.original.line + text[: len(text) - len(text.lstrip())].count("\n")
        fault = None if one.key is None and not one.error else _fault(one.key, one.value, text, lines)
        if fault is not None:
            faults.append(f"line {line}: {fault}")
        elif one.key is not None and one.value is not None:
            values[one.key], lines[one.key] = one.value, line
    return EnvFile(path, values, tuple(faults))


def _fault(name: str | None, value: str | None, text: str, lines: dict[str, int]) -> str | None:
    """What is wrong with a statement; None when nothing is."""
    if name is None or value is None:
        return "expected NAME=value, and after a closing quote nothing but a comment"
    if not _NAME.fullmatch(name):
        return "expected NAME=value, the name of letters, digits and underscores"
    if name in lines:
        return f"{name} is set in line {lines[name]} already: leave one (addresses of a route share a line)"
    if not text.partition("=")[2].lstrip().startswith("'") and _EXPANDED.search(value):
        return (
            f"a $ or ` in the value of {name} would be a variable or a command to docker compose or a shell, "
            f"and is none here: write {name}='...', in single quotes it is itself for all of them"
        )
    return None
