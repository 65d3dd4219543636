"""What a split of its underlying makes of an option, by the rules of the Options Clearing Corporation.

A split of a whole number of shares for one multiplies the contracts and divides their strike, which is
rounded to the cent: each is a standard contract again. Any other split, a reverse one included, leaves
contracts, strike and multiplier, and changes what a contract delivers; its symbol's root gets a digit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from nightdesk.core.contracts import Contract, OptionTerms
from nightdesk.core.errors import Refused
from nightdesk.core.money import CENT, exact

#: Characters of a root.
_LONGEST_ROOT = 6
#: Of ratios as floats.
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class AdjustedContract:
    """What one contract becomes: `contracts` of `symbol`, which is a `contract`."""

    symbol: str
    contracts: int
    contract: Contract


def adjusted(symbol: str, contract: Contract, ratio: float) -> AdjustedContract:
    """What a contract becomes when its underlying splits.

    Parameters
    ----------
    symbol : str
        An OCC symbol.
    contract : Contract
        Of an option.
    ratio : float
        Units of the underlying after for one before.

    Raises
    ------
    Refused
        When the contract was adjusted before, would deliver a fraction of a unit, or its strike or symbol
        would be none.
    """
    terms = contract.option
    if terms is None:
        raise ValueError(f"{symbol} is no option")
    root = terms.root_of(symbol)
    why = f"{symbol} is on {contract.underlying}, which splits ({ratio:g} for one)"
    if root[-1].isdigit():
        raise Refused(
            f"{why}: the contract was adjusted before, and what becomes of it then is said by the clearing "
            "house alone: close it before"
        )
    whole = round(ratio)
    if whole >= 2 and math.isclose(ratio, whole, rel_tol=_SAME):
        strike = (terms.strike / whole).quantize(CENT, ROUND_HALF_UP)
        if not strike:
            raise Refused(f"{why}: its strike would be nothing; close it before")
        return _with_terms(terms.symbol_of(root, strike), contract, whole)
    delivered = (contract.delivered * exact(ratio)).quantize(Decimal("1e-6"))
    if delivered != delivered.to_integral_value() or not delivered:
        raise Refused(
            f"{why}: a contract would deliver {_plain(delivered)} units, and the fraction is paid out by the "
            "clearing house at a price of its own: close it before"
        )
    if len(root) == _LONGEST_ROOT:
        raise Refused(
            f"{why}: its root has {_LONGEST_ROOT} characters and no room for a digit: close it before"
        )
    changed = replace(contract, deliverable=delivered.to_integral_value())
    return _with_terms(terms.symbol_of(f"{root}1", terms.strike), changed, 1)


def _with_terms(symbol: str, contract: Contract, contracts: int) -> AdjustedContract:
    style = "american" if contract.option is None else contract.option.style
    return AdjustedContract(symbol, contracts, replace(contract, option=OptionTerms.of(symbol, style)))


def unnamed_words(becomes: AdjustedContract, named: Mapping[str, Contract]) -> str:
    """In words, why a universe does not hold what a contract becomes; empty where it does."""
    line = becomes.contract
    wanted = f"{{asset_class: option, underlying: {line.underlying}, multiplier: {_plain(line.multiplier)}"
    if line.delivered != line.multiplier:
        wanted += f", deliverable: {_plain(line.delivered)}"
    if line.option is not None and line.option.style == "european":
        wanted += ", style: european"
    known = named.get(becomes.symbol)
    if known is None:
        return f"put {becomes.symbol}: {wanted}, max_weight: …}} into the book's universe"
    if (known.multiplier, known.delivered, known.option, known.underlying) != (
        line.multiplier,
        line.delivered,
        line.option,
        line.underlying,
    ):
        return f"correct {becomes.symbol} in the book's universe: it is {wanted}}}"
    return ""


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
