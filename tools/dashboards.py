"""Write Grafana's dashboards, ``config/grafana/dashboards/*.json``, from ``dashboards.yaml`` beside this.

Used like this::

    python tools/dashboards.py            # writes them

A dashboard is edited there, not in Grafana: what was changed there by hand is gone with the next deployment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "config" / "grafana" / "dashboards"
PANELS = Path(__file__).with_suffix(".yaml")
#: The uid of ``config/grafana/provisioning/datasources/prometheus.yaml``.
DATASOURCE = {"type": "prometheus", "uid": "nightdesk-prometheus"}
#: Of Grafana 11 and later; older dashboards are migrated when they are loaded.
SCHEMA_VERSION = 39
#: Columns of Grafana's grid, and the height of a row of panels by their kind.
WIDTH = 24
HEIGHTS = {"stat": 4, "timeseries": 8, "table": 8, "bargauge": 8, "state-timeline": 6}


@dataclass(frozen=True)
class Panel:
    """A panel: its title, its queries as (PromQL, legend), how it is drawn."""

    title: str
    queries: Sequence[tuple[str, str]]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 12
    words: str = ""
    steps: Sequence[tuple[float | None, str]] = ((None, "green"),)
    decimals: int | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard: rows of panels by the title of the row."""

    uid: str
    title: str
    words: str
    rows: Mapping[str, Sequence[Panel]]
    of_a_book: bool = False
    span: str = "now-30d"


def dashboards() -> tuple[Dashboard, ...]:
    """What ``dashboards.yaml`` says."""
    said = yaml.safe_load(PANELS.read_text(encoding="utf-8"))
    return tuple(
        Dashboard(
            f"nightdesk-{name}",
            board["title"],
            board["words"],
            {title: tuple(map(_read, panels)) for title, panels in board["rows"].items()},
            board.get("of_a_book", False),
            board["span"],
        )
        for name, board in said.items()
    )


def _read(said: dict[str, Any]) -> Panel:
    as_pairs = {name: tuple(said[name].items()) for name in ("queries", "steps") if name in said}
    return Panel(**{**said, **as_pairs})


def document(board: Dashboard) -> dict[str, Any]:
    """A dashboard as Grafana's JSON model has it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, some in board.rows.items():
        panels.append(_row(title, y, len(panels) + 1))
        y += 1
        x, height = 0, 0
        for one in some:
            if x + one.width > WIDTH:
                x, y = 0, y + height
                height = 0
            panels.append(_panel(one, x, y, len(panels) + 1))
            x, height = x + one.width, max(height, HEIGHTS[one.kind])
        y += height
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.words,
        "tags": ["nightdesk"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": board.span, "to": "now"},
        "templating": {"list": [_variable()] if board.of_a_book else []},
        "links": [{"type": "dashboards", "tags": ["nightdesk"], "title": "Nightdesk", "asDropdown": False,
                   "includeVars": True, "keepTime": True}],
        "panels": panels,
    }  # fmt: skip


def _row(title: str, y: int, number: int) -> dict[str, Any]:
    at = {"x": 0, "y": y, "w": WIDTH, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": at, "panels": []}


def _panel(one: Panel, x: int, y: int, number: int) -> dict[str, Any]:
    table = one.kind == "table"
    targets = [
        {
            "refId": chr(ord("A") + at),
            "datasource": DATASOURCE,
            "expr": query,
            "legendFormat": legend or "__auto",
            # What is shown as one number, a bar or a row is asked for the end of the span alone.
            **(
                {"instant": True, "range": False}
                if one.kind in {"stat", "bargauge", "table"}
                else {"range": True}
            ),
            **({"format": "table"} if table else {}),
        }
        for at, (query, legend) in enumerate(one.queries)
    ]
    return {
        "id": number,
        "type": one.kind,
        "title": one.title,
        "description": one.words,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": one.width, "h": HEIGHTS[one.kind]},
        "targets": targets,
        "fieldConfig": {"defaults": _field(one), "overrides": []},
        "options": _options(one),
        **({"transformations": _one_row_a_book(one)} if table else {}),
    }


def _field(one: Panel) -> dict[str, Any]:
    steps = [{"color": color, "value": value} for value, color in one.steps]
    mapped = {value: {"text": text, "index": at} for at, (value, text) in enumerate(one.names.items())}
    return {
        "unit": one.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds" if one.kind in {"stat", "state-timeline"} else "palette-classic"},
        **({} if one.decimals is None else {"decimals": one.decimals}),
        **({"mappings": [{"type": "value", "options": mapped}]} if mapped else {}),
    }


def _options(one: Panel) -> dict[str, Any]:
    last = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    if one.kind == "stat":
        return {"reduceOptions": last, "colorMode": "value", "graphMode": "none", "textMode": "value"}
    if one.kind == "bargauge":
        return {
            "reduceOptions": last,
            "orientation": "horizontal",
            "displayMode": "basic",
            "showUnfilled": True,
        }
    if one.kind == "timeseries":
        return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return {}


def _one_row_a_book(one: Panel) -> list[dict[str, Any]]:
    """The queries of a table joined by book, each a column under its legend."""
    values = {f"Value #{chr(ord('A') + at)}": legend for at, (_, legend) in enumerate(one.queries)}
    hidden = [f"Time {n}" for n in range(1, len(values) + 1)] + ["Time", "__name__", "instance", "job"]
    hidden += [f"{name} {n}" for name in ("__name__", "instance", "job") for n in range(1, len(values) + 1)]
    return [
        {"id": "joinByField", "options": {"byField": "book", "mode": "outer"}},
        {"id": "organize", "options": {"renameByName": values, "excludeByName": dict.fromkeys(hidden, True)}},
    ]


def _variable() -> dict[str, Any]:
    asked = "label_values(nightdesk_nav_dollars, book)"
    return {
        "name": "book",
        "label": "book",
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": asked, "refId": "book"},
        "definition": asked,
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
    }


def files() -> dict[str, str]:
    """The text of every dashboard by the name of its file."""
    return {
        f"{one.uid.removeprefix('nightdesk-')}.json": json.dumps(document(one), indent=1, ensure_ascii=False)
        + "\n"
        for one in dashboards()
    }


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote {FOLDER / name}")


if __name__ == "__main__":
    main()
