"""From signals to the positions that a book wants."""

from nightdesk.portfolio import allocation, atr_risk, leverage_sizing, pair_sizing, stop_risk, weight
from nightdesk.portfolio.bundles import Bundles, Legs, brought_even
from nightdesk.portfolio.filters import Dropped
from nightdesk.portfolio.risk_parity import risk_parity, sample_covariance
from nightdesk.portfolio.sizing import Ask, Sizing, make, names, register
from nightdesk.portfolio.units import Units
from nightdesk.portfolio.volatility import portfolio_returns, portfolio_volatility, volatility_contributions

__all__ = [
    "Ask",
    "Bundles",
    "Dropped",
    "Legs",
    "Sizing",
    "Units",
    "allocation",
    "atr_risk",
    "brought_even",
    "leverage_sizing",
    "make",
    "names",
    "pair_sizing",
    "portfolio_returns",
    "portfolio_volatility",
    "register",
    "risk_parity",
    "sample_covariance",
    "stop_risk",
    "volatility_contributions",
    "weight",
]
