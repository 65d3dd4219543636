"""Alpaca's long lists, page after page: orders and activities, each of them once and none left out.

A page that brings nothing new while more was to come is rubbish: the list behind it would never end, or would
end too early.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from nightdesk.brokers.alpaca_answers import Rubbish, instant_of, list_of, mapping_of, text_of
from nightdesk.brokers.alpaca_http import AlpacaLine, Denied

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient

ORDERS_A_PAGE = 500
ACTIVITIES_A_PAGE = 100

#: Activities are asked for from so long before the instant in question, and sorted out by the caller: Alpaca
#: filters by when it wrote them down, which need not be when they happened.
_MARGIN = timedelta(days=1)

#: An execution's order is mostly not older than this; one that is (gtc) is asked for by itself.
_ORDER_AGE = timedelta(days=7)


def orders(
    line: AlpacaLine,
    status: str,
    since: datetime | None = None,
    *,
    until: datetime | None = None,
    nested: bool = False,
) -> Iterator[dict[str, Any]]:
    """Orders that were received after `since` and before `until`, the oldest first.

    Parameters
    ----------
    line : AlpacaLine
    status : str
        "open", "closed" or "all".
    since, until : datetime, optional
        Default: from the first on, and to the last.
    nested : bool
        Whether legs are told within their group, and not as orders beside it.
    """
    from alpaca.common.enums import Sort
    from alpaca.trading.enums import QueryOrderStatus
    from alpaca.trading.requests import GetOrdersRequest

    seen: set[str] = set()
    while True:
        wanted = GetOrdersRequest(
            status=QueryOrderStatus(status),
            limit=ORDERS_A_PAGE,
            after=since,
            until=until,
            direction=Sort.ASC,
            nested=nested or None,
        )

        def ask(client: TradingClient, wanted: GetOrdersRequest = wanted) -> Any:
            return client.get_orders(wanted)

        page = _page(line.ask(f"the {status} orders", ask), "orders")
        new = [one for one in page if one["id"] not in seen]
        yield from new
        if len(page) < ORDERS_A_PAGE:
            return
        if not new:
            raise Rubbish("the same page was told again", page[-1])
        seen.update(one["id"] for one in new)
        # Legs share the instant of their bracket, and Alpaca's is finer than ours: a step back repeats some.
        since = max(map(_received, page)) - timedelta(microseconds=1)


def activities(
    line: AlpacaLine, path: str, since: datetime, only: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Activities from some time before `since` on, the oldest first.

    Parameters
    ----------
    line : AlpacaLine
    path : str
        Those of one type have a path of their own.
    since : datetime
    only : mapping of str to str, optional
        More of the query.
    """
    query = {
        **(only or {}),
        "after": f"{since - _MARGIN:%Y-%m-%dT%H:%M:%SZ}",
        "direction": "asc",
        "page_size": str(ACTIVITIES_A_PAGE),
    }
    seen: set[str] = set()
    while True:

        def ask(client: TradingClient, query: dict[str, str] = query) -> Any:
            return client.get(path, query)

        page = _page(line.ask("the activities", ask), "activities")
        if not page:  # one that is not full may yet be followed by another
            return
        new = [one for one in page if one["id"] not in seen]
        if not new:
            raise Rubbish("the same page was told again", page[-1])
        yield from new
        seen.update(one["id"] for one in new)
        query = {**query, "page_token": page[-1]["id"]}


def orders_named(
    line: AlpacaLine, order_ids: Collection[str], since: datetime
) -> Iterator[Mapping[str, Any]]:
    """Orders by Alpaca's own ids; one that Alpaca does not have is left out.

    Parameters
    ----------
    line : AlpacaLine
    order_ids : collection of str
    since : datetime
        Around when they were executed.
    """
    if not order_ids:
        return
    missing = set(order_ids)
    for one in orders(line, "all", since - _ORDER_AGE):
        if one["id"] in missing:
            missing.remove(one["id"])
            yield one
    for number in sorted(missing):
        found = order_by_id(line, number)
        if found is not None:
            yield found


def order_by_id(line: AlpacaLine, order_id: str) -> dict[str, Any] | None:
    """An order by Alpaca's own id, with its legs; None when there is none."""
    from alpaca.trading.requests import GetOrderByIdRequest

    try:
        number = UUID(order_id)
    except ValueError:
        return None
    wanted = GetOrderByIdRequest(nested=True)
    try:
        answer = line.ask(f"order {order_id}", lambda client: client.get_order_by_id(number, wanted))
    except Denied as error:
        if error.status in (404, 422):
            return None
        raise
    fields = mapping_of(answer, "an order")
    if text_of(fields, "id") != order_id:
        raise Rubbish(f"order {order_id} was asked for, found {fields['id']}", fields)
    return fields


def _page(answer: Any, what: str) -> list[dict[str, Any]]:
    page = [mapping_of(one, f"one of the {what}") for one in list_of(answer, what)]
    for one in page:
        text_of(one, "id")
    return page


def _received(order: Mapping[str, Any]) -> datetime:
    """When an order was received; one that waits for a check is not yet submitted."""
    return instant_of(order, "created_at" if order.get("submitted_at") is None else "submitted_at")
