"""Accounts of books in a folder: none is shared, and real money is named for each account by itself."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import PROJECT

from nightdesk.brokers.broker_registry import open_account
from nightdesk.core.errors import Refused
from nightdesk.session.books import read_book, read_books, shared_accounts


def write(folder: Path, name: str, **changed: Any) -> Path:
    """A book of two accounts, the coins in one of their own."""
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    del tree["broker"]
    capital = int(tree["initial_capital"])
    tree |= {
        "name": name,
        "accounts": {
            "stocks": {"account": f"paper-{name}", "capital": capital - 10_000},
            "coins": {"account": f"coins-{name}", "capital": 10_000, **changed},
        },
        "routes": {"crypto": "coins", "default": "stocks"},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return path


def test_an_account_of_another_book_is_refused_with_its_key_and_other_books_go_on(tmp_path: Path) -> None:
    first, second = write(tmp_path, "first"), write(tmp_path, "second", account="paper-first")
    third = write(tmp_path, "third")
    found = read_books(tmp_path)
    assert found.refused == {}
    shared = shared_accounts(found.books)
    assert shared.keys() == {first, second}
    assert (
        f"{second}: accounts.coins.account: 'paper-first' is the account of {first} already" in shared[second]
    )
    assert third not in shared


def test_real_money_is_named_for_each_account_by_itself(tmp_path: Path) -> None:
    coins = {"kind": "alpaca", "account": "my-coins", "live": True, "capital_limit": 5_000}
    book = read_book(write(tmp_path, "real", **coins))
    keys = {"NIGHTDESK_ACCOUNT_MY_COINS_KEY": "k", "NIGHTDESK_ACCOUNT_MY_COINS_SECRET": "s"}
    with pytest.raises(Refused, match="add my-coins there to trade for real"):
        open_account(book.in_account("coins"), keys | {"NIGHTDESK_LIVE": "paper-real"})
    assert open_account(book.in_account("coins"), keys | {"NIGHTDESK_LIVE": "my-coins"}).kind == "alpaca"
    assert not book.simulated, "a book is as real as any of its accounts"
    assert book.is_simulated("stocks")


def test_orders_that_a_broker_does_not_take_are_refused_with_the_account(tmp_path: Path) -> None:
    path = write(tmp_path, "wrong", kind="binanz")
    with pytest.raises(Refused, match=r"wrong\.yaml: accounts\.coins\.kind: .*binanz"):
        read_book(path)
