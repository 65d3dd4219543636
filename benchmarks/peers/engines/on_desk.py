"""The desk's walk with its steps on arrays, weights given."""

import told
from benchmarks import backtest


def run(task: told.PeerTask) -> float:
    """Equity at the last close."""
    return float(backtest.run_given_steps(task.close, task.weights, task.threshold)[-1])


told.tell(run)
