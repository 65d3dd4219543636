"""The rules of a book: what a book on paper and the same one with real money have in common."""

import json
from pathlib import Path

import pytest

from nightdesk.core.book import Book, load_book
from nightdesk.core.book_rules import rules_hash_of

BOOKS = sorted((Path(__file__).resolve().parents[2] / "books").glob("*.yaml"))
MULTI_ASSET = next(one for one in BOOKS if one.stem == "multi_asset")


def changed(values: dict[str, str]) -> Book:
    return load_book(MULTI_ASSET, values)


def test_name_dates_capital_bars_and_account_are_no_rules() -> None:
    live = changed(
        {
            "name": "multi_asset_live",
            "title": "with real money",
            "initial_capital": "5000.00",
            "inception": "2026-01-05",
            "feeds.daily": "[yahoo]",
            "tax.taxpayer": "ann",
            "broker": "{kind: alpaca, account: '42', live: true, capital_limit: 50000}",
        }
    )

    assert live.config_hash != changed({}).config_hash
    assert live.rules_hash == changed({}).rules_hash


@pytest.mark.parametrize(
    "rule",
    [
        {"strategies.time_series_momentum.params.window": "61"},
        {"universe.SPY.max_weight": "0.39"},
        {"levels.at": "[0.05, 0.08, 0.12, 0.16]"},
        {"costs.slippage": "0.0006"},
        {"feeds.news": "[sample]"},
        {"tax.lots": "lifo"},
    ],
)
def test_what_it_decides_by_is_a_rule(rule: dict[str, str]) -> None:
    assert changed(rule).rules_hash != changed({}).rules_hash


@pytest.mark.parametrize("path", BOOKS, ids=lambda one: one.stem)
def test_what_the_store_keeps_of_a_book_has_the_same_rules(path: Path) -> None:
    book = load_book(path)

    assert rules_hash_of(json.loads(book.configuration)) == book.rules_hash


def test_a_number_is_the_same_however_it_is_written() -> None:
    assert rules_hash_of({"a": [1e20, 2.0]}) == rules_hash_of({"a": [10**20, 2]})
    assert rules_hash_of({"a": 0.1}) != rules_hash_of({"a": 0.2})
