"""The fault matrix: every way in which the broker can answer badly meets every operation of the desk.

``python -m tests.matrices.fault`` prints what came of each: once with a single bad answer, once with bad
answers until Airflow has given the step up and a person has cleared it. After it the desk lives on for two
sessions, and orders, executions, positions and cash are compared with the account. Stories besides: answers
that stay old for evenings, a person who trades in the account as well, and the account itself: clocks, what
bars it, and orders of others.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from enum import Enum
from functools import partial

from tests.matrices.account import STORIES as ACCOUNT_STORIES
from tests.matrices.account import try_story
from tests.matrices.broker_faults import READ_SECONDS, AlpacaFaults, IbkrFaults
from tests.matrices.faulting import ATTEMPTS, Cell, hurried, try_cell
from tests.matrices.operations import Operation, operations
from tests.matrices.parts import WORKERS, in_parts
from tests.matrices.scenes import alpaca_desks, ibkr_desks
from tests.matrices.stories import KINDS, Stories, tell_stories
from tests.matrices.table import table

#: The bad answers of each broker, the rows of its tables.
FAULTS = {"alpaca": AlpacaFaults.every, "ibkr": IbkrFaults.every}

#: The kinds of bad answers, by whether they last, as their tables are headed.
WAYS = {False: "one bad answer", True: f"bad answers, {ATTEMPTS} times at most"}

#: The kinds of stories, as their tables are headed, with their columns.
CAME = "what came of it"
STORIES = {**KINDS, "story of the account": (CAME,)}

#: What stands where an operation and a fault take no turn.
NOT_TRIED = Cell("")

#: By whether the bad answers last, fault and operation.
Cells = dict[tuple[bool, str, str], Cell]


def part_of(
    number: int, *, parts: int, brief: bool, two_accounts: bool, broker: str
) -> tuple[list[tuple[str, str]], Cells, Stories]:
    """Name and purpose of the columns, and every `parts`-th row of cells and story, on desks of its own."""
    cells: Cells = {}
    faults = FAULTS[broker]
    at_alpaca = alpaca_desks(silence=1.5 * READ_SECONDS, two_accounts=two_accounts)
    with at_alpaca if broker == "alpaca" else ibkr_desks() as make_desk:
        with hurried():
            columns = operations(make_desk)
            sent = next(one.stage for one in columns if one.name == "cancel by the switch")
            stories: Stories = {}
            if broker == "alpaca":
                stories = tell_stories(sent, brief=brief, number=number, parts=parts)
            if brief:
                columns = [one for one in columns if one.in_brief != "none"]
        for lasting in (False,) if brief else (False, True):
            with hurried(tries=1 if lasting else None):
                for n in range(number, len(faults), parts):
                    for column in _meeting(columns, n) if brief else columns:
                        if not column.desk.faults.meets(column.endpoint, faults[n]):
                            continue
                        cell = try_cell(column, faults[n], lasting=lasting, further=not brief)
                        cells[lasting, name_of(faults[n]), column.name] = cell
        with hurried():
            told = [one for one in ACCOUNT_STORIES if (one.main or not brief) and broker == "alpaca"]
            stories |= {(one.name, CAME): try_story(one, columns[0]) for one in told[number::parts]}
    return [(one.name, one.does) for one in columns], cells, stories


def _meeting(columns: list[Operation], n: int) -> list[Operation]:
    """The operations that the fault of number `n` meets where there is little time."""
    turns = [one for one in columns if one.in_brief == "by turns"]
    return [one for one in columns if one.in_brief == "each" or one is turns[n % len(turns)]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the matrix; 1 when anything was violated."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.matrices.fault", description="Print the fault matrix."
    )
    parser.add_argument("--workers", type=int, default=WORKERS, help=f"processes (default: {WORKERS})")
    parser.add_argument(
        "--brief",
        action="store_true",
        help="single bad answers, the lesser operations by turns, no further than needed",
    )
    parser.add_argument("--accounts", action="store_true", help="of a book with a paper account besides")
    parser.add_argument("--broker", choices=tuple(FAULTS), default="alpaca", help="whose fake is asked")
    chosen = parser.parse_args(arguments)
    began = time.perf_counter()
    if chosen.accounts and chosen.broker != "alpaca":
        parser.error("--accounts is for --broker alpaca")
    known = {"parts": chosen.workers, "brief": chosen.brief, "two_accounts": chosen.accounts}
    known["broker"] = chosen.broker
    parts = in_parts(partial(part_of, **known), chosen.workers)
    columns, cells = parts[0][0], {key: cell for _, some, _ in parts for key, cell in some.items()}
    stories = {key: cell for _, _, some in parts for key, cell in some.items()}
    early = [name for name, does in columns if does in ("send", "cancel")]
    late = [name for name, does in columns if does not in ("send", "cancel")]
    for lasting, head in WAYS.items():
        for names in (early, late):
            if any(way == lasting for way, _, _ in cells):
                rows = [
                    [one, *(cells.get((lasting, one, name), NOT_TRIED).words for name in names)]
                    for one in map(name_of, FAULTS[chosen.broker])
                ]
                print(table([head, *names], rows), end="\n\n")
    for head, whens in STORIES.items():
        shown = [when for when in whens if any(when == told for _, told in stories)]
        rows = [
            [name, *(stories[name, when].words for when in shown)]
            for name in dict.fromkeys(name for name, when in stories if when in shown)
        ]
        if rows:
            print(table([head, *shown], rows), end="\n\n")
    violations = [
        f"{WAYS[lasting]}: {fault}, {name}: {one}"
        for (lasting, fault, name), cell in cells.items()
        for one in cell.violations
    ]
    violations += [
        f"{name}, {when}: {one}" for (name, when), cell in stories.items() for one in cell.violations
    ]
    tried = len(stories) + sum(cell.words != "–" for cell in cells.values())
    print(f"{tried} cells, {len(violations)} violations, {time.perf_counter() - began:.0f} s")
    for one in violations:
        print(f"VIOLATION {one}")
    return 1 if violations or not tried else 0


def name_of(fault: Enum | str) -> str:
    """A row's head."""
    return str(fault.value) if isinstance(fault, Enum) else fault


if __name__ == "__main__":
    sys.exit(main())
