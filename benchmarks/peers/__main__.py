"""Measure the engines and print a table: seconds beside the plain loop's, memory, final equity."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import plain_loop
from benchmarks.peers.environments import PEERS, ROOT, Peer, python_of
from nightdesk.cli.output import table
from nightdesk.core.errors import Refused

#: Symbols and sessions.
SIZES = ((15, 1260), (500, 2520))
THRESHOLDS = (plain_loop.THRESHOLD, 0.0)
#: How the desk's own cost grows: symbols at five years, and years of 15 symbols.
GROWTH = ((15, 1260), (100, 1260), (500, 1260), (2000, 1260), (15, 2520), (15, 5040))
#: The desk's own, in the environment of the project.
OURS = (Peer("loop", ()), Peer("desk", ()))
#: An engine that takes longer is told so and left out.
PATIENCE_SECONDS = 1_200
#: Equities that differ by less agree: sizes may be rounded to six digits.
AGREE = 1e-5


@dataclass(frozen=True)
class PeerRow:
    """What came of one engine on one task; `figures` is empty where `failed` says why."""

    peer: Peer
    figures: dict[str, float]
    failed: str = ""


def main(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Engines that are measured; by default all.")
    ] = None,
    growth: Annotated[bool, typer.Option("--growth", help="How the desk's own cost grows, alone.")] = False,
) -> None:
    """Measure the engines side by side."""
    known = [one.name for one in PEERS]
    strange = [one for one in only or () if one not in known]
    if strange:
        raise typer.BadParameter(f"{strange[0]!r} is no engine; known are {', '.join(known)}")
    if growth:
        tell_growth()
        return
    peers = [one for one in PEERS if only is None or one.name in only]
    for symbols, sessions in SIZES:
        for threshold in THRESHOLDS:
            rows = list(measure([*OURS, *peers], symbols, sessions, threshold))
            print(f"\n{symbols} × {sessions:,}, threshold {threshold:.0%}, weights given to all")
            for line in lines(rows):
                print(line)


def measure(peers: Sequence[Peer], symbols: int, sessions: int, threshold: float) -> Iterator[PeerRow]:
    """Every engine on one task, one after the other, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="nightdesk-peers-") as folder:
        path = Path(folder) / "task.npz"
        write_task(path, symbols, sessions, threshold)
        for peer in peers:
            yield run_peer(peer, path)


def write_task(path: Path, symbols: int, sessions: int, threshold: float) -> None:
    """Closes and the plain strategy's target weights, which engines are given."""
    close = plain_loop.seeded_closes(symbols, sessions)
    np.savez(
        path, close=close, weights=plain_loop.target_weights(close), threshold=threshold,
        capital=plain_loop.CAPITAL, cost=plain_loop.COMMISSION + plain_loop.SLIPPAGE,
    )  # fmt: skip


def run_peer(peer: Peer, task: Path) -> PeerRow:
    """What an engine tells of a task."""
    try:
        python = sys.executable if peer in OURS else str(python_of(peer))
    except Refused as error:
        return PeerRow(peer, {}, str(error))
    environ = {**os.environ, "PYTHONPATH": str(ROOT) if peer in OURS else "", "PYTHONWARNINGS": "ignore"}
    command = [python, str(peer.script), str(task)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS, env=environ
        )
    except subprocess.TimeoutExpired:
        return PeerRow(peer, {}, f"not done within {PATIENCE_SECONDS:,} seconds")
    if done.returncode:
        return PeerRow(peer, {}, (done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return PeerRow(peer, figures)


def lines(rows: Sequence[PeerRow]) -> Iterator[str]:
    """A row an engine: seconds over the loop's, the first call and the import apart, memory, equity."""
    loop = rows[0].figures
    cells = []
    for row in rows:
        if row.failed:
            cells.append((row.peer.name, "", "", "", "", "", row.failed))
            continue
        told = row.figures
        off = told["equity"] / loop["equity"] - 1.0
        agrees = "as the loop" if abs(off) < AGREE else f"{off:+.2%} of the loop"
        cells.append(
            (
                row.peer.name,
                f"{told['seconds'] / loop['seconds']:.2f}",
                f"{told['seconds']:.3f}",
                f"{told['first']:.2f}",
                f"{told['import']:.1f}",
                f"{told['mebibytes']:,.0f}",
                f"{told['equity']:,.2f}, {agrees} ({row.peer.fills})",
            )
        )
    titles = ("engine", "of the loop", "seconds", "first call", "import", "MiB", "final equity")
    yield from table(titles, cells, right=titles[1:6])


def tell_growth() -> None:
    """The desk's walk at growing sizes: microseconds a session, and a session and symbol."""
    cells = []
    for symbols, sessions in GROWTH:
        (row,) = measure([OURS[1]], symbols, sessions, 0.0)
        seconds = row.figures["seconds"]
        each = seconds / sessions * 1e6
        cells.append(
            (f"{symbols:,}", f"{sessions:,}", f"{seconds:.3f}", f"{each:.0f}", f"{each / symbols:.2f}")
        )
    titles = ("symbols", "sessions", "seconds", "µs a session", "µs a session and symbol")
    for line in table(titles, cells, right=titles):
        print(line)


if __name__ == "__main__":
    typer.run(main)
