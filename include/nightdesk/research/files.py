"""A backtest's outcome as files: a CSV per table, and `metrics.json`."""

from __future__ import annotations

import json
from pathlib import Path

from nightdesk.research.backtest import Result
from nightdesk.research.metrics import metrics
from nightdesk.research.tables import TABLES, write_table


def write_result(result: Result, folder: Path) -> None:
    """Write the tables and the metrics into `folder`; the same result gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (columns, rows) in TABLES.items():
        write_table(folder / f"{name}.csv", columns, rows(result))
    text = json.dumps(metrics(result), indent=2, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
