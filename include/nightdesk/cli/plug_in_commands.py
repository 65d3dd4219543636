"""`plug-ins`: what a book may name, and where it is from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.options import Json
from nightdesk.cli.output import show, table


@app.command("plug-ins", epilog=example("nightdesk plug-ins"))
def plug_ins(json: Json = False) -> None:
    """List strategies, factors, sizing methods, rules, feeds and brokers: the desk's, and those of your own.

    A file or package that cannot be imported is named with the reason; the status is 1 then.
    """
    from nightdesk.plug_ins import SLOW_SECONDS, attempts, own_folder

    found = attempts()
    files = [
        {
            "place": one.place,
            "seconds": round(one.seconds, 3),
            "slow": one.seconds > SLOW_SECONDS,
            "fault": one.fault,
            "holds": [f"{kind} {name}" for kind, name in ([] if own is None else own.entered)],
        }
        for one, own in found
    ]
    for one in files:
        if one["fault"]:
            typer.echo(f"nightdesk: {one['fault']}", err=True)
    rows = [*_rows()]
    show(
        {"folder": own_folder(), "plug_ins": rows, "files": files},
        as_json=json,
        text=lambda: _lines(rows, files),
    )
    if any(one["fault"] for one in files):
        raise typer.Exit(1)


def _rows() -> Iterator[dict[str, str]]:
    from nightdesk.accounting.period import ACCRUAL_KINDS
    from nightdesk.brokers import BROKERS
    from nightdesk.core.registry import Registry
    from nightdesk.factors.factor_registry import FAMILIES
    from nightdesk.feeds import FEEDS
    from nightdesk.feeds.fact_feed import FACT_SOURCES
    from nightdesk.feeds.funding_sources import FUNDING_SOURCES
    from nightdesk.feeds.news_sources import NEWS_SOURCES
    from nightdesk.portfolio.sizing import METHODS
    from nightdesk.risk.rule import RULES
    from nightdesk.scorers import SCORERS
    from nightdesk.strategies.strategy_registry import STRATEGIES

    registries: tuple[Registry[Any], ...] = (
        *(
            STRATEGIES,
            FAMILIES,
            METHODS,
            RULES,
            ACCRUAL_KINDS,
            FEEDS,
            FACT_SOURCES,
            FUNDING_SOURCES,
            NEWS_SOURCES,
            SCORERS,
            BROKERS,
        ),
    )
    for registry in registries:
        for name in registry.names():
            yield {"kind": registry.kind, "name": name, "from": registry.place(name)}


def _lines(rows: list[dict[str, str]], files: list[dict[str, Any]]) -> Iterator[str]:
    yield from table(("kind", "name", "from"), [[*row.values()] for row in rows])
    for one in files:
        if not one["holds"] and not one["fault"]:
            yield f"{one['place']}: nothing is registered in it"
        if one["slow"]:
            yield f"{one['place']}: took {one['seconds']:.1f} s to import"
