"""The ingest of a thousand symbols from a vendor that takes its time, asked by one task and by four."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path

import yaml
from tests.fakes.loopback import Bad
from tests.fakes.yahoo import Chart, FakeYahoo

from benchmarks.measurement import Measurement
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.machine import postgres
from nightdesk.session import steps
from nightdesk.session.entry import open_context
from nightdesk.session.shards import fetch_shard
from nightdesk.store.connection import connect
from nightdesk.store.migrations import migrate

ROOT = Path(__file__).resolve().parents[1]
SYMBOLS, SHARDS, LATENCY = 1000, 4, 0.1
INCEPTION, HISTORY = date(2025, 1, 3), 60


class SlowYahoo(FakeYahoo):
    """A vendor whose every answer takes `LATENCY` seconds."""

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        """The answer, later."""
        time.sleep(LATENCY)
        return super().reply(path, query, headers)


def measure() -> list[Measurement]:
    """The whole of it: from the first question to the bars stored."""
    names = [f"S{number:04}" for number in range(SYMBOLS)]
    with SlowYahoo() as vendor, postgres.ephemeral() as addresses, tempfile.TemporaryDirectory() as folder:
        days = get_calendar().between(get_calendar().shift(INCEPTION, -HISTORY), INCEPTION)
        for number, name in enumerate([*names, "SPY", "^VIX"]):
            price = 20.0 + number % 80
            rows = [(as_date(day), price, price + 1, price - 1, price, 1_000_000) for day in days]
            vendor.charts[name] = Chart(rows, instrument="INDEX" if name == "^VIX" else "EQUITY")
        os.environ.update(vendor.environ)
        alone = _ingest(addresses, Path(folder) / "alone", names, 1)
        side_by_side = _ingest(addresses, Path(folder) / "shared", names, SHARDS)
    what = f"ingest of {SYMBOLS:,} symbols, {LATENCY * 1000:.0f} ms an answer"
    return [Measurement(f"{what}, {SHARDS} shards", side_by_side, "one task", alone)]


def _ingest(addresses: postgres.Addresses, root: Path, names: list[str], shards: int) -> float:
    """Seconds of one ingest into a database of its own."""
    with closing(connect(addresses.nightdesk)) as conn, conn.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE of_{shards}")
    url = addresses.nightdesk.replace("/nightdesk?", f"/of_{shards}?")
    with closing(connect(url)) as conn:
        migrate(conn)
    (root / "books").mkdir(parents=True)
    book = root / "books" / "wide.yaml"
    book.write_text(yaml.safe_dump(_book(names, shards), sort_keys=False))
    environ = {
        **os.environ,
        "NIGHTDESK_ROOT": str(root),
        "NIGHTDESK_HOME": str(root / "home"),
    }

    def part(number: int) -> None:
        with (
            closing(connect(url)) as conn,
            open_context(book, INCEPTION, conn=conn, environ=environ) as context,
        ):
            fetch_shard(context, number)

    began = time.perf_counter()
    if shards > 1:
        children = [_begin(lambda number=number: part(number)) for number in range(shards)]  # type: ignore[misc] # the default
        if any(os.waitpid(child, 0)[1] for child in children):
            raise RuntimeError("a shard has failed")
    with closing(connect(url)) as conn, open_context(book, INCEPTION, conn=conn, environ=environ) as context:
        counts = steps.ingest(context)
    took = time.perf_counter() - began
    if int(counts["bars"]) < SYMBOLS * HISTORY:
        raise RuntimeError(f"bars lack: {counts}")
    return took


def _begin(work: Callable[[], None]) -> int:
    """Begin `work` in a process of its own, which has all imports done, as a task of Airflow has."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def _book(names: list[str], shards: int) -> dict[str, object]:
    tree = yaml.safe_load((ROOT / "books" / "multi_asset.yaml").read_text())
    one = tree["universe"]["SPY"]
    speaking = "time_series_momentum"
    return tree | {
        "name": "wide",
        "inception": INCEPTION,
        "origin": get_calendar().shift(INCEPTION, -HISTORY),
        "universe": {name: {**one, "asset_class": "equity"} for name in ("SPY", *names)},
        "feeds": {"daily": ["yahoo"], "shards": shards},
        "levels": None,
        "strategies": {speaking: tree["strategies"][speaking] | {"share": 1.0}},
        "broker": {"kind": "paper", "account": "paper-wide"},
    }
