"""From signals to the positions that a book wants."""

from nightdesk.portfolio import weight
from nightdesk.portfolio.sizing import Ask, Sizing, make, names, register
from nightdesk.portfolio.units import Units
from nightdesk.portfolio.volatility import portfolio_volatility

__all__ = ["Ask", "Sizing", "Units", "make", "names", "portfolio_volatility", "register", "weight"]
