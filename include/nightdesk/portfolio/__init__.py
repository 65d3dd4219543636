"""From signals to the positions that a book wants."""

from nightdesk.portfolio import allocation, atr_risk, weight
from nightdesk.portfolio.filters import Dropped
from nightdesk.portfolio.risk_parity import risk_parity, sample_covariance
from nightdesk.portfolio.sizing import Ask, Sizing, make, names, register
from nightdesk.portfolio.units import Units
from nightdesk.portfolio.volatility import portfolio_returns, portfolio_volatility, volatility_contributions

__all__ = [
    "Ask",
    "Dropped",
    "Sizing",
    "Units",
    "allocation",
    "atr_risk",
    "make",
    "names",
    "portfolio_returns",
    "portfolio_volatility",
    "register",
    "risk_parity",
    "sample_covariance",
    "volatility_contributions",
    "weight",
]
