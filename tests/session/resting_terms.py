"""Lets a small desk protect what it holds by orders that rest at its broker."""

from pathlib import Path
from typing import Any

import yaml
from tests.session.small_desk import SmallDesk

#: Alpaca has no stops for it.
COIN = "BTC-USD"


def let_rest(desk: SmallDesk, **protective: Any) -> None:
    """Let a book protect its positions; it trades no crypto then, and changes its positions often."""
    path = Path(desk.book)
    tree = yaml.safe_load(path.read_text())
    tree["protective"] = protective
    tree["limits"]["rebalance_threshold"] = {"limit": 0.001}  # so that positions change, and what rests
    tree["universe"].pop(COIN, None)
    tree["levels"]["first_out"] = [one for one in tree["levels"]["first_out"] if one != COIN]
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
