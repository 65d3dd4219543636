"""The feed matrix: every way in which a vendor's service can answer badly meets the ingest of a small book.

``python -m tests.matrices.feeds`` prints what came of each, for every entry of `vendor_entries`:
of bad answers of one symbol, of the whole service, and of a single bad answer; with a good second source and
without. The steps ingest and quality are the desk's own, with its database; the vendor is asked by its own
client over the wire. A bar that no source gave, a symbol that is missing without a word, an answer that is
stored by halves, a key in an error or a table, and a wait without end are violations.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

import pytest
from tests.conftest import Databases
from tests.matrices.faulting import Cell
from tests.matrices.feed_cells import LEGEND, try_feed_cell
from tests.matrices.feed_faults import FAULTS, FeedFault
from tests.matrices.feed_scenes import SCENES, FeedScene
from tests.matrices.parts import WORKERS, in_parts
from tests.matrices.table import table
from tests.matrices.vendor_entries import IN_BRIEF, VENDORS, Fed, Vendor
from tests.session.new_desk import random_walks
from tests.session.quick_checks import check_quickly

from nightdesk.machine import postgres
from nightdesk.session import entry

SYMBOL, SERVICE, ONCE = "bad answers of one symbol", "bad answers of the service", "one bad answer"
WAYS = (SYMBOL, SERVICE, ONCE)
SECOND, ALONE = "a second source", "no second source"

#: By way, whether there is a second source, fault and vendor.
Cells = dict[tuple[str, str, str, str], Cell]


@contextmanager
def desks() -> Iterator[Databases]:
    """What the scenes of a process share: a server of databases, and checks that take little time."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-feeds-"))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("NIGHTDESK_HOME", folder)
        patch.setattr(entry, "load_book", cache(entry.load_book))
        check_quickly(patch)
        databases = Databases(stack.enter_context(postgres.ephemeral()))
        stack.callback(databases.close)
        yield databases


def part_of(number: int, *, parts: int, brief: bool, only: str) -> Cells:
    """Every `parts`-th vendor's cells; in brief every fault at one vendor, by turns."""
    vendors = [one for one in VENDORS if only in one.name and (not brief or one.name in IN_BRIEF)]
    cells: Cells = {}
    with desks() as databases, tempfile.TemporaryDirectory(prefix="nightdesk-feeds-") as folder:
        walks = random_walks()
        for n in range(number, len(vendors), parts):
            for second in (True, False):
                if brief and second == bool(n % 2):
                    continue
                where = Path(folder) / f"{n}{second}"
                scene = SCENES[vendors[n].gives](vendors[n], second, where, databases.new(), walks)
                try:
                    faults = FAULTS[n :: len(vendors)] if brief else FAULTS
                    cells |= _cells_of(scene, faults, brief=brief)
                finally:
                    scene.leave()
    return cells


def _cells_of(scene: FeedScene, faults: Sequence[FeedFault], *, brief: bool) -> Cells:
    cells: Cells = {}
    for fault in faults:
        for way in WAYS:
            if _takes(scene.vendor, fault, way, brief=brief):
                cell = try_feed_cell(scene, fault, service=way == SERVICE, once=way == ONCE)
                cells[way, SECOND if scene.second else ALONE, fault.name, scene.vendor.name] = cell
    return cells


def _takes(vendor: Vendor, fault: FeedFault, way: str, *, brief: bool) -> bool:
    if way == ONCE:
        return fault.single and not brief
    # Headlines, and reports of positions, come in one answer of all.
    of_service = fault.only_service or vendor.gives in (Fed.NEWS, Fed.POSITIONING)
    if brief:
        return (way == SERVICE) == of_service
    return way == SERVICE or not of_service


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the matrix; 1 when anything was violated."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.matrices.feeds", description="Print the feed matrix."
    )
    parser.add_argument("--workers", type=int, default=WORKERS, help=f"processes (default: {WORKERS})")
    parser.add_argument("--brief", action="store_true", help="every fault once, at some vendors by turns")
    parser.add_argument("--vendor", default="", help="only those whose name holds this")
    chosen = parser.parse_args(arguments)
    began = time.perf_counter()
    work = partial(part_of, parts=chosen.workers, brief=chosen.brief, only=chosen.vendor)
    cells = {key: cell for some in in_parts(work, chosen.workers) for key, cell in some.items()}
    vendors = [one.name for one in VENDORS if any(one.name == key[3] for key in cells)]
    for way in WAYS:
        for second in (SECOND, ALONE):
            rows = [
                [
                    fault.name,
                    *(cells.get((way, second, fault.name, name), Cell("")).words for name in vendors),
                ]
                for fault in FAULTS
            ]
            shown = [row for row in rows if any(row[1:])]
            if shown:
                print(table([f"{way}, {second}", *vendors], shown), end="\n\n")
    for words, meaning in LEGEND.items():
        print(f"{words}: {meaning}")
    violations = [f"{', '.join(key)}: {one}" for key, cell in cells.items() for one in cell.violations]
    tried = sum(cell.words != "–" for cell in cells.values())
    print(f"\n{tried} cells, {len(violations)} violations, {time.perf_counter() - began:.0f} s")
    for one in violations:
        print(f"VIOLATION {one}")
    return 1 if violations or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
