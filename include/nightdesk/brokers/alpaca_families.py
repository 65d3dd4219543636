"""Which of Alpaca's orders are one of ours: the exits of an oco, those of a bracket, and what replaced one.

Alpaca gives every order of a group an id of its own, and only the first has the client order id of ours:

=================  =========================================================================================
sent               is at Alpaca
=================  =========================================================================================
oco                its target, under our id, with its stop as a leg: ``held`` until its price is reached
bracket            its entry, under our id, with its target and its stop as legs, ``held`` until it is filled;
                   an oto, where it brings its stop alone
anything else      an order under our id
=================  =========================================================================================

The exits of either are one order here: an oco's under the id that was sent, a bracket's under `exits_id`.
What a corporate action or a person changes is ``replaced`` by an order with another id: here it is the same
one. An order does not say of which group it is a leg; the group does, when it is asked for with its legs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from nightdesk.brokers.alpaca_answers import (
    Rubbish,
    Symbols,
    instant_of,
    list_of,
    mapping_of,
    order_of,
    text_of,
)
from nightdesk.brokers.alpaca_http import AlpacaLine, Denied
from nightdesk.brokers.alpaca_lists import order_by_id, orders
from nightdesk.core.money import ZERO
from nightdesk.orders.broker_account import BrokerOrder, OrderState
from nightdesk.orders.order import entry_id, exits_id

#: Alpaca's classes of orders that have legs here; those of options are never the desk's.
_GROUPS = ("bracket", "oco", "oto")

#: Legs are received with their group; groups received within so long of each other are asked for at once.
_BESIDE, _APART = timedelta(seconds=1), timedelta(hours=1)

#: An order was replaced at most so often.
_REPLACED = 50


@dataclass(frozen=True)
class AlpacaFamily:
    """An order of ours as Alpaca has it.

    Attributes
    ----------
    name : str
        Its client order id here.
    parts : tuple of tuple of dict
        Alpaca's orders that it is: of each part what was sent first, then what replaced it.
    """

    name: str
    parts: tuple[tuple[Mapping[str, Any], ...], ...]

    @property
    def newest(self) -> tuple[Mapping[str, Any], ...]:
        """The parts as they stand."""
        return tuple(part[-1] for part in self.parts)

    def known(self, symbols: Symbols) -> BrokerOrder:
        """The order in the desk's terms, its parts taken together.

        The two exits of a pair are of the same units. Alpaca warns that a fast market may fill both: it is
        told as filled with all of it then.

        Raises
        ------
        Rubbish
            When a part cannot be, or they do not fit together.
        """
        read = [[order_of(one, symbols) for one in part] for part in self.parts]
        first, every = read[0][0], [one for part in read for one in part]
        if len(every) == 1:  # a leg alone has an id that Alpaca made up
            return replace(first, client_order_id=self.name)
        said = {**self.parts[0][-1], "parts": [dict(one) for part in self.parts for one in part]}
        if {(one.symbol, one.side) for one in every} != {(first.symbol, first.side)}:
            raise Rubbish("its parts are in different symbols, or on different sides", said)
        filled = sum((one.filled for one in every), ZERO)
        largest = max(part[-1].quantity + sum((one.filled for one in part[:-1]), ZERO) for part in read)
        quantity = max(largest, filled)
        state = OrderState.FILLED if filled == quantity else _together([part[-1].state for part in read])
        if state is OrderState.ACCEPTED and filled:
            state = OrderState.PARTIALLY_FILLED
        return BrokerOrder(
            self.name, first.symbol, first.side, quantity, state, filled, said, first.received_at
        )


class AlpacaFamilies:
    """Asks Alpaca for what belongs together.

    Parameters
    ----------
    line : AlpacaLine
    """

    def __init__(self, line: AlpacaLine) -> None:
        self._line = line
        #: The group that a leg belongs to, by the ids that Alpaca gave them; it never changes.
        self._group_of: dict[str, str] = {}

    def find(self, name: str) -> AlpacaFamily | None:
        """The order under a client order id, or the exits under that of their entry; None without one."""
        sent = entry_id(name) or name
        what = f"order {sent}"
        try:
            answer = self._line.ask(what, lambda client: client.get_order_by_client_id(sent))
        except Denied as error:
            if error.status == 404:
                return None
            raise
        fields = mapping_of(answer, "an order")
        if text_of(fields, "client_order_id") != sent:
            raise Rubbish(f"it is order {fields['client_order_id']}", fields)
        return next((one for one in self._families(self._with_legs(fields)) if one.name == name), None)

    def answered(self, fields: Mapping[str, Any]) -> AlpacaFamily:
        """What an order that was just received is, by the answer to it alone."""
        every = _families(fields, lambda one: (one,))
        return every[0]

    def listed(self, rows: Iterable[Mapping[str, Any]]) -> list[AlpacaFamily]:
        """The orders that rows of a list are of, each once and in the order of the list."""
        found: dict[str, list[AlpacaFamily]] = {}
        for tree, _ in self._trees(list(rows)).values():
            if tree["id"] not in found:
                found[tree["id"]] = self._families(tree)
        return [one for families in found.values() for one in families]

    def names(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Client order ids as they are here, by Alpaca's own ids of orders."""
        return {number: name_in(tree, origin) for number, (tree, origin) in self._trees(list(rows)).items()}

    def _trees(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Mapping[str, Any], str]]:
        """By the id of each row the group that it is of, with its legs (of a simple order itself), and the id
        under which the row's order was sent first.
        """
        origins = {text_of(one, "id"): self._origin(one) for one in rows}
        trees = self._groups([one for one in origins.values() if _has_legs(one)])
        return {
            number: (trees.get(self._group_of.get(origin["id"], origin["id"]), origin), origin["id"])
            for number, origin in origins.items()
        }

    def _origin(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The order that was sent, of one that replaces it."""
        for _ in range(_REPLACED):
            replaces = fields.get("replaces")
            if replaces is None:
                return fields
            fields = self._order(str(replaces))
        raise Rubbish(f"it was replaced more than {_REPLACED} times", fields)

    def _groups(self, members: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """The groups of orders, with their legs, by the id of the group."""
        found: dict[str, Mapping[str, Any]] = {}

        def missing() -> list[datetime]:
            without = [one for one in members if self._group_of.get(one["id"], one["id"]) not in found]
            return sorted(_received(one) for one in without)

        for apart in (_APART, timedelta()):  # what a page that ended early has left out is asked for alone
            for first, last in _spans(missing(), apart):
                for one in orders(self._line, "all", first - _BESIDE, until=last + _BESIDE, nested=True):
                    legs = _legs(one)
                    self._group_of.update({leg["id"]: one["id"] for leg in legs})
                    if _has_legs(one) and legs:
                        found[one["id"]] = one
        return found

    def _with_legs(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        if not _has_legs(fields):
            return fields
        group = self._order(text_of(fields, "id"))
        if not _legs(group):  # its target may have ended because its stop is at work
            raise Rubbish(f"it is of class {fields['order_class']} and told without its legs", group)
        return group

    def _order(self, number: str) -> Mapping[str, Any]:
        """An order by the id that Alpaca gave it, with its legs."""
        fields = order_by_id(self._line, number)
        if fields is None:
            raise Rubbish(f"Alpaca names an order {number} and does not have it", {"id": number})
        return fields

    def _families(self, tree: Mapping[str, Any]) -> list[AlpacaFamily]:
        return _families(tree, self._versions)

    def _versions(self, fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
        """An order, and what replaced it, the newest last."""
        chain = [fields]
        while chain[-1].get("replaced_by") is not None:
            if len(chain) > _REPLACED:
                raise Rubbish(f"it was replaced more than {_REPLACED} times", fields)
            chain.append(self._order(text_of(chain[-1], "replaced_by")))
        return tuple(chain)


def name_in(group: Mapping[str, Any], number: str) -> str:
    """What an order of a group is called here, by Alpaca's id of it."""
    name = text_of(group, "client_order_id")
    return name if number == group["id"] or group.get("order_class") == "oco" else exits_id(name)


def _families(tree: Mapping[str, Any], versions: Any) -> list[AlpacaFamily]:
    """The orders of ours that a group is: one, or of a bracket its entry and its exits."""
    name, legs = text_of(tree, "client_order_id"), _legs(tree)
    own, exits = versions(tree), tuple(versions(one) for one in legs)
    if not legs:
        return [AlpacaFamily(name, (own,))]
    if tree.get("order_class") == "oco":
        return [AlpacaFamily(name, (own, *exits))]
    return [AlpacaFamily(name, (own,)), AlpacaFamily(exits_id(name), exits)]


def _has_legs(fields: Mapping[str, Any]) -> bool:
    return fields.get("order_class") in _GROUPS


def _legs(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    legs = fields.get("legs")
    if legs is None or not _has_legs(fields):
        return []
    found = [mapping_of(one, "a leg of an order") for one in list_of(legs, "legs")]
    for one in found:
        text_of(one, "id")
    return found


def _received(fields: Mapping[str, Any]) -> datetime:
    return instant_of(fields, "created_at" if fields.get("submitted_at") is None else "submitted_at")


def _spans(moments: Sequence[datetime], apart: timedelta) -> list[tuple[datetime, datetime]]:
    """Ascending instants as spans, of which no two are nearer than that."""
    spans: list[tuple[datetime, datetime]] = []
    for one in moments:
        if spans and one - spans[-1][1] <= apart:
            spans[-1] = (spans[-1][0], one)
        else:
            spans.append((one, one))
    return spans


def _together(states: Sequence[OrderState]) -> OrderState:
    """The state of parts of which no more than one is executed, and that are not filled."""
    working = [one for one in states if not one.ended]
    if working:
        return OrderState.PARTIALLY_FILLED if OrderState.PARTIALLY_FILLED in working else OrderState.ACCEPTED
    for one in (OrderState.REJECTED, OrderState.EXPIRED):
        if one in states:
            return one
    return OrderState.CANCELLED
