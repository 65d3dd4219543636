"""The plain loop with its weights given: what every other engine is set beside."""

import told
from benchmarks import plain_loop


def run(task: told.PeerTask) -> float:
    """Equity at the last close."""
    return float(plain_loop.run_given(task.close, task.weights, task.threshold)[-1])


told.tell(run)
