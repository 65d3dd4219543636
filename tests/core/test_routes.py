"""Accounts and routes of a book: where each symbol goes, and what is refused with what to do."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightdesk.core.account_terms import MAIN
from nightdesk.core.book import Book, load_book
from nightdesk.core.errors import Refused
from nightdesk.orders.fills import fill_terms

MULTI_ASSET = Path(__file__).parents[2] / "books" / "multi_asset.yaml"

Tree = dict[str, Any]


def two_accounts() -> Tree:
    """The multi-asset book with its coins in an account of their own."""
    tree: Tree = yaml.safe_load(MULTI_ASSET.read_text())
    del tree["broker"]
    tree["initial_capital"] = 100_000
    tree["accounts"] = {
        "stocks": {"account": "paper-stocks", "capital": 90_000},
        "coins": {
            "account": "paper-coins",
            "capital": 10_000,
            "max_volume_share": None,
            "costs": {"commission": 0.002},
        },
    }
    tree["routes"] = {"crypto": "coins", "default": "stocks"}
    return tree


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Tree], Book]:
    def load_tree(tree: Tree) -> Book:
        path = tmp_path / "multi_asset.yaml"
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
        return load_book(path)

    return load_tree


def test_a_book_with_a_broker_has_one_account_and_the_configuration_that_it_had() -> None:
    book = load_book(MULTI_ASSET)
    assert book.account_names == (MAIN,)
    assert {book.account_of(symbol) for symbol in book.symbols} == {MAIN}
    assert book.in_account(MAIN) is book
    assert "accounts" not in book.configuration
    assert "routes" not in book.configuration


def test_each_symbol_goes_to_one_account_by_its_own_route_before_its_class(
    load: Callable[[Tree], Book],
) -> None:
    tree = two_accounts()
    tree["routes"]["GLD"] = "coins"
    book = load(tree)
    goes = {symbol: book.account_of(symbol) for symbol in book.symbols}
    assert {symbol for symbol, to in goes.items() if to == "coins"} == {"BTC-USD", "GLD"}
    view = book.in_account("coins")
    assert set(view.symbols) == {"BTC-USD", "GLD"}
    assert (view.own_entry.account, view.initial_capital) == ("paper-coins", Decimal(10_000))
    assert view.account_names == (MAIN,), "an account sees itself as the only one"


def test_costs_and_the_bound_by_volume_are_the_accounts(load: Callable[[Tree], Book]) -> None:
    tree = two_accounts()
    tree["routes"]["GLD"] = "coins"
    book = load(tree)
    assert book.costs_of("GLD").commission == 0.002
    assert book.costs_of("SPY") == book.costs
    own = load_book(MULTI_ASSET).universe["BTC-USD"].costs
    assert own is not None
    assert book.costs_of("BTC-USD") == own, "a symbol's own come before those of its account"
    terms = fill_terms(book)
    assert terms.volume_share("GLD") is None
    assert terms.volume_share("SPY") == Decimal("0.1")


def changed(*path: str, to: object) -> Callable[[Tree], None]:
    """A change of one key of a tree; None takes it out."""

    def change(tree: Tree) -> None:
        *parents, last = path
        node = tree
        for part in parents:
            node = node.setdefault(part, {})
        node[last] = to
        if to is None:
            del node[last]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            changed("routes", "crypto", to="coin"),
            "routes.crypto: found coin, which is no account of this book",
        ),
        (
            changed("routes", "stocks", to="stocks"),
            "routes.stocks: a route is named by a symbol of the universe",
        ),
        (
            changed("routes", "default", to=None),
            "routes: GLD, SPY, QQQ, SLV, XLK and 9 more of the universe go to no account; name one by symbol",
        ),
        (changed("routes", "crypto", to=None), "accounts.coins: no symbol of the universe goes there"),
        (
            changed("accounts", "coins", "capital", to=9_000),
            "their capital adds up to 99000 dollars, and initial_capital is 100000",
        ),
        (
            changed("accounts", "coins", "account", to="paper-stocks"),
            "accounts.coins.account: 'paper-stocks' of paper is account stocks already",
        ),
        (changed("broker", to={"account": "paper-multi-asset"}), "accounts: found beside broker"),
        (changed("accounts", to=None), "broker: missing; it must be given, or accounts with routes"),
        (changed("accounts", "coins", "live", to=True), "a live account wants a capital_limit"),
        (
            changed("accounts", "coins", "capital", to=None),
            "accounts.coins.capital: missing; it must be given",
        ),
        (changed("accounts", "coins", "capitel", to=1), "accounts.coins.capitel: unknown key (did you mean"),
        (
            changed("limits", to={"trades_per_day": {"limit": 5}}),
            "a book of several accounts needs a rule that keeps purchases within the money of their account",
        ),
    ],
)
def test_what_does_not_hang_together_is_refused_in_one_sentence(
    load: Callable[[Tree], Book], change: Callable[[Tree], None], words: str
) -> None:
    tree = two_accounts()
    change(tree)
    with pytest.raises(Refused) as refused:
        load(tree)
    assert words in str(refused.value)
    assert str(refused.value).count("\n") <= 1


def test_two_routes_of_one_symbol_are_refused_with_the_line(tmp_path: Path) -> None:
    text = yaml.safe_dump(two_accounts(), sort_keys=False)
    path = tmp_path / "multi_asset.yaml"
    path.write_text(text.replace("routes:\n", "routes:\n  GLD: coins\n  GLD: stocks\n"))
    with pytest.raises(Refused, match="the key 'GLD' is given twice"):
        load_book(path)


def test_an_option_goes_where_its_underlying_goes(load: Callable[[Tree], Book]) -> None:
    tree = two_accounts()
    tree["universe"]["SPY200619C00300000"] = {
        "asset_class": "option",
        "underlying": "SPY",
        "max_weight": 0.1,
    }
    load(tree)
    tree["routes"]["option"] = "coins"
    with pytest.raises(Refused, match="goes to coins and its underlying SPY to stocks; exercise moves"):
        load(tree)
