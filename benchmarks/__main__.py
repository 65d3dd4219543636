"""Run every benchmark, print a table and write ``benchmarks/latest.json``.

A benchmark is a module of this package with a function ``measure() -> list[Measurement]``. Names given on
the command line choose modules: ``python -m benchmarks backtest``.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path

import benchmarks
from benchmarks.measurement import Measurement

LATEST = Path(__file__).with_name("latest.json")


def main(chosen: list[str]) -> int:
    """Measure and report; 1 when a promise is broken, 2 for an unknown name."""
    names = [one.name for one in pkgutil.iter_modules(benchmarks.__path__) if one.name != "__main__"]
    modules = {
        name: importlib.import_module(f"benchmarks.{name}") for name in names if not chosen or name in chosen
    }
    measured = {name: module for name, module in modules.items() if hasattr(module, "measure")}
    unknown = [name for name in chosen if name not in measured]
    if unknown:
        print(f"no benchmark is named {', '.join(unknown)}", file=sys.stderr)
        return 2
    found = [one for module in measured.values() for one in module.measure()]
    _print_table(found)
    _write(found)
    return 0 if all(one.kept for one in found) else 1


def _print_table(found: list[Measurement]) -> None:
    width = max(len(one.name) for one in found)
    print(f"{'':{width}}  {'seconds':>9}  {'reference':>9}  {'ratio':>7}  {'limit':>6}")
    for one in found:
        limit = "" if one.limit is None else f"{one.limit:6.2f}"
        mark = "" if one.kept else "  TOO SLOW"
        figures = f"{one.seconds:9.4f}  {one.reference_seconds:9.4f}  {one.ratio:7.2f}  {limit:>6}"
        print(f"{one.name:{width}}  {figures}  of {one.reference}{mark}")


def _write(found: list[Measurement]) -> None:
    """Figures of the benchmarks that ran; those that did not keep what was measured before."""
    before = json.loads(LATEST.read_text(encoding="utf-8")) if LATEST.exists() else []
    fresh = [
        {
            "name": one.name,
            "seconds": round(one.seconds, 6),
            "reference": one.reference,
            "reference_seconds": round(one.reference_seconds, 6),
            "ratio": round(one.ratio, 3),
            "limit": one.limit,
        }
        for one in found
    ]
    names = {one["name"] for one in fresh}
    rows = fresh + [one for one in before if one["name"] not in names]
    LATEST.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
