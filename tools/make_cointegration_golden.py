"""Make tests/golden/cointegration.csv.gz: Engle-Granger tests by statsmodels, which the desk has no part in.

statsmodels is no package of the project, so this runs in an environment of its own:

    uv venv .statsmodels && VIRTUAL_ENV=.statsmodels uv pip install statsmodels
    .statsmodels/bin/python tools/make_cointegration_golden.py

The pairs are made of the raw bits of a counter, by sums alone, so that every machine makes the same ones; the
file holds the answers. Half of the pairs have 126 rows, half 252.
"""

from __future__ import annotations

import csv
import gzip
import io
import warnings
from pathlib import Path

import numpy as np

PAIRS = 500
ROWS = (126, 252)
#: A pair in turn is: two random walks; two that share a part of their steps; one that follows the other, and
#: comes back to it in a few sessions or in many; one whose spread has a trend in its changes.
KINDS = ("independent", "common", "quick", "slow", "lagged")
OUT = Path(__file__).resolve().parents[1] / "tests" / "golden" / "cointegration.csv.gz"


def made_pair(number: int) -> tuple[np.ndarray, np.ndarray]:
    """The log prices of a pair."""
    rows, kind = ROWS[number % 2], KINDS[number // 2 % len(KINDS)]
    bits = np.random.Philox(key=number).random_raw(8 * rows).reshape(8, rows)
    # Sums of four even numbers in [-0.5, 0.5) are nearly normal, with a deviation of 0.58.
    even = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53 - 0.5
    steps = 0.02 * (even[:4] + even[4:])
    b = 4.0 + np.cumsum(steps[0] + steps[1])
    if kind == "independent":
        return 3.0 + np.cumsum(steps[2] + steps[3]), b
    if kind == "common":
        return 3.0 + np.cumsum(0.9 * (steps[0] + steps[1]) + steps[2]), b
    decay, momentum = {"quick": (0.6, 0.0), "slow": (0.95, 0.0), "lagged": (0.9, 0.5)}[kind]
    spread = np.zeros(rows)
    for t in range(2, rows):
        carried = momentum * (spread[t - 1] - spread[t - 2])
        spread[t] = decay * spread[t - 1] + carried + steps[2, t]
    return 1.0 + 1.1 * b + spread, b


def main() -> None:
    """Write the golden file."""
    import statsmodels
    from statsmodels.tsa.stattools import coint

    warnings.simplefilter("ignore")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["pair", "kind", "rows", "t", "p", "t_turned", "p_turned"])
    for number in range(PAIRS):
        a, b = made_pair(number)
        answers = [coint(*one, trend="c", maxlag=1, autolag="aic")[:2] for one in ((a, b), (b, a))]
        numbers = [f"{value:.16g}" for one in answers for value in one]
        writer.writerow([number, KINDS[number // 2 % len(KINDS)], len(a), *numbers])
    OUT.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    print(f"{OUT}: {PAIRS} pairs, statsmodels {statsmodels.__version__}")


if __name__ == "__main__":
    main()
