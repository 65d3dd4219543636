"""The source of facts that reads files, by name, and names of sources held against what they have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nightdesk.core.errors import Refused
from nightdesk.core.facts import FactKind
from nightdesk.feeds.fact_feed import FACT_SOURCES, Clock, FactFeed, make_facts


def check_fact_name(name: str, kind: FactKind) -> None:
    """Refuse a name of no source, with the key of the book."""
    FACT_SOURCES.find_with_argument(name, f"feeds.{kind.name}")


def check_fact_source(name: str, kind: FactKind) -> None:
    """Refuse the name of no source, of one without facts of a kind, or a path that has no file of it.

    No key is needed and no network.

    Raises
    ------
    Refused
        With the key of the book, what was found and what is known.
    """
    made, argument = FACT_SOURCES.find_with_argument(name, f"feeds.{kind.name}")
    if made is _files:
        from nightdesk.feeds.fact_files import find_facts

        find_facts(Path(argument), kind)
    try:
        source = make_facts(name, environ={})
    except Refused:  # it has no key here, or none at all: what it says when it is asked is told then
        return
    if kind not in source.kinds:
        has = ", ".join(one.name for one in source.kinds)
        raise Refused(f"feeds.{kind.name}: {name} has no {kind.name}; it has {has}: name another source")


def _files(argument: str, environ: Mapping[str, str] | None, now: Clock) -> FactFeed:
    from nightdesk.feeds.fact_files import FilesFacts

    return FilesFacts(Path(argument), now=now)


FACT_SOURCES.add("files:PATH", _files, "a CSV file of the kind, or a folder with a file a kind")
