"""The splits that the store knows, for a feed that divides its prices by splits and states none."""

from __future__ import annotations

from collections.abc import Callable

from nightdesk.feeds.feed import KnownSplits
from nightdesk.store.action_rows import live_actions
from nightdesk.store.bar_rows import first_told
from nightdesk.store.db import Connection

#: The feeds that state no split: what only they have told says nothing about splits.
WITHOUT_SPLITS = ("ibkr",)


def splits_in_store(conn: Connection) -> Callable[[str], KnownSplits | None]:
    """Gives the splits of a symbol since the first day that a feed which states splits has told of; None
    where there is none.
    """

    def known(symbol: str) -> KnownSplits | None:
        first = first_told(conn, symbol, WITHOUT_SPLITS)
        if first is None:
            return None
        ratios = {one.session: float(one.value) for one in live_actions(conn, symbol, kind="split")}
        return KnownSplits(first, ratios)

    return known
