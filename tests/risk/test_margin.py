"""A book's margin: its numbers by kind, what it costs, and the limits that it lets a book reach."""

import math
import re
from pathlib import Path

import pytest
import yaml

from nightdesk.core.book import parse_book
from nightdesk.core.errors import Refused
from nightdesk.core.margin import Margin
from nightdesk.engine import resolve

MULTI_ASSET = Path(__file__).parents[2] / "books" / "multi_asset.yaml"
MARGIN = {"margin": {"kind": "reg_t"}, "financing": {"debit_rate": 0.06, "borrow_rate": 0.005}}


@pytest.mark.parametrize(
    ("margin", "numbers"),
    [
        ({}, (1.0, 1.0, 1.0)),
        ({"kind": "reg_t"}, (0.50, 0.25, 0.30)),
        ({"kind": "portfolio"}, (0.15, 0.15, 0.15)),
        ({"kind": "reg_t", "maintenance": 0.4}, (0.50, 0.40, 0.40)),
        ({"kind": "portfolio", "initial": 0.25, "maintenance": 0.2}, (0.25, 0.20, 0.20)),
    ],
)
def test_a_margin_has_the_numbers_of_its_kind_where_it_says_no_others(margin, numbers):
    made = Margin.model_validate(margin)
    assert (made.initial, made.maintenance, made.maintenance_short) == numbers


@pytest.mark.parametrize(
    ("margin", "words"),
    [
        ({"kind": "reg-t"}, "input should be 'cash', 'reg_t' or 'portfolio'"),
        ({"kind": "cash", "initial": 0.5}, "a cash account puts up the whole value"),
        ({"kind": "reg_t", "maintenance": 0.6}, "maintenance 0.6 is more than initial 0.5"),
        ({"kind": "reg_t", "intial": 0.5}, "unknown key (did you mean initial?)"),
        ("reg_t", "margin: found 'reg_t'"),
    ],
)
def test_a_margin_that_cannot_be_is_refused(margin, words):
    tree = {**yaml.safe_load(MULTI_ASSET.read_text()), **MARGIN, "margin": margin}
    with pytest.raises(Refused, match=re.escape(words)):
        parse_book(tree, "book.yaml")


def test_borrowed_money_is_never_free():
    tree = {**yaml.safe_load(MULTI_ASSET.read_text()), "margin": {"kind": "portfolio"}}
    with pytest.raises(Refused, match="portfolio borrows money, and the book has no financing"):
        parse_book(tree, "book.yaml")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {**MARGIN, "limits": {"gross_leverage": {"limit": 3.0}}},
            "limits.gross_leverage.limit: gross 3.00 cannot be reached: the book's margin is reg_t, whose "
            "initial margin of 50% allows a gross of 2.00 at most",
        ),
        (
            {"limits": {"gross_leverage": {"limit": 1.5}}},
            "gross 1.50 cannot be reached: the book",
        ),
        (
            {"limits": {"gross_leverage": {"limit": 0.9, "margin": True}}},
            "limits.gross_leverage.margin: true",
        ),
        (
            {"limits": {"cash_buffer": {"limit": 0.9, "margin": True}}},
            "limits.cash_buffer.margin: true",
        ),
        (
            {**MARGIN, "limits": {"max_weight": {}}},
            "none of its limits bounds what it buys; add limits",
        ),
    ],
)
def test_limits_that_the_margin_does_not_reach_are_refused_with_the_numbers(changed, words):
    tree = {**yaml.safe_load(MULTI_ASSET.read_text()), **changed}
    with pytest.raises(Refused, match=re.escape(words)):
        resolve(parse_book(tree, "book.yaml"))


def test_a_book_on_margin_within_its_reach_is_a_book():
    limits = {"gross_leverage": {"limit": 2.0}, "cash_buffer": {"limit": 0.05}}
    desk = resolve(
        parse_book({**yaml.safe_load(MULTI_ASSET.read_text()), **MARGIN, "limits": limits}, "book.yaml")
    )
    assert (desk.most_gross, desk.most_net) == (2.0, math.inf)
