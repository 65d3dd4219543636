"""`action`: what a person states of splits, dividends, mergers, changes of symbol and ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Json, day_option
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.core.panel import Action, ActionKind
    from nightdesk.operations.state_action import Effect
    from nightdesk.store.action_rows import StatedAction


class What(StrEnum):
    """The kinds that a person states, and `list`."""

    LIST = "list"
    SPLIT = "split"
    DIVIDEND = "dividend"
    CAPITAL_GAIN = "capital_gain"
    RETURN_OF_CAPITAL = "return_of_capital"
    SYMBOL_CHANGE = "symbol_change"
    MERGER = "merger"
    SPIN_OFF = "spin_off"
    DELISTING = "delisting"
    ACCEPT = "accept"

    @property
    def action(self) -> ActionKind:
        """The kind of the corporate action; `list` is none."""
        return cast("ActionKind", self.value)


def _ratio(text: str | float) -> float:
    """Shares after for before: 3:2, or 1.5."""
    if isinstance(text, float):
        return text
    after, colon, before = text.partition(":")
    try:
        ratio = float(after) / float(before) if colon else float(after)
    except (ValueError, ZeroDivisionError):
        ratio = 0.0
    if not 0.0 < ratio < float("inf"):
        raise typer.BadParameter(f"{text!r} is no ratio above 0: write 3:2, shares after for shares before")
    return ratio


def _dollars(text: str | float) -> float:
    if isinstance(text, float):
        return text
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0.0 <= amount < float("inf"):
        raise typer.BadParameter(f"{text!r} is no amount in dollars, such as 20.98")
    return amount


@app.command(
    epilog=example(
        'nightdesk action split AAPL --session 2020-08-31 --ratio 4:1 --reason "the vendor has none"',
        'nightdesk action merger TWTR --session 2022-10-28 --cash 54.20 --reason "taken private"',
        'nightdesk action delisting SIVB --session 2023-03-28 --cash 0 --reason "bankrupt"',
        "nightdesk action list TWTR",
    )
)
def action(
    kind: Annotated[What, typer.Argument(metavar="KIND", help="What it is, or `list`.")],
    symbol: Annotated[
        str | None, typer.Argument(metavar="SYMBOL", help="Whose it is.", show_default=False)
    ] = None,
    session: Annotated[
        date | None,
        day_option("--session", "From whose open it counts."),
    ] = None,
    ratio: Annotated[
        float | None,
        typer.Option(
            "--ratio", metavar="A:B", parser=_ratio, help="Shares after for before.", show_default=False
        ),
    ] = None,
    amount: Annotated[
        float | None,
        typer.Option("--amount", metavar="P", parser=_dollars, help="Dollars a share.", show_default=False),
    ] = None,
    cash: Annotated[
        float | None,
        typer.Option(
            "--cash",
            metavar="P",
            parser=_dollars,
            help="Dollars paid a share; of a spin-off, what a new share is worth.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        str | None, typer.Option("--into", metavar="NEW", help="The new symbol.", show_default=False)
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="T", help="Why; it is kept with your name.", show_default=False)
    ] = "",
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who states it; by default you.", show_default=False)
    ] = "",
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take back what a person stated.", show_default=False)
    ] = False,
    json: Json = False,
) -> None:
    """State a corporate action as a dated fact, list them, or take one back.

    What a person states counts before what a source gives. A session that was settled before it was known
    books it late, once, in the next settling, as far as what was held then is held still.
    """
    import getpass

    given = {
        name: value
        for name, value in (("ratio", ratio), ("amount", amount), ("cash", cash), ("into", into))
        if value is not None
    }
    if kind is What.LIST:
        if given or session is not None or withdraw or reason:
            raise typer.BadParameter("`list` takes a symbol and nothing else")
        _list(symbol, as_json=json)
        return
    if symbol is None or session is None:
        raise typer.BadParameter(f"a {kind} needs a symbol and its --session")
    if not reason.strip():
        raise typer.BadParameter("why is it stated, or taken back? --reason is kept with it")
    note = f"{by.strip() or getpass.getuser()}: {reason.strip()}"
    if withdraw:
        if given:
            raise typer.BadParameter(
                f"--withdraw takes no --{next(iter(given))}: kind, symbol and session do"
            )
        _withdraw(kind, symbol, session, note, as_json=json)
        return
    _state(_stated(kind, symbol, session, given, note), as_json=json)


def _stated(kind: What, symbol: str, session: date, given: dict[str, Any], note: str) -> Action:
    """The action, or wrong usage where options are missing, too many or against each other."""
    from nightdesk.core.errors import Refused
    from nightdesk.operations.state_action import make_action

    if kind is What.ACCEPT:
        raise typer.BadParameter("a price is accepted by `nightdesk accept`; here it is only taken back")
    try:
        return make_action(kind.action, symbol, session, given, note=note, named="--{}".format)
    except Refused as error:
        raise typer.BadParameter(str(error)) from None


def _books() -> dict[str, Book]:
    """The books that can be read, by name."""
    import os

    from nightdesk.session.books import read_books
    from nightdesk.session.context import project_root

    return {one.name: one for one in read_books(project_root(os.environ) / "books").books.values()}


def _state(stated: Action, *, as_json: bool) -> None:
    from nightdesk.operations.state_action import state

    with database() as conn:
        changed, effects = state(conn, stated, books=_books())
    document = {
        "kind": stated.kind,
        "symbol": stated.symbol,
        "session": str(stated.day),
        "value": stated.value,
        "into": stated.other,
        "cash": stated.cash,
        "note": stated.note,
        "changed": changed,
        "books": [asdict(one) for one in effects],
    }
    show(document, as_json=as_json, text=lambda: _lines(stated, effects, changed=changed))


def _lines(stated: Action, effects: tuple[Effect, ...], *, changed: bool) -> Iterator[str]:
    what = f"{stated.kind} of {stated.symbol} on {stated.day}"
    yield f"{what} is stated ({stated.note})" if changed else f"{what} was stated so already"
    if not effects:
        yield "no started book holds it: it counts in prices and factors from that session on"
    for one in effects:
        yield from _effect_lines(one)


def _effect_lines(one: Effect) -> Iterator[str]:
    from nightdesk.alerts.figures import money, quantity

    if one.refused:
        yield f"{one.book}: the settling of {one.booked_in} will refuse it: {one.refused}"
        return
    when = f"late, in the settling of {one.booked_in}" if one.late else f"in the settling of {one.booked_in}"
    yield f"{one.book}: booked {when}; of what it holds now, at the newest prices:"
    for entry in one.entries:
        units = f"{quantity(entry.quantity)} {entry.symbol}" if entry.quantity else entry.symbol
        cash = f", cash {money(entry.cash, signed=True)}" if entry.cash else ""
        cost = f", cost {money(entry.cost, signed=True)}" if entry.cost else ""
        yield f"  {entry.strategy} {entry.kind}: {units}{cash}{cost}"
    yield f"  profit that it realises: {money(one.profit, signed=True)}"


def _withdraw(kind: What, symbol: str, session: date, note: str, *, as_json: bool) -> None:
    from nightdesk.operations.state_action import withdraw

    with database() as conn:
        gone = withdraw(conn, kind.action, symbol, session, note)
    show(
        {"withdrawn": asdict(gone), "note": note},
        as_json=as_json,
        text=lambda: [
            f"the {kind} of {symbol} on {session} is withdrawn ({note}); it was stated by {gone.note}",
            "what was booked of it stays: the next settling raises an alert that names it",
        ],
    )


def _list(symbol: str | None, *, as_json: bool) -> None:
    from nightdesk.store.action_rows import live_actions

    with database() as conn:
        found = live_actions(conn, symbol or "")
    show({"actions": [asdict(one) for one in found]}, as_json=as_json, text=lambda: _listed(found))


def _listed(found: tuple[StatedAction, ...]) -> Iterator[str]:
    if not found:
        yield "no actions are known"
        return
    heads = ("session", "symbol", "kind", "value", "into", "cash", "source", "note")
    rows = [
        (
            str(one.session),
            one.symbol,
            one.kind,
            f"{one.value:g}",
            one.other,
            f"{one.cash:g}" if one.cash else "",
            one.source,
            one.note,
        )
        for one in found
    ]
    yield from table(heads, rows, right=("value", "cash"))
