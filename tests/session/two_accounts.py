"""A small desk whose book has two accounts: `main` for most symbols, and another for some."""

from pathlib import Path
from typing import Any

import yaml
from tests.session.small_desk import SmallDesk

#: Dollars that lie in the other account at first.
IN_OTHER = 30_000

#: What the other account is called, and what goes there.
OTHER = "coins"


def with_two_accounts(
    desk: SmallDesk,
    *others: str,
    capital: int = IN_OTHER,
    main: dict[str, Any] | None = None,
    other: dict[str, Any] | None = None,
) -> None:
    """Let the symbols `others` go to a paper account of their own.

    Parameters
    ----------
    desk : SmallDesk
        Not begun yet.
    others : str
        Symbols, or asset classes.
    capital : int
        Dollars that lie in the other account at first.
    main, other : dict, optional
        Keys of the two accounts in place of those of a paper account.
    """
    tree = yaml.safe_load(Path(desk.book).read_text())
    total = int(tree["initial_capital"])
    broker = tree.pop("broker")
    tree["accounts"] = {
        "main": {**(main or broker), "capital": total - capital},
        OTHER: {**(other or {"account": "paper-coins"}), "capital": capital},
    }
    tree["routes"] = {**dict.fromkeys(others, OTHER), "default": "main"}
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))
