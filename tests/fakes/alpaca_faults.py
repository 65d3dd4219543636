"""The ways in which the fake Alpaca can answer badly, each with what becomes of the request."""

from __future__ import annotations

import uuid
from decimal import Decimal
from enum import Enum
from typing import Any

from tests.fakes.alpaca_state import plain

#: The calls that can be made to fail, as tests name them.
ENDPOINTS = (
    "submit",
    "query",
    "cancel",
    "fills",
    "movements",
    "positions",
    "account",
    "open_orders",
    "orders",
    "order",
    "clock",
)


class Fault(Enum):
    """One bad answer.

    Faults of the line come before or after the request has taken effect; faults of content spoil the answer
    to a request that has. See `FakeAlpaca.away` for a service whose every connection is refused.
    """

    #: The connection is reset before the request is taken.
    REFUSED = "connection refused"
    #: Nothing is answered in time, and the request is never taken.
    TIMEOUT_BEFORE = "time-out before acceptance"
    #: The request is taken, and nothing is answered in time.
    TIMEOUT_AFTER = "time-out after acceptance"
    #: The request is taken after the caller gave up waiting.
    TAKEN_LATE = "accepted after the time-out"
    TOO_MANY = "429"
    TOO_MANY_WAIT = "429 with Retry-After"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    GATEWAY_TIMEOUT = "504 after acceptance"
    NOT_JSON = "200 that is no JSON"
    TRUNCATED = "truncated body"
    EMPTY = "200 without a body"
    REDIRECT = "302"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403 without a code"
    NOT_FOUND = "404 of something between"
    #: The answer that was given to the call before.
    DUPLICATE = "duplicate answer"
    #: The answer to another request: another order, or a list the wrong way round.
    OUT_OF_ORDER = "answers out of order"
    #: How things stood before the newest change.
    STALE = "stale list"
    UNKNOWN_STATUS = "unknown status"
    NEGATIVE_FILL = "negative fill"
    OVERSIZED_FILL = "oversized fill"
    UNKNOWN_ORDER = "fill of an unknown order"
    WRONG_SYMBOL = "wrong symbol"

    @property
    def accepted(self) -> bool:
        """Whether the request takes effect."""
        return self not in _NOT_TAKEN

    @property
    def of_content(self) -> bool:
        """Whether the answer itself is wrong, and well-formed."""
        return self in _OF_CONTENT


_NOT_TAKEN = frozenset(
    {
        Fault.REFUSED,
        Fault.TIMEOUT_BEFORE,
        Fault.TOO_MANY,
        Fault.TOO_MANY_WAIT,
        Fault.SERVER_ERROR,
        Fault.BAD_GATEWAY,
        Fault.REDIRECT,
        Fault.UNAUTHORIZED,
        Fault.FORBIDDEN,
        Fault.NOT_FOUND,
    }
)
_OF_CONTENT = frozenset(
    {
        Fault.DUPLICATE,
        Fault.OUT_OF_ORDER,
        Fault.STALE,
        Fault.UNKNOWN_STATUS,
        Fault.NEGATIVE_FILL,
        Fault.OVERSIZED_FILL,
        Fault.UNKNOWN_ORDER,
        Fault.WRONG_SYMBOL,
    }
)


def spoil(fault: Fault, answer: Any) -> Any | None:
    """A good answer turned into a bad one; None when there is nothing in it that this fault could spoil."""
    if isinstance(answer, list):
        if fault is Fault.OUT_OF_ORDER:
            return answer[::-1] if len(answer) > 1 else None
        if fault is Fault.UNKNOWN_ORDER and answer and answer[-1].get("activity_type") == "FILL":
            foreign = {**answer[-1], "order_id": str(uuid.uuid4())}
            return [*answer, {**foreign, "id": f"{answer[-1]['id'][:17]}::{uuid.uuid4()}"}]
        spoiled = [spoil(fault, one) for one in answer]
        changed = [one for one in spoiled if one is not None]
        return [new or old for new, old in zip(spoiled, answer, strict=True)] if changed else None
    if not isinstance(answer, dict):
        return None
    if fault in (Fault.OUT_OF_ORDER, Fault.UNKNOWN_ORDER) and "client_order_id" in answer:
        return {**answer, "id": str(uuid.uuid4()), "client_order_id": f"another-{uuid.uuid4()}"}
    field = _FIELDS.get(fault, {}).get(_shape(answer))
    if field is None:
        return None
    name, change = field
    return {**answer, name: change(answer)}


def _shape(answer: dict[str, Any]) -> str:
    if answer.get("activity_type") == "FILL":
        return "fill"
    if "client_order_id" in answer:
        return "order"
    return "position" if "avg_entry_price" in answer else ""


def _less(name: str) -> Any:
    return lambda answer: "-" + (answer[name] if answer[name] != "0" else "1")


def _more(name: str) -> Any:
    return lambda answer: plain(Decimal(answer[name]) * 10)


_FIELDS: dict[Fault, dict[str, tuple[str, Any]]] = {
    Fault.UNKNOWN_STATUS: {
        "order": ("status", lambda _: "in_limbo"),
        "fill": ("side", lambda _: "sideways"),
        "position": ("side", lambda _: "sideways"),
    },
    Fault.NEGATIVE_FILL: {
        "order": ("filled_qty", _less("filled_qty")),
        "fill": ("qty", _less("qty")),
        "position": ("qty", _less("qty")),
    },
    Fault.OVERSIZED_FILL: {
        "order": ("filled_qty", _more("qty")),
        "fill": ("qty", _more("qty")),
        "position": ("qty", _more("qty")),
    },
    Fault.WRONG_SYMBOL: {
        "order": ("symbol", lambda _: "WRONG"),
        "fill": ("symbol", lambda _: "WRONG"),
        "position": ("symbol", lambda _: "WRONG"),
    },
}
