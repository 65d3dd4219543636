"""Terms of protective orders that would protect less than they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.exit_plan import ExitPlan
from nightdesk.core.protective_terms import BY_STRATEGY
from nightdesk.strategies import Strategy


def check_protective(book: Book, strategies: Mapping[str, Strategy], plans: Mapping[str, ExitPlan]) -> None:
    """Refuse terms that protect less than they say.

    Raises
    ------
    Refused
        When legs of bundles are to be protected by themselves, a strategy is to say a stop or a target and
        has none among its exits, or entries are to bring their exits with them that no broker takes together.
    """
    faults = list(_faults(book, strategies, plans))
    if faults:
        raise Refused("\n".join(faults))


def _faults(book: Book, strategies: Mapping[str, Strategy], plans: Mapping[str, ExitPlan]) -> Iterator[str]:
    for name, entry in book.strategies.items():
        terms, own = entry.protective or book.protective, entry.protective is not None
        where = f"strategies.{name}.protective" if own else "protective"
        if terms is None or not terms.rests:
            continue
        if strategies[name].bundles:
            if own:
                yield (
                    f"{where}: {name} trades bundles, and a stop that fills on one leg leaves the others "
                    "alone; leave it out"
                )
            continue
        if terms.bracket:
            yield from _faults_of_bracket(book, where)
        for key, planned in (("stop", plans[name].stop), ("target", plans[name].target)):
            if getattr(terms, key) == BY_STRATEGY and planned is None:
                yield (
                    f"{where}.{key}: found strategy, and {name} has no {key} among its exits; give it one in "
                    f"strategies.{name}.exits, say a share here, or leave its positions alone by "
                    f"strategies.{name}.protective: {{}}"
                )


def _faults_of_bracket(book: Book, where: str) -> Iterator[str]:
    """Why the entries of a book cannot bring their exits with them."""
    if book.orders.type != "market":
        yield (
            f"{where}.bracket: found true, and orders.type is {book.orders.type}: an entry that brings its "
            "exits is filled at the open; leave bracket out, and they rest from the next decision on, or "
            "send market orders"
        )
    parts = [symbol for symbol, one in book.universe.items() if one.unit % 1]
    if parts:
        yield (
            f"{where}.bracket: found true, and parts of a unit are traded of {', '.join(parts[:5])}"
            f"{' and others' if len(parts) > 5 else ''}: brokers take brackets of whole units; set their "
            "unit to 1, or leave bracket out, and what rests is placed by the next decision"
        )
