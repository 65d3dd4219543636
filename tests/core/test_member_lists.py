"""Books whose universe is a list of members: their keys, the list's own faults, who is a member when."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightdesk.accounting.tax import tax_terms
from nightdesk.core.book import Book, load_book, parse_book
from nightdesk.core.errors import Refused
from nightdesk.core.members import Membership, MemberSpan, OffSpan, PairSpan, faults_of, first_without
from nightdesk.engine import resolve

FIRST, LAST = date(2020, 1, 1), date(2020, 12, 31)
LIST = Membership(
    (
        MemberSpan("A", date(2019, 1, 2), date(2020, 3, 2), "tech"),
        MemberSpan("A", date(2020, 6, 1), None, "tech"),
        MemberSpan("B", date(2020, 3, 3)),
        MemberSpan("C", date(2021, 1, 4)),
        MemberSpan("D", date(2010, 1, 4), date(2011, 1, 4)),
    )
)


def member_tree(**changed: Any) -> dict[str, Any]:
    universe = {
        "members": "files:members.csv",
        "each": {"max_weight": 0.1, "asset_class": "equity"},
        "always": ["SPY"],
        "symbols": {"B": {"max_weight": 0.02}},
    }
    return {
        "name": "many",
        "title": "Many",
        "initial_capital": 100_000,
        "broker": {"account": "paper-many"},
        "universe": {**universe, **changed},
        "strategies": {"rotation": {"sizing": "risk_parity"}},
        "regime": [{"name": "ANY"}],
        "limits": {"max_weight": {}},
    }


def member_book(**changed: Any) -> Book:
    return parse_book(member_tree(**changed), "many.yaml")


def refused(tree: dict[str, Any]) -> str:
    with pytest.raises(Refused) as caught:
        resolve(parse_book(tree, "many.yaml"))
    return str(caught.value)


def test_a_book_holds_all_that_was_listed_over_its_panel_and_nothing_that_comes_later() -> None:
    book = member_book().with_members(LIST, FIRST, LAST)
    assert book.symbols == ("A", "B", "SPY")
    assert book.universe["A"].group == "tech"
    assert [one.max_weight for one in book.universe.values()] == [0.1, 0.02, 0.1]
    assert {one.asset_class for one in book.universe.values()} == {"equity"}


def test_a_symbol_that_an_earlier_version_of_the_list_had_keeps_its_column_and_is_no_member() -> None:
    before = Membership((MemberSpan("B", date(2020, 1, 2)),), (MemberSpan("Z", date(2020, 1, 2)),))
    book = member_book().with_members(before, FIRST, LAST)
    assert book.symbols == ("B", "SPY", "Z")
    mask = book.member_mask(np.array(["2020-02-03"], dtype="datetime64[D]"))
    assert mask is not None
    assert mask.tolist() == [[True, True, False]]


def test_a_member_is_one_from_its_first_session_to_its_last_one_and_always_where_the_book_says_so() -> None:
    book = member_book().with_members(LIST, FIRST, LAST)
    days = ["2020-01-01", "2020-03-02", "2020-03-03", "2020-05-29", "2020-06-01"]
    mask = book.member_mask(np.array(days, dtype="datetime64[D]"))
    assert mask is not None
    assert mask.astype(int).tolist() == [[1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 1, 1], [1, 1, 1]]


def test_a_later_change_of_the_list_changes_no_earlier_row() -> None:
    sessions = np.arange("2020-01-01", "2020-12-31", dtype="datetime64[D]")
    changed = Membership((*LIST.spans[:2], MemberSpan("B", date(2020, 3, 3), date(2020, 8, 31))))
    cut = int(np.searchsorted(sessions, np.datetime64("2020-09-01")))
    one, other = (each.mask(sessions, ("A", "B")) for each in (LIST, changed))
    np.testing.assert_array_equal(one[:cut], other[:cut])
    assert (one[cut:, 1] & ~other[cut:, 1]).all()


def test_the_configuration_holds_where_the_list_is_and_not_what_it_holds() -> None:
    plain = member_book()
    full = plain.with_members(LIST, FIRST, LAST)
    assert full.config_hash == plain.config_hash
    assert full.document == plain.document
    assert parse_book(json.loads(full.document), "stored").document == plain.document
    assert member_book(members="files:others.csv").config_hash != plain.config_hash
    assert member_book(each={"max_weight": 0.2}).config_hash != plain.config_hash


def test_a_book_whose_list_was_not_read_does_not_say_who_is_a_member() -> None:
    with pytest.raises(Refused, match="that list was not read"):
        member_book().member_mask(np.array(["2020-01-02"], dtype="datetime64[D]"))


def test_what_the_rules_of_a_book_with_members_are() -> None:
    desk = resolve(member_book().with_members(LIST, FIRST, LAST))
    assert [rule.name for rule in desk.rules][:3] == ["overrides", "override_size", "member"]
    listed = member_tree()
    listed["universe"] = {"A": {"max_weight": 0.1}}
    assert "member" not in [one.name for one in resolve(parse_book(listed, "a")).rules]
    listed["limits"]["member"] = {}
    assert "limits.member: the book lists its symbols" in refused(listed)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"members": "list.csv"}, "universe.members: found 'list.csv'"),
        ({"members": None}, "universe.members: found neither of members and screen"),
        ({"screen": {}}, "universe.members: found both of members and screen"),
        ({"each": {}}, "universe.each.max_weight: missing"),
        ({"eahc": {}}, "universe.eahc: unknown key (did you mean each?)"),
        ({"each": {"max_weight": 0.1, "asset_class": "crypto"}}, "universe.each.asset_class: found crypto"),
        ({"symbols": {"B": {"max_wieght": 0.1}}}, "universe.symbols.B.max_wieght: unknown key"),
        ({"symbols": {"B": {"asset_class": "crypto"}}}, "universe.symbols.B.asset_class: found crypto"),
        ({"always": ["SPY", "SPY"]}, "universe.always: each symbol is named once"),
        ({"each": {"max_weight": 0.1, "tax_class": "partnership"}}, "universe.each.tax_class"),
        ({"each": {"max_weight": 0.1, "borrow_rate": 0.1}}, "universe.each.borrow_rate: the book has no"),
    ],
)
def test_a_faulty_key_is_named_as_the_file_has_it(changed: dict[str, Any], words: str) -> None:
    assert words in refused(member_tree(**changed))


def test_members_stand_in_the_universe_and_nowhere_else() -> None:
    tree = member_tree()
    tree["members"] = tree["universe"]
    assert "members: unknown key; a list of members is named by universe.members" in refused(tree)


def test_an_hourly_book_and_a_strategy_that_learns_have_no_list_of_members() -> None:
    assert "found a list, and the book decides hourly" in refused({**member_tree(), "schedule": "hourly"})
    learning = {**member_tree(), "strategies": {"ml_momentum": {}}}
    assert "strategies.ml_momentum: it learns from the bars of all symbols" in refused(learning)


def test_what_a_strategy_or_a_level_names_by_itself_is_always_a_member() -> None:
    tree = {**member_tree(), "strategies": {"cross_sectional_momentum": {}}}
    assert "stands under universe.always" in refused(tree)
    tree["universe"]["always"] = ["SPY", "GLD", "TLT"]
    assert resolve(parse_book(tree, "many.yaml")).symbols == ("SPY", "GLD", "TLT")


def test_a_universe_without_a_symbol_is_refused() -> None:
    assert "universe: it names no symbol" in refused({**member_tree(), "universe": {}})


def test_spans_that_overlap_end_before_they_begin_or_change_their_group_are_faults() -> None:
    def of(*spans: MemberSpan) -> list[str]:
        return faults_of(spans)

    day = date(2020, 1, 2)
    assert of(*LIST.spans) == []
    assert "lies before" in of(MemberSpan("A", day, date(2019, 1, 2)))[0]
    assert (
        "listed twice at once, from 2020-01-02 without an end"
        in of(MemberSpan("A", day), MemberSpan("A", date(2020, 2, 3)))[0]
    )
    assert "one group" in of(MemberSpan("A", day, day, "x"), MemberSpan("A", date(2020, 2, 3), None, "y"))[0]
    many = [MemberSpan(f"S{n}", day, date(2019, 1, 2)) for n in range(9)]
    assert of(*many)[-1] == "and 4 more of the kind"


def test_the_first_session_without_a_member_is_found() -> None:
    sessions = np.array(["2011-01-04", "2011-01-05", "2019-01-02"], dtype="datetime64[D]")
    assert first_without(LIST, sessions) == date(2011, 1, 5)
    assert first_without(LIST, sessions[[0, 2]]) is None


def test_a_yaml_file_says_it_as_its_tree_does(tmp_path: Path) -> None:
    import yaml

    path = tmp_path / "many.yaml"
    path.write_text(yaml.safe_dump(member_tree()))
    assert load_book(path).config_hash == member_book().config_hash
    assert load_book(path, {"universe.each.max_weight": "0.3"}).universe["SPY"].max_weight == 0.3


def test_the_tax_knows_the_terms_of_what_the_book_names_whoever_is_a_member() -> None:
    plain = member_book(symbols={"B": {"tax_class": "partnership"}})
    assert tax_terms(plain).partnerships == {"B"}
    assert tax_terms(plain.with_members(LIST, FIRST, LAST)) == tax_terms(plain)


def test_a_book_that_names_no_symbol_itself_is_a_desk_before_its_list_is_read() -> None:
    desk = resolve(member_book(always=[]))
    assert desk.symbols == ()
    assert [rule.name for rule in desk.rules][:3] == ["overrides", "override_size", "member"]


def test_members_go_to_the_account_of_their_class_and_single_ones_to_their_own() -> None:
    tree = member_tree()
    del tree["broker"]
    accounts = {name: {"account": f"paper-{name}", "capital": 50_000} for name in ("one", "two")}
    tree |= {"accounts": accounts, "routes": {"equity": "one", "B": "two"}}
    tree["limits"]["cash"] = {}
    book = parse_book(tree, "many.yaml").with_members(LIST, FIRST, LAST)
    assert {one: book.account_of(one) for one in book.symbols} == {"A": "one", "B": "two", "SPY": "one"}
    own = book.in_account("one")
    assert own.symbols == ("A", "SPY")
    mask = own.member_mask(np.array(["2020-04-01"], dtype="datetime64[D]"))
    assert mask is not None
    assert mask.tolist() == [[False, True]]
    tree["routes"] = {"SPY": "one", "B": "two"}
    assert "routes: every listed symbol of the universe go to no account" in refused(tree)


def test_what_is_off_keeps_its_place_among_members_and_may_not_be_opened_in_its_session_alone() -> None:
    day = date(2020, 3, 2)
    off = (
        OffSpan("A", day, "price 4.1 $"),
        OffSpan("SPY", day, "spread"),
        OffSpan("A", date(2020, 3, 7), "-"),
    )
    book = member_book().with_members(Membership(LIST.spans, off=off), FIRST, LAST)
    sessions = np.array(["2020-02-28", "2020-03-02", "2020-03-03"], dtype="datetime64[D]")
    member, mask = book.member_mask(sessions), book.off_mask(sessions)
    assert member is not None
    assert mask is not None
    assert member[:, 0].tolist() == [True, True, False]
    assert mask.astype(int).tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]], "SPY is always a member"
    assert book.off_mask(sessions[:1]) is None
    assert book.membership is not None
    assert book.membership.off_at(day) == {"A": "price 4.1 $", "SPY": "spread"}


def test_a_pair_is_one_in_the_sessions_of_its_screens() -> None:
    pairs = (PairSpan("B", "A", FIRST, date(2020, 3, 6)), PairSpan("A", "C", date(2020, 3, 2)))
    listed = Membership(LIST.spans, pairs=pairs)
    assert [(one.a, one.b) for one in listed.pairs_at(date(2020, 3, 6))] == [("A", "C"), ("B", "A")]
    assert [(one.a, one.b) for one in listed.pairs_at(date(2020, 3, 9))] == [("A", "C")]
    assert listed.pairs_at(date(2019, 3, 9)) == ()


def screened_tree(screen: dict[str, Any], feeds: dict[str, Any] | None = None) -> dict[str, Any]:
    tree = member_tree(screen=screen)
    del tree["universe"]["members"]
    return tree if feeds is None else {**tree, "feeds": feeds}


def test_a_screen_is_a_part_of_the_configuration_and_what_it_finds_is_not() -> None:
    feeds = {"daily": ["sample"], "listings": ["files:facts"]}
    book = parse_book(screened_tree({"size": 40}, feeds), "many.yaml")
    assert book.members is not None
    assert book.members.screen is not None
    assert book.members.screen.size == 40
    assert book.with_members(LIST, FIRST, LAST).config_hash == book.config_hash
    assert parse_book(json.loads(book.document), "stored").config_hash == book.config_hash
    assert parse_book(screened_tree({"size": 41}, feeds), "many.yaml").config_hash != book.config_hash
    with pytest.raises(Refused, match="its members are in the screen of listings"):
        book.member_mask(np.array(["2020-01-02"], dtype="datetime64[D]"))


@pytest.mark.parametrize(
    ("screen", "words"),
    [
        ({}, "universe.screen.pool, universe.screen.criteria.market_cap, universe.screen.criteria.exchanges"),
        ({"pool": "all"}, "universe.screen.pool: found 'all'"),
        (
            {"criteria": {"exchange": ["NYSE"]}},
            "universe.screen.criteria.exchange: unknown key (did you mean",
        ),
        ({"criteria": {"price": [500, 5]}}, "universe.screen.criteria.price"),
        ({"criteria": {"spread_required": True}}, "feeds.quotes: names no source"),
        ({"pairs": {"same_sector": "always"}}, "universe.screen.pairs.same_sector"),
    ],
)
def test_a_faulty_key_of_a_screen_is_named_as_the_file_has_it(screen: dict[str, Any], words: str) -> None:
    assert words in refused(screened_tree(screen))


def test_a_screen_of_prices_alone_asks_for_no_source_of_listings() -> None:
    prices = {"pool": "files:pool.csv", "criteria": dict.fromkeys(("market_cap", "exchanges", "securities"))}
    assert parse_book(screened_tree(prices), "many.yaml").members is not None
