"""The fake Alpaca against what Alpaca publishes of itself, and against Alpaca's own client and its models."""

import json
import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
import requests
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import GetOrdersRequest, LimitOrderRequest, MarketOrderRequest
from tests.conftest import PROJECT
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.fakes.alpaca_orders import receive

DESCRIPTION = PROJECT.parent / "shared" / "vendors" / "alpaca_trading_api_v2.openapi.json"
#: A Tuesday, 19:30 in New York.
EVENING = datetime(2024, 1, 3, 0, 30, tzinfo=UTC)
BUY = {"symbol": "SPY", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}

#: Of orders of several legs, which are options, and of accounts in other currencies: not answered here.
LEFT_OUT = {
    "Order": {"ratio_qty"},
    "Account": {"pending_transfer_out"},
    "Position": {"avg_entry_swap_rate", "prev_swap_rate", "swap_rate", "usd"},
    "legacy_clock": set(),
    "TradingActivities": set(),
    "NonTradeActivities": {"cusip", "group_id"},
}


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca(EVENING) as server:
        yield server


def call(fake: FakeAlpaca, method: str, path: str, body: Any = None, **query: object) -> tuple[int, Any]:
    """Status and answer."""
    headers = {"APCA-API-KEY-ID": fake.key, "APCA-API-SECRET-KEY": fake.secret}
    response = requests.request(
        method,
        f"{fake.url}{path}",
        json=body,
        params=query,
        headers=headers,
        timeout=5,
        allow_redirects=False,
    )
    return response.status_code, response.json() if response.content else None


def get(fake: FakeAlpaca, path: str, **query: object) -> Any:
    status, answer = call(fake, "GET", path, **query)
    assert status == 200, answer
    return answer


def lived(fake: FakeAlpaca) -> FakeAlpaca:
    """The service after orders of every kind, executions, a dividend and fees."""
    exchange = fake.exchange
    exchange.crypto_fee = Decimal("0.0025")
    exchange.price("BTC-USD", 42000)
    legs = {"take_profit": {"limit_price": "500"}, "stop_loss": {"stop_price": "390"}}
    for body in (
        BUY,
        {**BUY, "type": "limit", "limit_price": "395.5", "time_in_force": "gtc"},
        {**BUY, "type": "stop", "stop_price": "480"},
        {**BUY, "order_class": "bracket", **legs},
        {**BUY, "symbol": "BTC/USD", "qty": "0.5", "time_in_force": "gtc"},
    ):
        status, answer = call(fake, "POST", "/v2/orders", body)
        assert status == 200, answer
    exchange.open_market({"SPY": 470})
    exchange.pay_dividend("SPY", "1.9")
    exchange.post("CSD", 100)
    call(fake, "DELETE", f"/v2/orders/{fake.orders[1]['id']}")
    exchange.close_market()
    return fake


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    if not DESCRIPTION.exists():
        pytest.skip(f"Alpaca's description of its service is not at {DESCRIPTION}")
    return dict(json.loads(DESCRIPTION.read_text())["components"]["schemas"])


