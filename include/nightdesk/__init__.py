"""Nightdesk: a trading desk that works after the close."""

from collections.abc import Sequence

from nightdesk.core.plug_in import search_with


def _search() -> Sequence[str]:
    from nightdesk.plug_ins import search

    return search()


search_with(_search)
