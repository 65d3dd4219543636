"""The parameters of the sample market's stocks, written by tools/measure_stocks.py.

Measured on the bars of 2005-01-03 to 2022-12-30; all are rounded; returns are logarithmic. The residual is
what the return of SPY leaves of a return.
"""

from typing import NamedTuple


class MeasuredStock(NamedTuple):
    """What was measured of one stock."""

    sector: str
    start: float  #: close on 2015-01-02, dollars; of ten shares or a hundred, where it was under 10
    beta: float  #: slope against SPY
    residual: float  #: volatility of the residual, annualised
    shared: float  #: correlation of the residual with what its sector has in common
    drift: float  #: annual, of adjusted closes
    dividend_yield: float  #: annual
    overnight: float  #: share of the variance that falls between close and open
    reach: float  #: mean distance of high and low from open and close, in daily standard deviations
    volume: float  #: median shares a day


STOCKS: dict[str, MeasuredStock] = {
    "AAPL": MeasuredStock("technology", 27.33, 1.07, 0.26, 0.29, 0.273, 0.009, 0.39, 0.28, 1.1e08),
    "MSFT": MeasuredStock("technology", 46.76, 1.04, 0.19, 0.28, 0.141, 0.019, 0.35, 0.29, 2.7e07),
    "NVDA": MeasuredStock("technology", 50.32, 1.51, 0.38, 0.58, 0.244, 0.005, 0.31, 0.29, 4.2e06),
    "AMD": MeasuredStock("technology", 26.7, 1.51, 0.5, 0.4, 0.062, 0, 0.31, 0.3, 5.1e06),
    "ORCL": MeasuredStock("technology", 44.33, 0.97, 0.2, 0.18, 0.111, 0.01, 0.39, 0.31, 1.2e07),
    "CRM": MeasuredStock("technology", 59.24, 1.26, 0.33, 0.33, 0.193, 0, 0.3, 0.29, 4.9e06),
    "GOOGL": MeasuredStock("communication", 26.48, 1.01, 0.23, 0.16, 0.159, 0, 0.4, 0.28, 3.2e07),
    "DIS": MeasuredStock("communication", 93.75, 1.04, 0.19, 0.16, 0.075, 0.011, 0.35, 0.29, 8.1e06),
    "AMZN": MeasuredStock("consumer discretionary", 15.43, 1.12, 0.31, 0.05, 0.202, 0, 0.4, 0.28, 7.1e07),
    "HD": MeasuredStock("consumer discretionary", 103.43, 0.98, 0.18, 0.81, 0.135, 0.024, 0.29, 0.31, 4.1e06),
    "MCD": MeasuredStock("consumer discretionary", 93.26, 0.64, 0.16, 0.13, 0.145, 0.028, 0.34, 0.31, 3.4e06),
    "TGT": MeasuredStock("consumer discretionary", 75.33, 0.89, 0.25, 0.33, 0.081, 0.022, 0.36, 0.29, 4.3e06),
    "BKNG": MeasuredStock("consumer discretionary", 1142.06, 1.1, 0.33, 0.04, 0.247, 0, 0.38, 0.29, 400000),
    "PG": MeasuredStock("staples", 90.44, 0.58, 0.14, 0.54, 0.084, 0.028, 0.32, 0.33, 7.3e06),
    "KO": MeasuredStock("staples", 42.14, 0.6, 0.14, 0.62, 0.093, 0.03, 0.35, 0.32, 1.3e07),
    "PEP": MeasuredStock("staples", 94.44, 0.58, 0.14, 0.8, 0.097, 0.027, 0.29, 0.34, 4.3e06),
    "COST": MeasuredStock("staples", 141.61, 0.71, 0.18, 0.19, 0.145, 0.02, 0.33, 0.32, 2.1e06),
    "JPM": MeasuredStock("financials", 62.49, 1.4, 0.25, 0.85, 0.096, 0.027, 0.3, 0.25, 1.3e07),
    "BAC": MeasuredStock("financials", 17.9, 1.67, 0.35, 0.8, 0.003, 0.022, 0.35, 0.22, 6.1e07),
    "WFC": MeasuredStock("financials", 54.7, 1.42, 0.3, 0.79, 0.044, 0.028, 0.33, 0.24, 2e07),
    "GS": MeasuredStock("financials", 194.41, 1.34, 0.24, 0.55, 0.08, 0.014, 0.34, 0.27, 2.7e06),
    "SCHW": MeasuredStock("financials", 30.22, 1.33, 0.26, 0.41, 0.121, 0.012, 0.27, 0.31, 7.3e06),
    "JNJ": MeasuredStock("health", 104.52, 0.56, 0.13, 0.62, 0.086, 0.028, 0.31, 0.34, 6.7e06),
    "UNH": MeasuredStock("health", 100.78, 0.94, 0.25, 0.24, 0.15, 0.011, 0.28, 0.3, 3.1e06),
    "LLY": MeasuredStock("health", 70.06, 0.72, 0.2, 0.54, 0.137, 0.033, 0.33, 0.32, 3.5e06),
    "ABT": MeasuredStock("health", 44.9, 0.68, 0.18, 0.48, 0.112, 0.024, 0.33, 0.33, 5.6e06),
    "MRK": MeasuredStock("health", 54.57, 0.71, 0.2, 0.49, 0.11, 0.037, 0.33, 0.33, 1e07),
    "AMGN": MeasuredStock("health", 159.89, 0.73, 0.22, 0.42, 0.094, 0.016, 0.32, 0.33, 2.7e06),
    "DHR": MeasuredStock("health", 57.61, 0.9, 0.16, 0.16, 0.144, 0.003, 0.32, 0.32, 2.9e06),
    "BA": MeasuredStock("industrials", 129.95, 1.17, 0.27, 0.42, 0.093, 0.02, 0.36, 0.27, 4.9e06),
    "CAT": MeasuredStock("industrials", 91.88, 1.16, 0.23, 0.39, 0.116, 0.026, 0.36, 0.3, 3.9e06),
    "GE": MeasuredStock("industrials", 120.1, 1.12, 0.25, 0.38, -0.04, 0.028, 0.41, 0.28, 1.1e07),
    "HON": MeasuredStock("industrials", 95.56, 1.04, 0.16, 0.61, 0.126, 0.023, 0.34, 0.3, 2.8e06),
    "XOM": MeasuredStock("energy", 92.83, 0.95, 0.2, 0.85, 0.077, 0.033, 0.33, 0.29, 1.5e07),
    "CVX": MeasuredStock("energy", 112.58, 1.06, 0.2, 0.85, 0.108, 0.037, 0.31, 0.28, 7.5e06),
    "NEE": MeasuredStock("utilities", 26.67, 0.72, 0.19, 0, 0.153, 0.03, 0.26, 0.32, 7.5e06),
}
