"""What a corporate action is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

#: What a corporate action is; see `Action`.
ActionKind = Literal[
    "split", "dividend", "capital_gain", "return_of_capital", "adjustment", "accept",
    "symbol_change", "merger", "spin_off", "delisting",
]  # fmt: skip
ACTION_KINDS: tuple[ActionKind, ...] = get_args(ActionKind)

#: Actions that change what a position is, or its cost, beside its quantity: the ledger books them from
#: `Panel.events`, as it books splits and dividends from their arrays.
EVENT_KINDS: tuple[ActionKind, ...] = (
    "capital_gain", "return_of_capital", "spin_off", "symbol_change", "merger", "delisting",
)  # fmt: skip

#: Those after which the symbol is not traded any more.
ENDINGS: tuple[ActionKind, ...] = ("symbol_change", "merger", "delisting")

#: Those of them by which a holder has another symbol afterwards, where their value is not 0.
SUCCEEDING_KINDS: frozenset[ActionKind] = frozenset({"symbol_change", "merger", "spin_off"})


@dataclass(frozen=True)
class Action:
    """A corporate action of `symbol` from the open of its ex-date on, or a person's word on its price.

    =================  ======================================  ===========================  =================
    kind               value                                   other                        cash
    =================  ======================================  ===========================  =================
    split              shares after for one before
    dividend           dollars a share
    capital_gain       dollars a share, paid by a fund
    return_of_capital  dollars a share, out of the cost basis
    adjustment         ratio by which the source's adjusted
                       close grew against its close
    accept             1: a person takes the price of the day
                       as it is
    symbol_change      new shares for one old                  the new symbol
    merger             shares of the other for one, 0 if none  who took it over; empty if   dollars a share
                                                               paid in cash alone
    spin_off           shares of the other for one             the new symbol               worth of one of
                                                                                            them, dollars
    delisting          0                                                                    dollars a share
                                                                                            that are paid out
    =================  ======================================  ===========================  =================

    `note` says in words who stated it and why, or how it was inferred; empty where a source just gives it.
    """

    symbol: str
    day: np.datetime64
    kind: ActionKind
    value: float
    other: str = ""
    cash: float = 0.0
    note: str = ""
