"""How options end: in shares where they are in the money at their expiry, else worth nothing.

Who exercises buys (a call) or sells (a put) the multiplier's units of the underlying at the strike; who is
assigned is the other side of it. The option's leg gives its cost to the leg of shares: a premium is no profit
by itself then, it is part of what the shares cost or bring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from nightdesk.accounting.exercise_notices import EARLY
from nightdesk.accounting.ledger import Entry, EntryKind, Ledger, Position
from nightdesk.accounting.period import Period
from nightdesk.core.contract_adjustment import adjusted, unnamed_words
from nightdesk.core.contracts import Contract, OptionTerms
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO, exact, to_cents, to_price
from nightdesk.core.panel import Action


def expiry(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    """The entries of the contracts that expire at the close of a period, after its fills.

    Raises
    ------
    Refused
        When the underlying has no price at that close, by which the contract ends, or a contract is held
        whose last session is over.
    """
    entries: list[Entry] = []
    for position in sorted(ledger.held(), key=lambda one: (one.symbol, one.strategy)):
        contract = period.terms.contracts.get(position.symbol)
        if contract is None or contract.option is None:
            continue
        if position.symbol in period.expiring:
            entries += _ended(position, contract, contract.option, period)
        elif contract.option.expiry < period.session:
            raise Refused(
                f"{position.symbol} is held on {period.session} and expired on {contract.option.expiry}: it "
                "came into the book after its last session; take it out as the broker has it, by "
                "`nightdesk adopt`"
            )
    return tuple(entries)


def _ended(position: Position, contract: Contract, terms: OptionTerms, period: Period) -> tuple[Entry, ...]:
    close = period.prices.get(contract.underlying)
    if close is None or not close > 0:
        raise Refused(
            f"{position.symbol} expires on {period.session} and {contract.underlying} has no price at that "
            f"close, which says whether it is in the money: store the bars of {contract.underlying}"
        )
    if in_the_money(contract, terms, exact(close)):
        return delivered(position, position.quantity, contract, terms, period.session)
    reference = f"expiry-{position.symbol}-{period.session}"
    whose = (position.strategy, position.symbol)
    return (Entry(period.session, "expiry", *whose, -position.quantity, ZERO, ZERO, ZERO, reference),)


def in_the_money(contract: Contract, terms: OptionTerms, price: Decimal) -> bool:
    """Whether exercise brings anything at a price of the underlying; at the strike it does not.

    What is delivered is compared with what is paid for it: of an adjusted contract these are other numbers of
    units.
    """
    worth, paid = contract.delivered * price, contract.multiplier * terms.strike
    return worth > paid if terms.right == "call" else worth < paid


def delivered(
    position: Position,
    quantity: Decimal,
    contract: Contract,
    terms: OptionTerms,
    session: date,
    *,
    early: bool = False,
) -> tuple[Entry, Entry]:
    """Both legs of an exercise (of a long position) or an assignment (of a short one).

    Parameters
    ----------
    position : Position
        In the option.
    quantity : Decimal
        Signed contracts of it that end, with the sign of the position.
    contract, terms
        What they are on.
    session : date
        When they end.
    early : bool
        Whether that is before their expiry: what is left of the position may end by it in the same session.
    """
    kind: EntryKind = "exercise" if quantity > 0 else "assignment"
    whole = quantity == position.quantity
    cost = position.cost if whole else to_cents(position.cost * quantity / position.quantity)
    signed = quantity if terms.right == "call" else -quantity
    units, paid = signed * contract.delivered, signed * contract.multiplier * terms.strike
    reference, strike = f"{EARLY * early}{kind}-{position.symbol}-{session}", to_price(paid / units)
    who, cash = position.strategy, to_cents(-paid)
    return (
        Entry(session, kind, who, position.symbol, -quantity, ZERO, ZERO, ZERO, reference, -cost),
        Entry(session, kind, who, contract.underlying, units, strike, cash, ZERO, reference, cost),
    )


def refuse_unadjusted(
    ledger: Ledger, splits: Mapping[str, float], contracts: Mapping[str, Contract], events: Sequence[Action]
) -> None:
    """Refuse to hold a contract through a split of its underlying where nothing says what it becomes.

    Raises
    ------
    Refused
        With the contract, and what to do.
    """
    changed = {one.symbol for one in events if one.kind == "symbol_change"}
    for position in ledger.held():
        contract = contracts.get(position.symbol)
        if contract is None or contract.option is None or contract.underlying not in splits:
            continue
        if position.symbol not in changed:
            ratio = splits[contract.underlying]
            becomes = adjusted(position.symbol, contract, ratio)
            raise Refused(
                f"{position.symbol} is held while {contract.underlying} splits ({ratio:g} for one), and one "
                f"becomes {becomes.contracts} {becomes.symbol}: {unnamed_words(becomes, contracts)}, or "
                "close it before"
            )
