"""The kill matrix: the process that plans and sends is killed between any two statements, and tried again.

``python -m tests.matrices.kill`` prints a row for each statement boundary, from the one at which the orders
are written to the one at which they are known as sent. At each the process is killed once exactly there and
20 times up to 30 ms later; then a new process runs the interrupted step again, as a retry does, and what the
broker and the tables hold is compared with what was decided.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from tests.matrices.killing import Killing, Moment
from tests.matrices.killing_resting import KillingBrackets, KillingResting
from tests.matrices.parts import WORKERS, in_parts
from tests.matrices.scenes import alpaca_desks, ibkr_desks
from tests.matrices.table import table

HEAD = (
    "#", "killed before", "kills", "ended first", "orders", "sent before", "found again", "sent after",
    "violations",
)  # fmt: skip

#: So often a kill that came too late is tried again, each time sooner; then it is made exactly there.
_TRIES = 6


@dataclass
class Row:
    """What was seen at one boundary.

    Attributes
    ----------
    name : str
        Of the boundary.
    kills : int
        How many processes were killed at it or after it.
    ended_first : int
        How many ended before the kill came; they are looked at too.
    orders : int
        How many orders had to be at the broker in the end, once each.
    sent_before, sent_after : int
        How many of them the interrupted process had sent, and the ones after it.
    found : int
        How many the later process found at the broker without having known it.
    violations : list of str
        What was not as it must be.
    """

    name: str
    kills: int = 0
    ended_first: int = 0
    orders: int = 0
    sent_before: int = 0
    found: int = 0
    sent_after: int = 0
    violations: list[str] = field(default_factory=list)

    def cells(self) -> tuple[object, ...]:
        """As it is printed."""
        counts = (self.kills, self.ended_first, self.orders, self.sent_before, self.found, self.sent_after)
        return (self.name, *counts, len(self.violations))


def row_of(killing: Killing, moments: Sequence[Moment], times: int, *, settle: bool) -> Row:
    """Kill at a boundary, once exactly there and `times` times soon after it.

    Parameters
    ----------
    killing : Killing
        The desk.
    moments : sequence of Moment
        The times at which a run passes the boundary; they take turns.
    times : int
        How often besides.
    settle : bool
        Whether the next session is settled after the first kill. Where the orders stand as they have never
        stood before, it is settled in any case.
    """
    row = Row(moments[0].boundary.name)
    for trial in range(1 + times):
        moment = moments[trial % len(moments)]
        for n in range(_TRIES + 1):
            delay = None if trial == 0 or n == _TRIES else killing.delay(moment) / 2**n
            seen = killing.kill(moment, delay)
            row.kills += seen.killed
            row.ended_first += not seen.killed
            row.orders += seen.orders
            row.sent_before += seen.sent_before
            row.found += seen.found
            row.sent_after += seen.sent_after
            row.violations += seen.violations
            if seen.killed or delay is None:
                break
        row.violations += killing.settle(moment, always=settle and trial == 0)
    return row


@dataclass(frozen=True)
class Part:
    """What one process has done: its rows, of how many in all, and how many sessions it has settled."""

    rows: list[Row]
    points: int
    settled: int


def part_of(
    number: int,
    *,
    parts: int,
    times: int,
    seed: int,
    settle: bool,
    two_accounts: bool,
    broker: str,
    resting: bool,
    brackets: bool,
) -> Part:
    """Every `parts`-th row, on a desk of its own; see `row_of`."""
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    desks = ibkr_desks() if broker == "ibkr" else alpaca_desks(two_accounts=two_accounts)
    with desks as make_desk:
        kind = KillingBrackets if brackets else KillingResting if resting else Killing
        killing = kind(make_desk(), seed + number)
        mine = list(killing.points.values())[number::parts]
        rows = [row_of(killing, moments, times, settle=settle) for moments in mine]
    return Part(rows, len(killing.points), killing.settled)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the matrix; 1 when anything was violated."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.matrices.kill", description="Print the kill matrix."
    )
    parser.add_argument("--times", type=int, default=20, help="random kills at each boundary (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--workers", type=int, default=WORKERS, help=f"processes (default: {WORKERS})")
    parser.add_argument(
        "--settle-new", action="store_true", help="settle only where the orders stand as never before"
    )
    parser.add_argument("--accounts", action="store_true", help="of a book with a paper account besides")
    parser.add_argument("--broker", choices=("alpaca", "ibkr"), default="alpaca", help="whose fake is asked")
    parser.add_argument("--resting", action="store_true", help="of a book whose stops rest at the broker")
    parser.add_argument("--brackets", action="store_true", help="of a book whose entries bring their stops")
    chosen = parser.parse_args(arguments)
    if chosen.accounts and chosen.broker != "alpaca":
        parser.error("--accounts is for --broker alpaca")
    began = time.perf_counter()
    known = {"times": chosen.times, "seed": chosen.seed, "settle": not chosen.settle_new}
    known |= {"two_accounts": chosen.accounts, "broker": chosen.broker, "resting": chosen.resting}
    known["brackets"] = chosen.brackets
    parts = in_parts(partial(part_of, parts=chosen.workers, **known), chosen.workers)
    [points] = {part.points for part in parts}
    rows = [parts[n % chosen.workers].rows[n // chosen.workers] for n in range(points)]
    print(table(HEAD, [(n, *row.cells()) for n, row in enumerate(rows, 1)]))
    violations = [f"{row.name}: {one}" for row in rows for one in row.violations]
    print(
        f"\n{len(rows)} boundaries, {sum(row.kills for row in rows)} kills, "
        f"{sum(row.orders for row in rows)} orders to be there once, "
        f"{sum(part.settled for part in parts)} sessions settled, "
        f"{len(violations)} violations, {time.perf_counter() - began:.0f} s"
    )
    for one in violations:
        print(f"VIOLATION {one}")
    return 1 if violations or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
