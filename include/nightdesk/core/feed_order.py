"""Which sources are asked for a symbol, in order: one list for all of a book, or a list a symbol or class.

It is written like `routes`: by a symbol, by an asset class, by `index` (what cannot be traded, such as the
volatility index), or as `default`; a symbol's own comes first, then its class's, then the default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from nightdesk.core.asset_classes import CLASSES, DEFAULT

#: The class of a symbol that cannot be traded.
INDEX = "index"

#: So many symbols are named where more of them are meant.
_NAMED = 5


def _form(said: Any) -> str:
    return "[by key]" if isinstance(said, Mapping) else "[for all]"


FeedNames = Annotated[tuple[str, ...], Field(min_length=1)]
#: The forms have tags in brackets, which are no part of the path of a key.
FeedOrder = Annotated[
    Annotated[tuple[str, ...], Tag("[for all]")] | Annotated[dict[str, FeedNames], Tag("[by key]")],
    Discriminator(_form),
]
FeedChoice = Annotated[
    Annotated[str | None, Tag("[for all]")] | Annotated[dict[str, str], Tag("[by key]")],
    Discriminator(_form),
]


def of_symbol[T](said: T | Mapping[str, T], symbol: str, asset_class: str) -> T | None:
    """What is said of a symbol: the one value for all, else its own, its class's or the default.

    None where nothing is said of it.
    """
    key = key_of(said, symbol, asset_class)
    if isinstance(said, Mapping):
        return None if key is None else said[key]
    return said


def key_of(said: object, symbol: str, asset_class: str) -> str | None:
    """The key by which something is said of a symbol; None where there is none, or one value for all."""
    if not isinstance(said, Mapping):
        return None
    return next((key for key in (symbol, asset_class, DEFAULT) if key in said), None)


def named_feeds(said: tuple[str, ...] | Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Every source of an order once, in the order in which they stand."""
    lists: Iterable[tuple[str, ...]] = said.values() if isinstance(said, Mapping) else (said,)
    return tuple(dict.fromkeys(name for names in lists for name in names))


def order_words(said: tuple[str, ...] | Mapping[str, tuple[str, ...]]) -> str:
    """An order as people read it: ``polygon, yahoo``, or ``crypto: binance; default: polygon, yahoo``."""
    if isinstance(said, Mapping):
        return "; ".join(f"{key}: {', '.join(names)}" for key, names in said.items())
    return ", ".join(said)


def order_faults(path: str, said: object, classes: Mapping[str, str], *, whole: bool) -> Iterator[str]:
    """What is wrong with an order, or a choice, by symbol and class: a line each with the path of the key.

    Parameters
    ----------
    path : str
        The key of the book.
    said : object
        Its value; one for all symbols has no such faults.
    classes : mapping of symbol to asset class
        What it is about.
    whole : bool
        Whether something must be said of every symbol.
    """
    if not isinstance(said, Mapping):
        return
    if not said:
        yield f"{path}: found nothing; name a list by a symbol, an asset class or {DEFAULT}"
        return
    for key in said:
        if key not in classes and key not in (*CLASSES, INDEX, DEFAULT):
            yield (
                f"{path}.{key}: a key is a symbol of the book, an asset class ({', '.join(CLASSES)}), "
                f"{INDEX} (the volatility index) or {DEFAULT}"
            )
    lost = [f"{one} ({its})" for one, its in classes.items() if key_of(said, one, its) is None]
    if whole and lost:
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        yield (
            f"{path}: {', '.join(lost[:_NAMED])}{more} would be asked of no source; name one by symbol, by "
            f"asset class, or as {DEFAULT}"
        )
