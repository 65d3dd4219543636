"""`backtests`: the backtests that were kept, and some of them side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Json
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.operations.compare_backtests import ComparedBacktests
    from nightdesk.store.backtest_rows import KeptBacktest

#: Figures that are shown of each, and how they are written.
SHOWN = {
    "total_return": "share",
    "benchmark_total_return": "share",
    "annual_return": "share",
    "annual_volatility": "share",
    "sharpe": "number",
    "sortino": "number",
    "calmar": "number",
    "max_drawdown": "share",
    "win_rate": "share",
    "profit_factor": "number",
    "turnover_monthly": "share",
    "cost_drag": "share",
    "orders": "count",
    "final_nav": "dollars",
}
IN_LIST = ("total_return", "sharpe", "max_drawdown")


@app.command(
    epilog=example(
        "nightdesk backtests multi_asset",
        "nightdesk backtests --compare 3 --compare 7",
        "nightdesk backtests 3 --tear-sheet build/sheet.html",
    )
)
def backtests(
    book: Annotated[
        str | None,
        typer.Argument(metavar="BOOK|N", help="Of this book alone; with --tear-sheet the number of one."),
    ] = None,
    newest: Annotated[int, typer.Option("--newest", min=1, max=1_000, help="So many at most.")] = 25,
    compare: Annotated[
        list[int] | None,
        typer.Option("--compare", metavar="N", help="One to set beside others, by its number; repeated."),
    ] = None,
    tear_sheet: Annotated[
        Path | None,
        typer.Option(
            "--tear-sheet", metavar="FILE", help="Write the tear sheet of number N.", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the kept backtests, the newest first; with --compare set some side by side.

    `backtest --keep` keeps one, and so does the DAG research__backtest. --tear-sheet writes an HTML page of
    one: figures, targets, growth, drawdowns, months and what each strategy earned, as far as they are kept.
    """
    if tear_sheet is not None:
        _write_sheet(book, tear_sheet, as_json=json)
        return
    if compare:
        from nightdesk.operations.compare_backtests import compare_backtests

        with database() as conn:
            found = compare_backtests(conn, compare)
        show(
            {"backtests": [asdict(one) for one in found.kept], "differences": _document(found)},
            as_json=json,
            text=lambda: _side_by_side(found),
        )
        return
    from nightdesk.store.backtest_rows import kept_backtests

    with database() as conn:
        kept = kept_backtests(conn, book, newest=newest)
    show({"backtests": [asdict(one) for one in kept]}, as_json=json, text=lambda: _list(kept))


def _write_sheet(named: str | None, path: Path, *, as_json: bool) -> None:
    from nightdesk.cli.whole_files import whole_file
    from nightdesk.operations.kept_sheet import kept_sheet

    if named is None or not (named.isascii() and named.isdigit() and len(named) <= 18):
        raise typer.BadParameter(f"found {named!r}; expected the number of a kept backtest", param_hint="'N'")
    with database() as conn:
        page = kept_sheet(conn, int(named))
    with whole_file(path) as draft:
        draft.write_text(page, encoding="utf-8")
    show(
        {"backtest": int(named), "tear_sheet": path},
        as_json=as_json,
        text=lambda: iter([f"tear sheet of backtest {named} written to {path}"]),
    )


def figure_cell(one: KeptBacktest, name: str) -> str:
    """A figure of a backtest as people read it; empty where it has none."""
    from nightdesk.alerts.figures import money, number, percent

    value = one.figures.get(name)
    if value is None:
        return ""
    match SHOWN[name]:
        case "share":
            return percent(value, signed=name.endswith("return"))
        case "dollars":
            return money(value)
        case "count":
            return f"{value:,}"
        case _:
            return number(value)


def _document(found: ComparedBacktests) -> dict[str, list[str]]:
    return {one.key: list(one.values) for one in found.differences}


def _list(kept: tuple[KeptBacktest, ...]) -> Iterator[str]:
    if not kept:
        yield "no backtest was kept: `nightdesk backtest BOOK --from D --to D --keep` keeps one"
        return
    told = [name.replace("_", " ") for name in IN_LIST]
    heads = ("number", "book", "from", "to", "state", *told, "by", "note")
    rows = [
        (
            str(one.number),
            one.book,
            f"{one.first}",
            f"{one.last}",
            one.state,
            *(figure_cell(one, name) for name in IN_LIST),
            one.asked_by,
            _remark(one),
        )
        for one in kept
    ]
    yield from table(heads, rows, right=("number", *told))


def _remark(one: KeptBacktest) -> str:
    """What was changed, what was written with it, or why it failed."""
    changed = " ".join(f"{key}={value}" for key, value in one.changes.items())
    released = "" if one.release_after is None else f"--release-after {one.release_after}"
    return "; ".join(part for part in (changed, released, one.note, one.error[:80]) if part)


def _side_by_side(found: ComparedBacktests) -> Iterator[str]:
    heads = ("", *(f"backtest {one.number}" for one in found.kept))
    rows: list[tuple[str, ...]] = [("book", *(one.book for one in found.kept))]
    rows += [("state", *(one.state for one in found.kept))]
    rows += [(name, *(figure_cell(one, name) for one in found.kept)) for name in SHOWN]
    yield from table(heads, rows, right=heads[1:])
    yield ""
    if found.alike:
        yield "they were made with the same: book, span, code and bars"
        return
    yield "they differ in"
    differences: list[tuple[str, ...]] = [(one.key, *map(_cut, one.values)) for one in found.differences]
    yield from table(("", *heads[1:]), differences)


def _cut(text: Any) -> str:
    told = str(text)
    return told if len(told) <= 40 else f"{told[:37]}..."
