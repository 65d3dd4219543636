"""The sample market's parameters, written by tools/measure_market.py.

Measured on the bars of 2005-01-03 to 2022-12-30; all are rounded; returns are logarithmic. Crypto is
measured by the UTC day, all others by the session.
"""

from typing import NamedTuple


class MeasuredSymbol(NamedTuple):
    """What was measured of one symbol."""

    start: float  #: close on 2015-01-02, dollars
    volatility: float  #: annualised, of adjusted returns
    drift: float  #: annual, of adjusted closes
    dividend_yield: float  #: annual
    overnight: float  #: share of the variance that falls between close and open
    reach: float  #: mean distance of high and low from open and close, in daily standard deviations
    volume: float  #: median units a day
    stress_beta: float  #: slope against SPY on sessions of VIX above 30


SYMBOLS: dict[str, MeasuredSymbol] = {
    "GLD": MeasuredSymbol(114.08, 0.179, 0.076, 0, 0.49, 0.24, 7.6e06, 0.02),
    "SPY": MeasuredSymbol(205.43, 0.196, 0.084, 0.019, 0.36, 0.26, 7.9e07, 1),
    "QQQ": MeasuredSymbol(102.94, 0.219, 0.114, 0.008, 0.33, 0.27, 3.4e07, 0.94),
    "BTC-USD": MeasuredSymbol(315.03, 0.742, 0.496, 0, 0, 0.27, 720000, 1.2),
    "SLV": MeasuredSymbol(15.11, 0.319, 0.028, 0, 0.52, 0.24, 1.1e07, 0.32),
    "XLK": MeasuredSymbol(20.64, 0.223, 0.113, 0.014, 0.4, 0.26, 1.9e07, 0.99),
    "XLF": MeasuredSymbol(20.09, 0.308, 0.039, 0.021, 0.36, 0.22, 5.2e07, 1.44),
    "XLE": MeasuredSymbol(39.76, 0.312, 0.078, 0.028, 0.34, 0.27, 3.8e07, 1.28),
    "XLV": MeasuredSymbol(68.63, 0.171, 0.101, 0.017, 0.37, 0.3, 8.8e06, 0.7),
    "TLT": MeasuredSymbol(127.32, 0.146, 0.038, 0.031, 0.46, 0.24, 9.7e06, -0.26),
    "TIP": MeasuredSymbol(112.73, 0.063, 0.032, 0.031, 0.38, 0.27, 1.4e06, -0.03),
    "EFA": MeasuredSymbol(60.58, 0.22, 0.04, 0.028, 0.56, 0.19, 2.2e07, 1.02),
    "EEM": MeasuredSymbol(38.77, 0.29, 0.049, 0.019, 0.46, 0.2, 5.2e07, 1.26),
    "DBC": MeasuredSymbol(18.23, 0.199, 0.007, 0.006, 0.48, 0.27, 1.8e06, 0.44),
    "VNQ": MeasuredSymbol(82.22, 0.303, 0.065, 0.043, 0.2, 0.23, 4.5e06, 1.38),
}

#: Correlations below the diagonal, by row, on sessions of VIX below 25.
CALM = (
    (0.06,),
    (0.04, 0.89),
    (0.05, 0.08, 0.09),
    (0.82, 0.19, 0.15, 0.08),
    (0.04, 0.89, 0.95, 0.10, 0.15),
    (-0.04, 0.82, 0.63, 0.05, 0.08, 0.63),
    (0.21, 0.61, 0.43, 0.04, 0.29, 0.42, 0.48),
    (0.00, 0.78, 0.68, 0.02, 0.09, 0.64, 0.60, 0.37),
    (0.17, -0.28, -0.21, 0.02, 0.06, -0.21, -0.36, -0.27, -0.20),
    (0.30, -0.13, -0.10, 0.03, 0.21, -0.09, -0.23, -0.03, -0.11, 0.75),
    (0.22, 0.84, 0.72, 0.06, 0.32, 0.71, 0.69, 0.59, 0.63, -0.26, -0.06),
    (0.23, 0.76, 0.69, 0.04, 0.32, 0.67, 0.61, 0.57, 0.53, -0.21, -0.05, 0.82),
    (0.42, 0.30, 0.20, 0.04, 0.47, 0.21, 0.19, 0.63, 0.12, -0.17, 0.10, 0.39, 0.38),
    (0.09, 0.65, 0.53, 0.03, 0.17, 0.50, 0.61, 0.32, 0.49, -0.04, 0.01, 0.55, 0.51, 0.12),
)

#: The same on sessions of VIX above 30.
STRESS = (
    (0.03,),
    (0.01, 0.95),
    (0.25, 0.53, 0.55),
    (0.76, 0.28, 0.24, 0.32),
    (0.02, 0.95, 0.97, 0.54, 0.24),
    (-0.04, 0.87, 0.79, 0.49, 0.15, 0.79),
    (0.11, 0.88, 0.79, 0.46, 0.33, 0.81, 0.75),
    (0.02, 0.88, 0.84, 0.46, 0.26, 0.82, 0.70, 0.75),
    (0.16, -0.46, -0.44, -0.07, -0.03, -0.44, -0.40, -0.41, -0.41),
    (0.25, -0.12, -0.16, 0.17, 0.23, -0.15, -0.09, -0.04, -0.10, 0.60),
    (0.08, 0.94, 0.88, 0.60, 0.31, 0.88, 0.83, 0.86, 0.80, -0.43, -0.10),
    (0.09, 0.90, 0.86, 0.55, 0.30, 0.85, 0.80, 0.83, 0.73, -0.42, -0.14, 0.93),
    (0.29, 0.59, 0.54, 0.27, 0.48, 0.53, 0.49, 0.71, 0.46, -0.34, 0.02, 0.59, 0.59),
    (0.02, 0.83, 0.78, 0.44, 0.18, 0.77, 0.88, 0.70, 0.66, -0.36, -0.14, 0.79, 0.78, 0.48),
)
