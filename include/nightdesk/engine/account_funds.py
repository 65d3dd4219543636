"""What the accounts of a book have to spend in a decision, where it has several."""

from __future__ import annotations

import numpy as np

from nightdesk.accounting.account_marks import account_marks
from nightdesk.accounting.ledger import exposure, unrealised
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import ZERO
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Day, State
from nightdesk.risk import AccountFunds


def put_up(desk: Desk, state: State, day: Day) -> dict[str, float]:
    """Dollars that positions on margin keep from being spent, by account: their collateral and their losses.

    What they have gained is not counted before it is realised.
    """
    out: dict[str, float] = {}
    for position in state.ledger.held():
        contract = desk.contracts.get(position.symbol, PLAIN)
        if contract.on_margin:
            price = float(day.price[desk.column[position.symbol]])
            collateral = abs(exposure(position, price, contract)) * contract.collateral
            kept = float(collateral - min(unrealised(position, price, contract), ZERO))
            account = desk.account_of.get(position.symbol, desk.accounts[0])
            out[account] = out.get(account, 0.0) + kept
    return out


def account_funds(desk: Desk, state: State, day: Day) -> AccountFunds | None:
    """Cash and worth of each account at the decision's prices; None in a book of one account."""
    if len(desk.accounts) == 1:
        return None
    held = {one.symbol: float(day.price[desk.column[one.symbol]]) for one in state.ledger.held()}
    marks = account_marks(state.ledger, held, desk.accounts, desk.account_of, desk.contracts)
    bound = put_up(desk, state, day)
    return AccountFunds(
        names=desk.accounts,
        code=desk.account_codes,
        cash=np.array([float(one.cash) - bound.get(one.account, 0.0) for one in marks]),
        nav=np.array([float(one.nav) for one in marks]),
    )
