"""A book is read, or refused with the file, the key, what was found and what is allowed."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from nightdesk.core.book import Book, load_book
from nightdesk.core.drawdown_levels import MaxDrawdownLimit
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import schedule_of

MULTI_ASSET = Path(__file__).parents[2] / "books" / "multi_asset.yaml"
EQUITY_SWING = MULTI_ASSET.with_name("equity_swing.yaml")


def test_the_multi_asset_book_holds_the_figures_of_its_design() -> None:
    book = load_book(MULTI_ASSET)
    caps = {symbol: one.max_weight for symbol, one in book.universe.items()}
    assert caps == {
        "GLD": 0.5, "SPY": 0.4, "QQQ": 0.3, "BTC-USD": 0.15, "SLV": 0.15, "XLK": 0.2, "XLF": 0.15,
        "XLE": 0.15, "XLV": 0.15, "TLT": 0.3, "TIP": 0.15, "EFA": 0.2, "EEM": 0.15, "DBC": 0.15, "VNQ": 0.15,
    }  # fmt: skip
    targets = {symbol: one.volatility_target for symbol, one in book.universe.items()}
    assert {s: v for s, v in targets.items() if v != 0.15} == {"GLD": 0.11, "QQQ": 0.18, "BTC-USD": 0.225}
    assert str(book.universe["BTC-USD"].unit) == "0.0001"
    assert book.costs_of("BTC-USD").slippage == 0.0015
    assert book.costs_of("SPY").slippage == 0.0005
    assert book.panel_symbols == (*book.symbols, "^VIX")
    assert {name: (one.share, one.sizing) for name, one in book.strategies.items()} == {
        "time_series_momentum": (0.4, "weight"),
        "cross_sectional_momentum": (0.3, "weight"),
        "rotation": (0.3, "risk_parity"),
    }
    assert book.strategies["rotation"].sizing_params == {"max_turnover": 0.4, "max_cost": 0.002}
    assert "daily_loss" not in book.limits, "its design has levels, and no breaker"
    aims = {name: (one.above or one.below, one.acceptable) for name, one in book.targets.items()}
    assert aims == {
        "annual_return": (0.10, 0.07), "annual_volatility": (0.15, 0.18), "sharpe": (1.0, 0.7),
        "max_drawdown": (0.15, 0.20), "calmar": (0.7, 0.4), "win_rate": (0.52, 0.48),
        "profit_factor": (1.3, 1.1), "turnover_monthly": (0.30, 0.50), "cost_drag": (0.01, 0.02),
    }  # fmt: skip
    classes = {symbol: one.tax_class for symbol, one in book.universe.items() if one.tax_class}
    assert classes == {"GLD": "collectible", "SLV": "collectible", "DBC": "partnership"}


def test_two_books_of_one_title_are_told_apart_by_their_names() -> None:
    book = load_book(MULTI_ASSET)
    assert book.label == "Multi-asset momentum (multi_asset)"
    assert book.model_copy(update={"name": "copy"}).label == "Multi-asset momentum (copy)"


def test_the_equity_swing_book_holds_the_figures_of_its_design() -> None:
    book = load_book(EQUITY_SWING)
    assert len(book.universe) == 36
    assert {(one.asset_class, one.max_weight) for one in book.universe.values()} == {("equity", 0.10)}
    assert len({one.group for one in book.universe.values()}) == 9
    assert list(book.strategies) == [
        "rsi_mean_reversion", "ma_crossover", "ml_momentum", "news_sentiment", "volatility_breakout",
    ]  # fmt: skip
    for entry in book.strategies.values():
        assert (entry.share, entry.sizing) == (1.0, "atr_risk")
        assert entry.sizing_params == {"risk": 0.01, "multiple": 2.0, "max_share": 0.10}
        assert entry.params["stop_atr"] == 2.5
    bands = [(one.name, one.below, one.heat, one.strategies_off) for one in book.regime]
    assert bands == [
        ("LOW", 15, 0.40, ()),
        ("NORMAL", 25, 0.30, ()),
        ("HIGH", None, 0.20, ("ma_crossover", "volatility_breakout")),
    ]
    portfolio = book.portfolio
    assert (portfolio.capital, portfolio.one_entry_per_symbol) == ("shared", True)
    assert (portfolio.entry_correlation, portfolio.volatility_target) == (0.70, None)
    assert book.limits["daily_loss"] == {"limit": -0.02}
    assert book.limits["max_weight"] == {"drift": 0.02}
    assert book.limits["position_count"] == {"limit": 10, "per_symbol": 2}
    assert book.limits["gross_leverage"] == {"limit": 1.0, "margin": False}
    costs = book.costs_of("AAPL")
    assert (costs.commission, costs.commission_per_unit, costs.slippage) == (0.0, 0.005, 0.00075)
    assert book.broker.account != load_book(MULTI_ASSET).broker.account


Edit = Callable[[dict], object]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda b: b.update(limts={}),
            "limts: unknown key (did you mean limits?); remove it or correct its name",
        ),
        (
            lambda b: b["universe"]["GLD"].update(max_weight=-0.1),
            "universe.GLD.max_weight: found -0.1; input should be",
        ),
        (lambda b: b["universe"]["GLD"].pop("max_weight"), "universe.GLD.max_weight: missing"),
        (
            lambda b: b["universe"].update({"gold!": {"max_weight": 0.1}}),
            "universe.gold!: found 'gold!'; string should",
        ),
        (lambda b: b.update(universe={}), "universe: it names no symbol; name those"),
        (
            lambda b: b["portfolio"].update(volatility_target="high"),
            "portfolio.volatility_target: found 'high'",
        ),
        (
            lambda b: b["costs"].update(slippage=float("nan")),
            "costs.slippage: found nan; input should be a finite",
        ),
        (
            lambda b: b.update(orders={"limit_offset_bps": 10}),
            "orders: limit_offset_bps: found 10, and a market order has no limit",
        ),
        (
            lambda b: b.update(orders={"type": "limit", "limit_offset_bps": 2500}),
            "orders.limit_offset_bps: found 2500; input should be less than or equal to 2000",
        ),
        (
            lambda b: b.update(orders={"type": "stop"}),
            "orders.type: found 'stop'; input should be 'market' or",
        ),
        (
            lambda b: b["universe"]["GLD"].update(tick=0),
            "universe.GLD.tick: found 0; input should be greater than 0",
        ),
        (lambda b: b.update(initial_capital=0), "initial_capital: found 0; input should be greater than 0"),
        (
            lambda b: b["strategies"].update(other={"share": 0.5}),
            "strategies: the capital shares add up to 1.5, at most 1",
        ),
        (lambda b: b["regime"].pop(), "regime: `below` must rise"),
        (lambda b: b["regime"][0].update(below=35), "regime: `below` must rise"),
        (
            lambda b: b["regime"][0].update(strategies_off=["nope"]),
            "regime.NORMAL.strategies_off: nope is not a strategy of this book",
        ),
        (
            lambda b: b["regime"][0].update(capital={"nope": 0.5}),
            "regime.NORMAL.capital: nope is not a strategy of this book",
        ),
        (
            lambda b: b["regime"][0].update(capital={next(iter(b["strategies"])): 3}),
            "regime.NORMAL.capital: time_series_momentum would have 1.2 of the capital (0.4 × 3), at most 1",
        ),
        (
            lambda b: b["regime"][0].update(capital={next(iter(b["strategies"])): -0.5}),
            "regime.0.capital.time_series_momentum: found -0.5; input should be greater than or equal",
        ),
        (
            lambda b: b.update(origin="2024-01-02", inception="2024-01-02"),
            "origin 2024-01-02 must lie before inception",
        ),
        (lambda b: b["broker"].pop("account"), "broker.account: missing"),
        (
            lambda b: b.update(alerts={"routes": {"WARNING": ["My Chat"]}}),
            "alerts.routes.WARNING.0: found 'My Chat'; string should match",
        ),
        (
            lambda b: b.update(alerts={"routes": {"EMERGENCIES": ["mail"]}}),
            "alerts.routes.EMERGENCIES: unknown key (did you mean EMERGENCY?)",
        ),
    ],
)
def test_an_impossible_book_is_refused_with_file_key_and_reason(
    tmp_path: Path, edit: Edit, message: str
) -> None:
    tree = yaml.safe_load(MULTI_ASSET.read_text())
    edit(tree)
    path = tmp_path / "broken.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.raises(Refused) as caught:
        load_book(path)
    assert f"{path}: {message}" in str(caught.value)


def test_all_that_does_not_hang_together_is_told_at_once(tmp_path: Path) -> None:
    tree = yaml.safe_load(MULTI_ASSET.read_text())
    tree["strategies"]["other"] = {"share": 0.5}
    tree["regime"][0]["strategies_off"] = ["nope"]
    tree.update(origin="2024-01-02", inception="2024-01-02")
    path = tmp_path / "broken.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.raises(Refused) as caught:
        load_book(path)
    told = str(caught.value).splitlines()
    assert [line.removeprefix(f"{path}: ").split(" ")[0] for line in told] == [
        "strategies:", "regime.NORMAL.strategies_off:", "origin"
    ]  # fmt: skip


def test_every_key_of_a_book_has_a_description() -> None:
    def silent(model: type[BaseModel]) -> Iterator[str]:
        for name, field in model.model_fields.items():
            if not field.description:
                yield f"{model.__name__}.{name}"
            for part in models_in(field.annotation):
                yield from silent(part)

    def models_in(annotation: object) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        for part in get_args(annotation):
            yield from models_in(part)

    assert [*silent(Book), *silent(MaxDrawdownLimit)] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a book is a mapping of keys to values, found NoneType"),
        ("- 1", "a book is a mapping of keys to values, found list"),
        ("name: [", "not a YAML document"),
        ("name: a\nname: b\n", "the key 'name' is given twice"),
        ("name: \xff", "name"),
    ],
)
def test_a_file_that_is_no_book_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as caught:
        load_book(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        load_book(tmp_path / "none.yaml")


def test_a_value_can_be_set_over_the_file() -> None:
    book = load_book(MULTI_ASSET, {"limits.trades_per_day.limit": "8", "inception": "2019-12-02"})
    assert book.limits["trades_per_day"] == {"limit": 8}
    assert str(book.inception) == "2019-12-02"
    with pytest.raises(Refused, match=r"title\.x cannot be set: title holds a value, not keys"):
        load_book(MULTI_ASSET, {"title.x": "1"})


def test_the_config_hash_ignores_layout_and_follows_content(tmp_path: Path) -> None:
    tree = yaml.safe_load(MULTI_ASSET.read_text())
    same = tmp_path / "same.yaml"
    same.write_text(yaml.safe_dump(tree, sort_keys=False))
    assert load_book(same).config_hash == load_book(MULTI_ASSET).config_hash
    changed = load_book(MULTI_ASSET, {"universe.GLD.max_weight": "0.49"})
    assert changed.config_hash != load_book(MULTI_ASSET).config_hash


def test_alerts_take_the_routes_of_their_level_unless_the_book_says_otherwise() -> None:
    assert load_book(MULTI_ASSET).alerts.routes.model_dump() == {
        "INFO": ("mail",),
        "WARNING": ("mail", "chat"),
        "CRITICAL": ("mail", "chat"),
        "EMERGENCY": ("mail", "chat"),
    }
    routes = load_book(MULTI_ASSET, {"alerts": "{routes: {INFO: [], EMERGENCY: [pager]}}"}).alerts.routes
    assert (routes.INFO, routes.WARNING, routes.EMERGENCY) == ((), ("mail", "chat"), ("pager",))


def test_who_is_told_is_no_part_of_a_decision() -> None:
    told = load_book(MULTI_ASSET, {"alerts": "{routes: {INFO: []}}"})
    assert told.config_hash == load_book(MULTI_ASSET).config_hash


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{}", "give at least one"),
        ("{above: 0.1, acceptable: 0.2}", "asks for more than the target itself"),
        ("{below: 0.1, acceptable: 0.05}", "asks for more than the target itself"),
        ("{above: 0.2, below: 0.1}", "must be less than below"),
        ("{above: 0.1, below: 0.2, acceptable: 0.15}", "a range is met or missed"),
        ("{over: 0.1}", "unknown key"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(target: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        load_book(MULTI_ASSET, {"targets": f"{{sharpe: {target}}}"})


def test_a_target_of_no_figure_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Refused, match=r"(?s)targets.*annual_return.*max_drawdown"):
        load_book(MULTI_ASSET, {"targets": "{luck: {above: 1}}"})


def test_targets_and_tax_classes_change_no_decision_and_so_not_the_hash() -> None:
    book = load_book(MULTI_ASSET)
    for key, value in (("targets", "{sharpe: {above: 9}}"), ("universe.SPY.tax_class", "partnership")):
        assert load_book(MULTI_ASSET, {key: value}).config_hash == book.config_hash
    assert load_book(MULTI_ASSET, {"universe.SPY.max_weight": "0.39"}).config_hash != book.config_hash


def test_a_book_decides_daily_unless_it_says_otherwise_and_that_is_no_news_to_its_hash() -> None:
    book = load_book(MULTI_ASSET)
    assert book.schedule.rhythm == "daily"
    for same in ("daily", "{}", "{rhythm: daily}"):
        assert load_book(MULTI_ASSET, {"schedule": same}).config_hash == book.config_hash
    assert '"schedule":{"rhythm":"daily"}' in book.configuration
    assert '"hourly"' not in book.configuration


def test_an_hourly_book_has_its_hours_fields_in_its_hash() -> None:
    book = load_book(MULTI_ASSET, {"schedule": "hourly"})
    assert book.schedule.model_dump() == {
        "rhythm": "hourly",
        "bar_delay_minutes": 5,
        "wait_minutes": 10,
        "fill": "mean",
    }
    compared = load_book(MULTI_ASSET, {"schedule": "{rhythm: hourly, fill: open}"})
    assert len({load_book(MULTI_ASSET).config_hash, book.config_hash, compared.config_hash}) == 3


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("weekly", "schedule.rhythm: found 'weekly'; input should be 'daily' or 'hourly'"),
        ("{fill: open}", "schedule: fill belongs to an hourly book, and this one is daily"),
        ("{rythm: hourly}", r"schedule.rythm: unknown key \(did you mean rhythm\?\)"),
        ("{rhythm: hourly, fill: close}", "schedule.fill: found 'close'"),
        ("{rhythm: hourly, bar_delay_minutes: 30, wait_minutes: 30}", "leave no time"),
        ("{rhythm: hourly, bar_delay_minutes: -1}", "schedule.bar_delay_minutes: found -1"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(schedule: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        load_book(MULTI_ASSET, {"schedule": schedule})


def test_a_schedule_follows_from_its_book() -> None:
    assert schedule_of(load_book(MULTI_ASSET)).kind == "daily"
    made = schedule_of(load_book(MULTI_ASSET, {"schedule": "{rhythm: hourly, bar_delay_minutes: 7}"}))
    assert (made.kind, made.calendar.name, made.delay, made.wait) == (
        "hourly",
        "XNYS",
        timedelta(minutes=7),
        timedelta(minutes=10),
    )


FINANCING = "{debit_rate: 0.07, credit_rate: 0.03, borrow_rate: 0.01}"


def test_a_book_without_margin_and_financing_has_the_hash_from_before_there_were_any() -> None:
    plain = load_book(MULTI_ASSET)
    document = json.loads(plain.configuration)
    assert not {"financing", "margin"} & document.keys()
    assert all("borrow_rate" not in one for one in document["universe"].values())
    financed = load_book(MULTI_ASSET, {"financing": FINANCING})
    assert financed.config_hash != plain.config_hash
    own = load_book(MULTI_ASSET, {"financing": FINANCING, "universe.SPY.borrow_rate": "0.2"})
    assert own.config_hash != financed.config_hash
    assert own.borrow_rates["SPY"] == 0.2
    assert own.borrow_rates["GLD"] == 0.01


def test_interest_on_idle_cash_is_a_financing_that_gives_credit_alone() -> None:
    rates = load_book(MULTI_ASSET, {"cash.interest": "0.03"}).rates
    assert (rates.debit_rate, rates.credit_rate, rates.borrow_rate) == (0, 0.03, 0)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            {"financing": FINANCING, "cash.interest": "0.02"},
            r"cash\.interest: found 0\.02 beside financing, whose credit_rate says the same",
        ),
        ({"universe.SPY.borrow_rate": "0.2"}, r"universe\.SPY\.borrow_rate: the book has no financing"),
        ({"financing": "{credit_rate: 0.03}"}, r"financing\.debit_rate: missing(?s:.*)borrow_rate: missing"),
        ({"financing": "{debit_rate: -0.1, borrow_rate: 0}"}, r"financing\.debit_rate: found -0\.1"),
        ({"financing": "{debit_rates: 0.1}"}, r"did you mean debit_rate\?"),
    ],
)
def test_a_financing_that_makes_no_sense_is_refused(overrides: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        load_book(MULTI_ASSET, overrides)
