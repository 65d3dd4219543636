"""Which code decides: the package's version with a digest of its source, and of a book's own plug-ins."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from nightdesk.core.plug_in import PlugIn, known

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.engine import Desk


def code_version(desk: Desk | None = None) -> str:
    """Version and digest of the source, such as ``0.1.0+3f9c2a41d07b``: any edit changes it.

    Parameters
    ----------
    desk : Desk, optional
        A book. Where it names plug-ins of the user's, a digest of their source follows a dot: an edit of a
        plug-in that it does not name changes nothing.
    """
    package = _of_the_package()
    own = () if desk is None else plug_ins_of(desk)
    if not own:
        return package
    digest = hashlib.sha256("\0".join(f"{one.module}\0{one.digest}" for one in own).encode())
    return f"{package}.{digest.hexdigest()[:12]}"


def plug_ins_of(desk: Desk) -> tuple[PlugIn, ...]:
    """The user's files and packages that a book names something of, sorted by module."""
    found = {*_outside(desk.book)}
    if known():
        found |= {*_inside(desk)}
    return tuple(sorted(_there(found), key=lambda one: one.module))


def is_older(package: str, current: str | None, *, is_known: bool) -> bool:
    """Whether a version of the package is older than the one that is a desk's.

    It is where it has worked before and another one has become the desk's since, or where the number of its
    release is lower. Of two versions of one release the digests do not say which is newer.

    Parameters
    ----------
    package : str
        Without plug-ins.
    current : str or None
        The desk's; None before any has worked.
    is_known : bool
        Whether `package` has worked, or was announced, before.
    """
    if current is None or package == current:
        return False
    return is_known or _release(package) < _release(current)


def _release(package: str) -> tuple[int, ...]:
    """The numbers of a release, such as (0, 1, 0)."""
    return tuple(map(int, re.findall(r"\d+", package.partition("+")[0])))


def _there(found: Iterable[PlugIn | None]) -> Iterator[PlugIn]:
    return (one for one in found if one is not None)


def _outside(book: Book) -> Iterator[PlugIn | None]:
    """Of what is found only when it is needed: a desk that was resolved has not asked for it."""
    from nightdesk.core.feed_order import named_feeds
    from nightdesk.feeds.feed_registry import FEEDS

    for name in (*named_feeds(book.feeds.daily), *named_feeds(book.feeds.hourly)):
        yield FEEDS.source(name)
    named = [one.funding for one in book.universe.values() if one.funding]
    if named:
        from nightdesk.feeds.funding_sources import FUNDING_SOURCES

        yield from map(FUNDING_SOURCES.source, named)
    if book.feeds.news:
        from nightdesk.feeds.news_sources import NEWS_SOURCES
        from nightdesk.scorers import SCORERS

        for name in book.feeds.news:
            yield NEWS_SOURCES.source(name)
        yield SCORERS.source(book.sentiment.scorer)
    yield from _of_facts(book)
    if not book.simulated:
        from nightdesk.brokers import BROKERS

        kinds = dict.fromkeys(book.entry_of(name).kind for name in book.account_names)
        yield from (BROKERS.source(kind) for kind in kinds if kind != "paper")


def _of_facts(book: Book) -> Iterator[PlugIn | None]:
    """The sources of facts beside prices."""
    from nightdesk.core.facts import FACT_KINDS

    names = [name for kind in FACT_KINDS for name in getattr(book.feeds, kind)]
    if names:
        from nightdesk.feeds.fact_feed import FACT_SOURCES

        for name in names:
            yield FACT_SOURCES.source(name)


def _inside(desk: Desk) -> Iterator[PlugIn | None]:
    from nightdesk.accounting.period import ACCRUAL_KINDS
    from nightdesk.factors.factor_registry import plug_ins_of as plug_ins_of_factor
    from nightdesk.portfolio.sizing import METHODS
    from nightdesk.risk.rule import RULES
    from nightdesk.strategies.strategy_registry import STRATEGIES

    for name, method in desk.sizing.items():
        yield STRATEGIES.source(desk.book.strategies[name].kind or name)
        yield METHODS.source(method.name)
    for name in desk.book.accruals:
        yield ACCRUAL_KINDS.source(name)
    for rule in desk.rules:
        yield RULES.source(rule.name)
    for factor in desk.factor_names:
        yield from plug_ins_of_factor(factor)


@cache
def _of_the_package() -> str:
    return f"{version('nightdesk')}+{_digest(Path(__file__).parent)}"


def _digest(folder: Path) -> str:
    """The first 12 hexadecimal digits of a SHA-256 over names and contents of the folder's Python files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
