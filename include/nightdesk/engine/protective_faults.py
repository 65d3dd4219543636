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
        When legs of bundles are to be protected by themselves, or a strategy is to say a stop or a target and
        has none among its exits.
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
        for key, planned in (("stop", plans[name].stop), ("target", plans[name].target)):
            if getattr(terms, key) == BY_STRATEGY and planned is None:
                yield (
                    f"{where}.{key}: found strategy, and {name} has no {key} among its exits; give it one in "
                    f"strategies.{name}.exits, say a share here, or leave its positions alone by "
                    f"strategies.{name}.protective: {{}}"
                )
