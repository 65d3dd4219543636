"""Plug-ins by name: entered once, found with one error for a name that nobody has."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from nightdesk.core.documents import quoting_hint, shortened
from nightdesk.core.errors import Refused
from nightdesk.core.plug_in import PlugIn, importing, search


class Registry[T]:
    """The plug-ins of one kind: the package's own, and those of the user.

    Parameters
    ----------
    kind : str
        What one of them is called, for errors: "strategy", "feed".
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._plug_ins: dict[str, T] = {}
        self._arguments: dict[str, tuple[str, str]] = {}
        self._sources: dict[str, PlugIn | None] = {}
        self._contested: dict[str, str] = {}

    def add(self, name: str, plug_in: T, argument: str = "") -> None:
        """Enter a plug-in.

        Parameters
        ----------
        name : str
            As books give it; ``files:PATH`` where it is given with an argument.
        plug_in : object
            A class, or a function that makes one: what is imported late is imported there.
        argument : str
            What the argument is, for errors.

        Raises
        ------
        Refused
            When the name of a user's plug-in is taken. Where another plug-in has it, neither is found by it.
        ValueError
            When the package enters a name twice.
        """
        key, _, placeholder = name.partition(":")
        source = importing()
        if key in self._plug_ins:
            raise self._collision(key, source, plug_in)
        self._plug_ins[key] = plug_in
        self._arguments[key] = (placeholder, argument)
        self._sources[key] = source
        if source is not None:
            source.undo.append(lambda: self._remove(key))
            source.entered.append((self.kind, name))

    def __contains__(self, name: str) -> bool:
        return name in self._plug_ins

    def __iter__(self) -> Iterator[T]:
        return iter(self._plug_ins.values())

    def names(self) -> tuple[str, ...]:
        """Names as books give them, sorted; of a user's plug-ins those that were imported so far."""
        return tuple(sorted(f"{key}:{one}" if one else key for key, (one, _) in self._arguments.items()))

    def source(self, name: str) -> PlugIn | None:
        """The user's file or package behind a name, with or without its argument; None for the package's own.

        A name that nobody has yet is searched for; None too where that is in vain.
        """
        key = name.partition(":")[0]
        if key not in self._plug_ins:
            search()
        return self._sources.get(key)

    def place(self, name: str) -> str:
        """Where a plug-in is from, in words."""
        key = name.partition(":")[0]
        source = self._sources.get(key)
        return "the package itself" if source is None else source.place

    def find(self, name: str, where: str = "") -> T:
        """The plug-in of a name that is given without an argument.

        Parameters
        ----------
        name : str
        where : str
            Where the name stands, for errors.

        Raises
        ------
        Refused
            When there is none, with the nearest name or all that are known, where a user's are looked for and
            which of them could not be imported; or when two of the user's plug-ins have the name.
        """
        looked = () if name in self._plug_ins else search()
        self.refuse_contested(name, where)
        if name not in self._plug_ins:
            raise unknown(self.kind, name, self.names(), where, looked)
        return self._plug_ins[name]

    def find_with_argument(self, name: str, where: str = "") -> tuple[T, str]:
        """The plug-in of a name, and what stands behind its colon; raises as `find`.

        Raises
        ------
        Refused
            Also when the argument is missing, or the plug-in takes none.
        """
        key, _, argument = name.partition(":")
        looked = () if key in self._plug_ins else search()
        self.refuse_contested(key, where)
        placeholder, what = self._arguments.get(key, ("", ""))
        if placeholder and not argument:
            put = f"{self.kind} {name!r} lacks its {placeholder}: write {key}:{placeholder}"
            raise Refused(_at(where, f"{put}, {placeholder} being {what}" if what else put))
        if key not in self._plug_ins or (":" in name and not placeholder):
            raise unknown(self.kind, name, self.names(), where, looked)
        return self._plug_ins[key], argument

    def refuse_contested(self, name: str, where: str = "") -> None:
        """Refuse a name that two of the user's plug-ins have, with both places."""
        if name in self._contested:
            raise Refused(_at(where, self._contested[name]))

    def _collision(self, key: str, source: PlugIn | None, plug_in: T) -> Exception:
        there = self._sources[key]
        if source is None:
            return ValueError(f"two plug-ins are a {self.kind} named {key}: {self._plug_ins[key]}, {plug_in}")
        if there is not None:
            self._contested[key] = (
                f"two plug-ins are a {self.kind} named {key}: {there.place} and {source.place}; rename one"
            )
            there.undo.append(lambda: self._contested.pop(key, None))
            return Refused(self._contested[key])
        return Refused(f"the package has a {self.kind} named {key} already: give this one another name")

    def _remove(self, key: str) -> None:
        for table in (self._plug_ins, self._arguments, self._sources):
            table.pop(key, None)


def unknown(
    kind: str, name: str, known: Collection[str], where: str = "", looked: Collection[str] = ()
) -> Refused:
    """The error of a name that nothing has; `looked` says where plug-ins were looked for, and what failed."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    words = f"there is no {kind} {name!r}; {hint}"
    if looked:
        words = f"{words}{'' if near else ';'} {'; '.join(looked)}"
    return Refused(_at(where, words))


def validated[P: BaseModel](params: type[P], given: Mapping[str, Any], *, owner: str, where: str) -> P:
    """The parameters of a plug-in, checked.

    Parameters
    ----------
    params : type
        The plug-in's own.
    given : mapping
        As the book gives them; those left out have the plug-in's defaults.
    owner : str
        Name of the plug-in, for errors.
    where : str
        Path of the parameters in the book.

    Raises
    ------
    Refused
        A line for each that is unknown, missing or impossible, with the path of its key.
    """
    try:
        return params.model_validate(dict(given))
    except ValidationError as error:
        lines = [_describe(params, owner, where, dict(one)) for one in error.errors()]
        raise Refused("\n".join(lines)) from error


def _describe(params: type[BaseModel], owner: str, where: str, error: Mapping[str, Any]) -> str:
    key = ".".join([where, *(str(part) for part in error["loc"])])
    match error["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key; {owner} knows {', '.join(params.model_fields) or 'no parameters'}"
        case "missing":
            return f"{key}: missing; it must be given"
        case "value_error":
            return f"{key}: {error['ctx']['error']}"
    words = f"{error['msg'][0].lower()}{error['msg'][1:]}{quoting_hint(error)}"
    return f"{key}: found {shortened(error['input'])}; {words}"


def _at(where: str, words: str) -> str:
    return f"{where}: {words}" if where else words