def strict(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema, which writes `nullable` as a type."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(one) for name, one in schema.items()}
    if made.pop("nullable", False):
        return {"anyOf": [made, {"type": "null"}]}
    return made


ANSWERS = {
    "Order": [("/v2/orders", {"status": "all", "nested": "true"}), ("/v2/orders", {"status": "all"})],
    "Account": [("/v2/account", {})],
    "Position": [("/v2/positions", {})],
    "legacy_clock": [("/v2/clock", {})],
    "TradingActivities": [("/v2/account/activities/FILL", {})],
    "NonTradeActivities": [("/v2/account/activities", {"category": "non_trade_activity"})],
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_have_the_fields_and_types_that_are_published(
    fake: FakeAlpaca, schemas: dict[str, Any], name: str
) -> None:
    document = {"components": {"schemas": strict(schemas)}, "$ref": f"#/components/schemas/{name}"}
    validator = jsonschema.Draft202012Validator(document)
    answered: set[str] = set()
    checked = 0
    for path, query in ANSWERS[name]:
        answer = get(lived(fake) if not fake.requests else fake, path, **query)
        for one in answer if isinstance(answer, list) else [answer]:
            assert [error.message for error in validator.iter_errors(one)] == []
            answered |= one.keys()
            checked += 1
    assert checked
    assert schemas[name]["properties"].keys() - answered == LEFT_OUT[name]


def test_every_status_that_is_published_is_known_to_the_desk(schemas: dict[str, Any]) -> None:
    from nightdesk.brokers.alpaca_answers import MOVEMENTS, STATES

    assert set(schemas["OrderStatus"]["enum"]) <= STATES.keys()
    # Alpaca's list of what it returns grows: these came to it later, or are former names of others in it.
    returned = {"CIL", "SC", "SSO", "SSP", "VOF"}
    assert MOVEMENTS.keys() <= set(schemas["ActivityType"]["enum"]) | returned


def test_alpacas_own_client_reads_its_orders_positions_and_account(fake: FakeAlpaca) -> None:
    client = TradingClient(fake.key, fake.secret, url_override=fake.url)
    fake.exchange.price("SPY", 470)
    sent = client.submit_order(
        MarketOrderRequest(symbol="SPY", qty=2.5, side="buy", time_in_force="day", client_order_id="mine")
    )
    assert (sent.status, sent.qty, sent.client_order_id) == ("accepted", "2.5", "mine")
    limited = client.submit_order(
        LimitOrderRequest(symbol="QQQ", qty=1, side="buy", time_in_force="gtc", limit_price=400.5)
    )
    fake.exchange.open_market({"SPY": 471.25})
    assert client.get_order_by_client_id("mine").filled_avg_price == "471.25"
    assert [one.id for one in client.get_orders()] == [limited.id]
    [held] = client.get_all_positions()
    assert (held.symbol, held.qty, held.avg_entry_price) == ("SPY", "2.5", "471.25")
    assert client.get_account().cash == "98821.88"  # 2.5 × 471.25 = 1178.125, half-even to the cent
    assert client.get_clock().is_open
    client.cancel_order_by_id(limited.id)
    assert client.get_orders(GetOrdersRequest(status="closed", limit=1))[0].id == limited.id


def test_without_the_right_key_nothing_is_answered(fake: FakeAlpaca) -> None:
    for headers in ({}, {"APCA-API-KEY-ID": fake.key, "APCA-API-SECRET-KEY": "wrong"}):
        response = requests.post(f"{fake.url}/v2/orders", json=BUY, headers=headers, timeout=5)
        assert (response.status_code, response.json()["code"]) == (401, 40110000)
    assert fake.created == 0
    assert [one.status for one in fake.asked("submit")] == [401, 401]


@pytest.mark.parametrize(
    ("change", "status", "code", "message"),
    [
        ({"client_order_id": "taken"}, 422, 40010001, "client_order_id must be unique"),
        ({"client_order_id": "x" * 129}, 422, 40010001, "no more than 128"),
        ({"qty": None}, 422, 40010001, "qty is required"),
        ({"qty": "-1"}, 422, 40010001, "qty must be > 0"),
        ({"qty": "0.0000000001"}, 422, 42210000, "at most 9 decimal places"),
        ({"side": "hold"}, 422, 40010001, "side must be"),
        ({"symbol": ""}, 422, 40010001, "symbol is required"),
        ({"type": "limit"}, 422, 40010001, "limit orders require limit_price"),
        ({"type": "limit", "limit_price": "1.005"}, 422, 42210000, "sub-penny"),
        ({"type": "limit", "limit_price": "0.50001"}, 422, 42210000, "sub-penny"),
        ({"type": "stop", "stop_price": "99", "time_in_force": "opg"}, 422, 42210000, "day or gtc"),
        ({"symbol": "BTC/USD"}, 422, 42210000, "invalid crypto time_in_force"),
        (
            {"symbol": "BTCUSD", "type": "stop", "time_in_force": "gtc"},
            422,
            42210000,
            "invalid order type stop",
        ),
        ({"qty": "0.5", "time_in_force": "gtc"}, 422, 42210000, "fractional orders must be DAY orders"),
        ({"order_class": "bracket"}, 422, 40010001, "bracket orders require take_profit"),
        ({"order_class": "oco"}, 422, 40010001, "oco orders must be limit orders"),
        (
            {"order_class": "oco", "type": "limit", "take_profit": {"limit_price": "440"}},
            422,
            40010001,
            "oco orders require take_profit",
        ),
        ({"qty": "501"}, 403, 40310000, "insufficient buying power"),
        (
            {"side": "sell"},
            403,
            40310000,
            "available for order (requested: 10, available: 0)",
        ),
    ],
)
def test_an_order_is_refused_as_the_service_does(
    fake: FakeAlpaca, change: dict[str, object], status: int, code: int, message: str
) -> None:
    receive(fake.exchange, {**BUY, "symbol": "TLT", "client_order_id": "taken"})
    fake.exchange.price("SPY", 400)
    answered, answer = call(fake, "POST", "/v2/orders", {**BUY, **change})
    assert (answered, answer["code"]) == (status, code)
    assert message in answer["message"]
    assert len(fake.orders) == 1


@pytest.mark.parametrize(
    ("hour", "time_in_force", "status"),
    [
        ("09:27", "opg", 200),
        ("09:28", "opg", 422),
        ("18:59", "opg", 422),
        ("19:00", "opg", 200),
        ("15:49", "cls", 200),
        ("15:50", "cls", 422),
        ("19:00", "cls", 200),
    ],
)
def test_orders_for_the_auctions_are_taken_at_their_hours(
    fake: FakeAlpaca, hour: str, time_in_force: str, status: int
) -> None:
    fake.exchange.now = datetime.fromisoformat(f"2024-01-03T{hour}-05:00")
    assert call(fake, "POST", "/v2/orders", {**BUY, "time_in_force": time_in_force})[0] == status


def test_orders_are_listed_in_pages_of_fifty_unless_asked_for_more(fake: FakeAlpaca) -> None:
    for _ in range(120):
        receive(fake.exchange, {**BUY, "qty": 1})
    ids = [one["id"] for one in fake.orders]
    assert [one["id"] for one in get(fake, "/v2/orders")] == ids[:-51:-1]
    assert [one["id"] for one in get(fake, "/v2/orders", limit=500, direction="asc")] == ids
    after = fake.orders[99]["submitted_at"]
    assert [one["id"] for one in get(fake, "/v2/orders", after=after, direction="asc")] == ids[100:]
    assert [one["id"] for one in get(fake, "/v2/orders", until=after, direction="asc")] == ids[:50]
    assert call(fake, "GET", "/v2/orders", limit=501)[0] == 422


def test_activities_are_listed_in_pages_of_a_hundred_behind_a_token(fake: FakeAlpaca) -> None:
    ids = [fake.exchange.post("FEE", "-0.01") for _ in range(150)]
    assert [one["id"] for one in get(fake, "/v2/account/activities")] == ids[:-101:-1]
    page = get(fake, "/v2/account/activities/FEE", direction="asc", page_size=100)
    token = page[-1]["id"]
    rest = get(fake, "/v2/account/activities/FEE", direction="asc", page_token=token)
    assert [one["id"] for one in page + rest] == ids
    assert get(fake, "/v2/account/activities/FEE", direction="asc", page_token=ids[-1]) == []
    assert get(fake, "/v2/account/activities/FILL") == []
    assert get(fake, "/v2/account/activities", after="2024-01-03T00:30:01Z") == []
    assert call(fake, "GET", "/v2/account/activities", page_size=101)[0] == 422


def test_a_limit_is_executed_at_its_price_or_better_and_a_stop_once_it_is_reached(fake: FakeAlpaca) -> None:
    exchange = fake.exchange
    exchange.hold("QQQ", 10, 400)
    receive(exchange, {**BUY, "client_order_id": "limit", "type": "limit", "limit_price": "395"})
    stop = {**BUY, "client_order_id": "stop", "type": "stop", "stop_price": "390", "side": "sell"}
    receive(exchange, {**stop, "symbol": "QQQ"})
    exchange.open_market({"SPY": 401, "QQQ": 401})
    assert [one["status"] for one in fake.orders] == ["new", "new"]
    exchange.trade("SPY", "394.5")
    assert [one["status"] for one in fake.orders] == ["filled", "new"]
    exchange.trade("QQQ", 389)
    assert [one["filled_avg_price"] for one in fake.orders] == ["394.5", "389"]
    assert exchange.state.cash == 100_000 - 3945 + 3890


def test_orders_share_what_trades_in_the_order_in_which_they_came(fake: FakeAlpaca) -> None:
    exchange = fake.exchange
    for name in ("first", "second"):
        receive(exchange, {**BUY, "client_order_id": name})
    exchange.open_market({"SPY": 400}, volume={"SPY": 14})
    assert [(one["status"], one["filled_qty"]) for one in fake.orders] == [
        ("filled", "10"),
        ("partially_filled", "4"),
    ]
    exchange.trade("SPY", 410, 6)
    assert fake.orders[1]["filled_avg_price"] == "406"
    told = get(fake, "/v2/account/activities/FILL", direction="asc")
    assert [(one["qty"], one["cum_qty"], one["leaves_qty"], one["type"]) for one in told] == [
        ("10", "10", "0", "fill"),
        ("4", "4", "6", "partial_fill"),
        ("6", "10", "0", "fill"),
    ]


LEGS = {"take_profit": {"limit_price": "440"}, "stop_loss": {"stop_price": "380"}}
OCO = {**BUY, "side": "sell", "type": "limit", "time_in_force": "gtc", "order_class": "oco", **LEGS}


def statuses(fake: FakeAlpaca) -> list[str]:
    return [one["status"] for one in fake.orders]


def test_a_bracket_enters_and_then_leaves_by_one_of_its_legs(fake: FakeAlpaca) -> None:
    exchange = fake.exchange
    _, sent = call(fake, "POST", "/v2/orders", {**BUY, "order_class": "bracket", **LEGS})
    assert [one["status"] for one in sent["legs"]] == ["held", "held"]
    exchange.open_market({"SPY": 400}, volume={"SPY": 6})
    assert statuses(fake) == ["partially_filled", "held", "held"]
    exchange.trade("SPY", 400)
    assert statuses(fake) == ["filled", "new", "held"]
    exchange.trade("SPY", 379)
    assert statuses(fake) == ["filled", "canceled", "filled"]
    assert get(fake, "/v2/positions") == []


def test_the_legs_of_an_entry_that_ends_in_part_end_with_it(fake: FakeAlpaca) -> None:
    _, sent = call(fake, "POST", "/v2/orders", {**BUY, "order_class": "bracket", **LEGS})
    fake.exchange.open_market({"SPY": 400}, volume={"SPY": 6})
    call(fake, "DELETE", f"/v2/orders/{sent['id']}")
    assert statuses(fake) == ["canceled", "canceled", "canceled"]
    assert [one["qty"] for one in get(fake, "/v2/positions")] == ["6"]


@pytest.mark.parametrize(
    ("trades", "ends", "left"),
    [
        ([(379, None)], ["canceled", "filled"], 0),
        ([(441, None)], ["filled", "canceled"], 0),
        ([(441, 4), (379, None)], ["canceled", "filled"], 0),
        ([(379, 4), (441, None)], ["canceled", "filled"], 0),
        ([(400, None)], ["new", "held"], 10),
    ],
)
def test_of_an_oco_one_exit_cancels_the_other_and_no_more_is_sold_than_is_held(
    fake: FakeAlpaca, trades: list[tuple[float, int | None]], ends: list[str], left: int
) -> None:
    exchange = fake.exchange
    exchange.hold("SPY", 10, 400)
    status, sent = call(fake, "POST", "/v2/orders", OCO)
    assert (status, sent["type"], sent["limit_price"], sent["status"]) == (200, "limit", "440", "accepted")
    assert [(one["type"], one["stop_price"], one["status"]) for one in sent["legs"]] == [
        ("stop", "380", "held")
    ]
    exchange.open_market({"QQQ": 300})
    for price, units in trades:
        exchange.trade("SPY", price, units)
    assert statuses(fake) == ends
    assert sum(int(one["qty"]) for one in get(fake, "/v2/positions")) == left


def test_a_fast_market_may_fill_both_exits(fake: FakeAlpaca) -> None:
    exchange = fake.exchange
    exchange.fast_market = True
    exchange.hold("SPY", 10, 400)
    call(fake, "POST", "/v2/orders", OCO)
    exchange.open_market({"SPY": 379})
    exchange.trade("SPY", 441)
    assert statuses(fake) == ["filled", "filled"]
    assert [one["qty"] for one in get(fake, "/v2/positions")] == ["-10"]


@pytest.mark.parametrize(
    ("rests", "comes", "refused"),
    [
        ({"type": "stop", "stop_price": "380"}, {}, "market/stop"),
        ({"type": "stop", "stop_price": "380"}, {**LEGS, "order_class": "bracket"}, ""),
        ({"type": "stop", "stop_price": "380"}, {"type": "limit", "limit_price": "390"}, "market/stop"),
        ({"type": "limit", "limit_price": "440"}, {}, "market/stop"),
        ({"type": "limit", "limit_price": "440"}, {"type": "limit", "limit_price": "440"}, "limit"),
        ({"type": "limit", "limit_price": "440"}, {"type": "limit", "limit_price": "390"}, ""),
        (
            {"order_class": "oco", **LEGS, "type": "limit"},
            {"type": "limit", "limit_price": "390"},
            "market/stop",
        ),
    ],
)
def test_an_order_that_could_trade_with_one_of_the_same_account_is_refused(
    fake: FakeAlpaca, rests: dict[str, Any], comes: dict[str, Any], refused: str
) -> None:
    fake.exchange.hold("SPY", 10, 400)
    _, sent = call(fake, "POST", "/v2/orders", {**BUY, "side": "sell", "time_in_force": "gtc", **rests})
    status, answer = call(fake, "POST", "/v2/orders", {**BUY, "qty": "1", **comes})
    assert status == (403 if refused else 200)
    if refused:
        assert answer["code"] == 40310000
        assert answer["reject_reason"] == f"opposite side {refused} order exists"
        legs = [one["id"] for one in sent.get("legs") or ()]
        assert answer["existing_order_id"] in [sent["id"], *legs]


def test_units_that_an_oco_sells_are_sold_by_nothing_else(fake: FakeAlpaca) -> None:
    fake.exchange.hold("SPY", 10, 400)
    _, sent = call(fake, "POST", "/v2/orders", OCO)
    status, answer = call(fake, "POST", "/v2/orders", {**BUY, "side": "sell", "qty": "1"})
    assert (status, answer["available"], answer["held_for_orders"]) == (403, "0", "10")
    call(fake, "DELETE", f"/v2/orders/{sent['id']}")
    assert statuses(fake) == ["canceled", "canceled"]
    assert call(fake, "POST", "/v2/orders", {**BUY, "side": "sell", "qty": "1"})[0] == 200


def test_a_leg_is_told_within_its_group_when_that_is_asked_for_and_while_held_is_not_open(
    fake: FakeAlpaca,
) -> None:
    fake.exchange.hold("SPY", 10, 400)
    _, sent = call(fake, "POST", "/v2/orders", OCO)
    path = f"/v2/orders/{sent['id']}"
    assert "legs" not in {name for name, value in get(fake, path).items() if value is not None}
    assert [one["status"] for one in get(fake, path, nested="True")["legs"]] == ["held"]
    assert [one["id"] for one in get(fake, "/v2/orders", status="open")] == [sent["id"]]
    fake.exchange.lists_held = True
    assert len(get(fake, "/v2/orders", status="open")) == 2


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [("kept", "new", 1), ("canceled", "canceled", 1), ("replaced", "replaced", 2)],
)
def test_a_split_may_replace_or_cancel_a_stop_and_leaves_a_pair_as_it_is(
    fake: FakeAlpaca, how: str, status: str, told: int
) -> None:
    exchange = fake.exchange
    exchange.hold("SPY", 20, 400)
    receive(exchange, OCO)
    stop = {**BUY, "side": "sell", "type": "stop", "stop_price": "380", "time_in_force": "gtc"}
    receive(exchange, {**stop, "client_order_id": "stop"})
    exchange.open_market({"QQQ": 300})
    exchange.split("SPY", 2, 200, orders=how)
    assert statuses(fake)[:3] == ["new", "held", status]
    assert len(fake.orders) == 2 + told
    if told == 2:
        new = fake.orders[-1]
        assert (new["qty"], new["stop_price"], new["replaces"]) == ("20", "190", fake.orders[2]["id"])


def test_what_is_good_for_a_time_ends_with_it(fake: FakeAlpaca) -> None:
    exchange = fake.exchange
    for time_in_force in ("day", "opg", "cls", "gtc", "ioc"):
        receive(exchange, {**BUY, "time_in_force": time_in_force})
    exchange.open_market({"QQQ": 300})
    exchange.close_market({"QQQ": 301})
    exchange.now += timedelta(days=30)
    assert [one["status"] for one in fake.orders] == ["expired", "canceled", "canceled", "new", "canceled"]


def test_a_cancel_ends_an_order_once(fake: FakeAlpaca) -> None:
    sent = receive(fake.exchange, BUY)
    path = f"/v2/orders/{sent['id']}"
    assert call(fake, "DELETE", path) == (204, None)
    assert get(fake, path)["status"] == "canceled"
    status, answer = call(fake, "DELETE", path)
    assert (status, answer["message"]) == (422, 'order is already in "canceled" state')
    assert call(fake, "DELETE", "/v2/orders/7b08df51-c1ac-453c-99f9-323a5f075f0d")[0] == 404


def test_the_clock_shows_new_yorks_hours_and_runs_forward(fake: FakeAlpaca) -> None:
    assert get(fake, "/v2/clock") == {
        "timestamp": "2024-01-02T19:30:00-05:00",
        "is_open": False,
        "next_open": "2024-01-03T09:30:00-05:00",
        "next_close": "2024-01-03T16:00:00-05:00",
    }
    fake.exchange.now = datetime(2024, 7, 3, 16, 30, tzinfo=UTC)  # the day before a holiday ends at 13:00
    assert get(fake, "/v2/clock")["is_open"]
    assert get(fake, "/v2/clock")["next_close"] == "2024-07-03T13:00:00-04:00"
    with pytest.raises(ValueError, match="is earlier"):
        fake.exchange.now = EVENING


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.REFUSED])
def test_a_silent_line_ends_without_an_answer(fault: Fault) -> None:
    with FakeAlpaca(EVENING, silence=0.1) as fake:
        fake.fail("submit", fault)
        with pytest.raises(requests.ConnectionError):
            call(fake, "POST", "/v2/orders", BUY)
        assert fake.created == len(fake.orders) == int(fault.accepted)
        assert call(fake, "POST", "/v2/orders", BUY)[0] == 200


