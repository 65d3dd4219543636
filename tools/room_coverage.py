"""Run the tests and tell, room by room, which share of lines and branches they take.

Fails where a pure room, or the whole, is below what is promised. Arguments go to pytest; `--read` reads what
a run before has measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
MEASURED = PROJECT / "build" / "coverage.json"

#: Rooms that touch nothing outside, and the shares that are promised of each and of all together.
PURE = ("core", "factors", "strategies", "portfolio", "risk", "orders", "accounting", "engine", "performance")
PURE_SHARE, WHOLE_SHARE = 0.95, 0.85

TESTS = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder", "-m", "not slow and not browser")


def measure(arguments: list[str]) -> int:
    """Run pytest with coverage; its own exit code."""
    MEASURED.parent.mkdir(exist_ok=True)
    report = ["--cov", "--cov-branch", f"--cov-report=json:{MEASURED}"]
    return subprocess.call([sys.executable, "-m", "pytest", *(arguments or TESTS), *report], cwd=PROJECT)


def shares() -> dict[str, float]:
    """Share of lines and branches that were taken, by room; `all` has that of all together."""
    taken, there = Counter[str](), Counter[str]()
    for path, file in json.loads(MEASURED.read_text())["files"].items():
        parts = path.partition("nightdesk/")[2].split("/")
        room = parts[0] if len(parts) > 1 else "(the package itself)"
        summary = file["summary"]
        for name in (room, "all"):
            taken[name] += summary["covered_lines"] + summary["covered_branches"]
            there[name] += summary["num_statements"] + summary["num_branches"]
    return {name: taken[name] / there[name] for name in sorted(there) if there[name]}


def main() -> int:
    """The table; 1 where the tests fail or a share is below what is promised."""
    arguments = sys.argv[1:]
    status = 0 if arguments == ["--read"] else measure(arguments)
    print(f"{'room':24}  lines and branches")
    for name, share in shares().items():
        promised = PURE_SHARE if name in PURE else WHOLE_SHARE if name == "all" else 0.0
        status = status or int(share < promised)
        print(f"{name:24}  {share:6.1%}" + (f", and {promised:.0%} is promised" if share < promised else ""))
    return status


if __name__ == "__main__":
    raise SystemExit(main())