def test_a_stale_answer_tells_how_things_stood_before_the_newest_change(fake: FakeAlpaca) -> None:
    receive(fake.exchange, {**BUY, "client_order_id": "first"})
    fake.exchange.open_market({"SPY": 400})
    for endpoint in ("query", "positions", "fills"):
        fake.fail(endpoint, Fault.STALE)
    path = "/v2/orders:by_client_order_id"
    assert get(fake, path, client_order_id="first")["status"] == "accepted"
    assert get(fake, path, client_order_id="first")["status"] == "filled"
    assert [len(get(fake, "/v2/positions")) for _ in range(2)] == [0, 1]
    assert [len(get(fake, "/v2/account/activities/FILL")) for _ in range(2)] == [0, 1]


def test_a_fault_of_content_waits_for_something_to_spoil(fake: FakeAlpaca) -> None:
    fake.fail("fills", Fault.NEGATIVE_FILL)
    assert get(fake, "/v2/account/activities/FILL") == []
    receive(fake.exchange, BUY)
    fake.exchange.open_market({"SPY": 400})
    assert [one["qty"] for one in get(fake, "/v2/account/activities/FILL")] == ["-10"]
    assert [one["qty"] for one in get(fake, "/v2/account/activities/FILL")] == ["10"]


def test_nobody_listens_while_it_is_away(fake: FakeAlpaca) -> None:
    with fake.away(), pytest.raises(requests.ConnectionError, match="refused"):
        get(fake, "/v2/clock")
    assert get(fake, "/v2/clock")
    assert len(fake.requests) == 1


def _send_from_a_child(url: str, login: dict[str, str]) -> None:
    requests.post(f"{url}/v2/orders", json=BUY, headers=login, timeout=5).raise_for_status()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_of_the_tests_process_sends_to_it(fake: FakeAlpaca) -> None:
    login = {"APCA-API-KEY-ID": fake.key, "APCA-API-SECRET-KEY": fake.secret}
    child = multiprocessing.get_context("fork").Process(target=_send_from_a_child, args=(fake.url, login))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert fake.created == len(fake.orders) == 1


def test_the_environment_leads_an_account_here(fake: FakeAlpaca) -> None:
    assert fake.environ("alpaca-paper") == {
        "NIGHTDESK_ACCOUNT_ALPACA_PAPER_KEY": fake.key,
        "NIGHTDESK_ACCOUNT_ALPACA_PAPER_SECRET": fake.secret,
        "NIGHTDESK_ACCOUNT_ALPACA_PAPER_URL": fake.url,
    }
