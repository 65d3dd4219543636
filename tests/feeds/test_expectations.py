"""Great Expectations and arrays come to the same verdicts, of the desk's checks and of a book's own."""

import json
import socket
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.feeds.test_quality import (
    BOOK,
    LENGTH,
    SYMBOLS,
    T,
    book_of,
    panel_of,
    spoilt,
    with_bars,
    without_bars,
)
from tests.member_market import ORIGIN, member_market
from tests.member_market import session as member_session

from nightdesk.core.book import load_book, parse_book
from nightdesk.core.errors import Refused
from nightdesk.core.expectation_terms import ARRAY_FORMS, FRAME_COLUMNS, MEASURED_COLUMNS, TAKEN_NAMES
from nightdesk.feeds import expectations
from nightdesk.feeds.checks import CHECKS, CheckConsequence
from nightdesk.feeds.expectations import DESK_SUITE, ask, checks_frame, desk_suite, judge
from nightdesk.feeds.member_lists import read_members
from nightdesk.feeds.quality import examine
from nightdesk.research.backtest.data import read_market

THIN = {
    "name": "thin",
    "expect": "expect_column_values_to_be_between",
    "arguments": {"column": "traded", "min_value": 1e9},
    "then": "quarantine",
    "because": "less than a billion is traded",
}


def test_the_desks_suite_has_each_check_once_with_its_consequence():
    said = {one["name"]: one["then"] for one in desk_suite()}
    assert {name: said[name] for name in said if name not in ("columns", "symbols")} == {
        check.name: check.consequence.value for check in CHECKS
    }
    assert [one["because"] for one in desk_suite()][2:] == [check.meaning for check in CHECKS]


def test_the_frame_of_measures_has_the_checks_that_speak_of_each_symbol():
    quality = examine(panel_of(), BOOK)
    of_symbols = [one.name for one in CHECKS if len(quality.columns[one.name]) == len(SYMBOLS)]
    assert list(MEASURED_COLUMNS) == of_symbols
    assert {one.name for one in CHECKS} < TAKEN_NAMES


@pytest.mark.parametrize("seed", range(4))
def test_great_expectations_gives_the_same_verdicts_on_spoilt_bars(seed):
    quality = examine(spoilt(seed), BOOK)
    t = int(np.argmax(quality.quarantined.sum(axis=1)))
    asked = ask(quality, t)
    assert (asked.differs, asked.findings) == ((), ())
    (validation,) = asked.validations
    assert validation.suite == DESK_SUITE
    assert not validation.success
    failed = {
        one["expectation_config"]["meta"]["name"]
        for one in validation.document["results"]
        if not one["success"]
    }
    assert failed == {one.check for one in quality.findings(t) if one.outcome != "pass"}


def test_great_expectations_gives_the_same_verdicts_on_real_bars(market):
    book = load_book(Path(__file__).parents[2] / "books/multi_asset.yaml")
    panel = read_market(book, date(2019, 1, 2), date(2020, 12, 30), [f"files:{market}"]).panel
    quality = examine(panel, book)
    for t in (*np.flatnonzero(quality.warned.any(axis=1))[-2:], len(quality.stop) - 1):
        assert ask(quality, int(t)).differs == ()


def test_a_verdict_that_is_not_that_of_the_arrays_is_told():
    quality = examine(with_bars(panel_of(), (T, 0), high=0.5), BOOK)
    quality.failed["out_of_range"][T] = False
    assert ask(quality, T).differs == (
        "out_of_range: Great Expectations and the desk's checks differ on AAA",
    )


BOUNDS = ("min_value", "max_value")


def numbers() -> st.SearchStrategy[float]:
    return st.sampled_from([-1.0, 0.0, 0.3, 1.0, 99.0, 1e6, 5e7, 1e8, 2.0])


def arguments(frame: str, expect: str) -> st.SearchStrategy[dict[str, Any]]:
    """What an expectation with a form on arrays may be given."""
    column = st.sampled_from(FRAME_COLUMNS[frame])
    flag, mostly = st.booleans(), st.sampled_from([0.01, 0.33, 0.5, 0.67, 0.75, 0.83, 0.9, 1.0])
    ignore = st.sampled_from(["both_values_are_missing", "either_value_is_missing", "neither"])
    both = st.tuples(numbers(), numbers()).map(sorted).map(lambda two: dict(zip(BOUNDS, two, strict=True)))
    one = st.one_of(
        st.builds(lambda low: {"min_value": low}, numbers()),
        st.builds(lambda high: {"max_value": high}, numbers()),
    )
    strict = st.fixed_dictionaries({}, optional={"strict_min": flag, "strict_max": flag})
    bounds = st.tuples(st.one_of(both, one), strict).map(lambda two: two[0] | two[1])
    counts = st.integers(0, 8)
    if expect == "expect_table_row_count_to_equal":
        return st.fixed_dictionaries({"value": counts})
    if expect == "expect_table_row_count_to_be_between":
        return st.fixed_dictionaries({"min_value": counts}, optional={"strict_min": flag})
    if "pair" in expect:
        more = {"or_equal": flag} if expect.endswith("than_b") else {}
        return st.fixed_dictionaries(
            {"column_A": column, "column_B": column},
            optional={"ignore_row_if": ignore, "mostly": mostly, **more},
        )
    share = st.fixed_dictionaries({}, optional={"mostly": mostly})
    if expect.endswith("null"):
        own = st.fixed_dictionaries({"column": st.one_of(column, st.just("symbol"))})
    elif expect.endswith("set"):
        words = st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4)
        own = st.one_of(
            st.fixed_dictionaries(
                {"column": column, "value_set": st.lists(numbers(), min_size=1, max_size=4)}
            ),
            st.fixed_dictionaries({"column": st.just("symbol"), "value_set": words}),
        )
    else:
        own = st.tuples(st.fixed_dictionaries({"column": column}), bounds).map(lambda two: two[0] | two[1])
    return st.tuples(own, share).map(lambda two: two[0] | two[1])


@st.composite
def own_expectations(draw: st.DrawFn) -> list[dict[str, Any]]:
    out = []
    for number, expect in enumerate(ARRAY_FORMS):
        frame = draw(st.sampled_from(["bars", "measures"]))
        given_arguments = draw(arguments(frame, expect))
        symbols = draw(st.sampled_from([[], [], ["AAA"], ["AAA", "BBB", "CCC"]]))
        whole = "mostly" in given_arguments or "table" in expect
        then = draw(st.sampled_from(["warn", "stop"] if whole else ["warn", "quarantine", "stop"]))
        out.append(
            {"name": f"own{number}", "expect": expect, "arguments": given_arguments, "frame": frame}
            | {"symbols": symbols, "then": then}
        )
    return out


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 50), own_expectations(), st.integers(0, LENGTH - 1))
def test_own_expectations_have_the_same_verdicts_on_arrays_and_in_great_expectations(seed, said, t):
    panel = without_bars(spoilt(seed), (slice(t, t + 1), [1]))
    quality = examine(panel, book_of(expectations=said))
    assert len(quality.own) == len(ARRAY_FORMS)
    asked = ask(quality, t)
    assert asked.differs == ()
    failed = {one.check for one in quality.findings(t) if one.outcome != "pass"}
    told = {
        one["expectation_config"]["meta"]["name"]
        for validation in asked.validations
        for one in validation.document["results"]
        if not one["success"]
    }
    assert told == failed


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 50), own_expectations(), st.integers(1, LENGTH))
def test_what_own_expectations_say_of_a_session_never_depends_on_later_ones(seed, said, length):
    book = book_of(expectations=said)
    whole, part = examine(spoilt(seed), book), examine(spoilt(seed).until(length), book)
    assert whole.findings(length - 1) == part.findings(length - 1) or _alike(whole, part, length - 1)
    for name in ("quarantined", "warned", "stop"):
        assert np.array_equal(getattr(whole, name)[:length], getattr(part, name))


def _alike(whole, part, t) -> bool:
    """Equal but for NaN, which equals nothing."""
    return repr(whole.findings(t)) == repr(part.findings(t))


def test_a_symbol_that_fails_an_own_expectation_is_in_quarantine_and_its_bar_is_used():
    panel = with_bars(panel_of(), (T, slice(1, None)), volume=1e3)
    quality = examine(panel, book_of(expectations=[THIN]))
    assert quality.quarantined[T].tolist() == [True, *[False] * 7]
    assert not quality.withheld.bars[T].any()
    assert quality.reasons(T, CheckConsequence.QUARANTINE)["AAA"].endswith(
        "expected at least 1e+09 (less than a billion is traded)"
    )
    spell = quality.spells(T)[0]
    assert (spell.symbol, spell.checks) == ("AAA", ("thin",))
    # too many of them are too bad a day to decide on, as with the desk's own checks
    assert examine(panel_of(), book_of(expectations=[THIN])).stop[T]


def test_an_own_expectation_may_stop_the_run_or_warn_only():
    said = [
        {
            "name": "whole_universe",
            "expect": "expect_table_row_count_to_equal",
            "arguments": {"value": 6},
            "then": "stop",
            "because": "nothing is decided on a part",
        },
        THIN | {"then": "warn"},
    ]
    quality = examine(without_bars(panel_of(), (T, 0)), book_of(expectations=said))
    assert quality.stop[T]
    assert not quality.stop[T - 1]
    assert not quality.quarantined[T].any()
    assert quality.warned[T, 1]
    assert quality.why_stopped(T) == (
        "the whole book: whole_universe: 5 symbols have a row, exactly 6 are expected "
        "(nothing is decided on a part)"
    )


def test_an_expectation_without_a_form_on_arrays_warns_and_names_the_symbols():
    said = [
        {
            "name": "far_out",
            "expect": "expect_column_values_to_not_be_outliers",
            "arguments": {"column": "change", "method": "iqr", "multiplier": 3.0},
            "then": "warn",
        },
        {
            "name": "usual",
            "expect": "expect_column_median_to_be_between",
            "arguments": {"column": "close", "min_value": 1e6},
            "then": "warn",
            "because": "for a test",
        },
    ]
    panel = with_bars(panel_of(), (T, 0), open=1.3, high=1.3, low=1.3, close=1.3)
    quality = examine(panel, book_of(expectations=said))
    assert {one.check for one in quality.findings(T)}.isdisjoint({"far_out", "usual"})
    found = {(one.check, one.symbol): one for one in ask(quality, T).findings}
    assert set(found) == {("far_out", "AAA"), ("usual", "*")}
    assert found["far_out", "AAA"].value == pytest.approx(0.3, abs=0.05)
    assert "fails; found 1" in found["usual", "*"].words
    assert found["usual", "*"].words.endswith("(for a test)")


def test_a_frame_without_rows_meets_what_is_asked_of_rows():
    said = [
        THIN | {"symbols": ["AAA"]},
        THIN
        | {
            "name": "some",
            "symbols": ["AAA"],
            "arguments": {**THIN["arguments"], "mostly": 0.5},
            "then": "stop",
        },
    ]
    quality = examine(without_bars(panel_of(), (T, 0)), book_of(expectations=said))
    assert {one.check for one in quality.findings(T) if one.outcome != "pass"} == {"no_bar"}
    assert ask(quality, T).differs == ()


def test_an_expectation_that_cannot_be_evaluated_says_so():
    said = [
        {
            "name": "broken",
            "expect": "expect_column_values_to_match_regex",
            "arguments": {"column": "symbol", "regex": "["},
            "then": "warn",
        }
    ]
    (found,) = ask(examine(panel_of(), book_of(expectations=said)), T).findings
    assert found.outcome == "warn"
    assert "could not be asked" in found.words


def test_what_is_kept_of_a_session_is_json_without_times_and_bounded():
    quality = examine(spoilt(1), book_of(expectations=[THIN]))
    first, again = ask(quality, T), ask(quality, T)
    assert first == again
    for one in first.validations:
        text = json.dumps(one.document, allow_nan=False)
        assert len(text) < 40_000
        assert "time" not in json.dumps(one.document["meta"])


def test_it_talks_to_nobody(monkeypatch):
    tried = []

    def connect(self, address):
        tried.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", connect)
    expectations._asset.cache_clear()
    ask(examine(panel_of(), BOOK), T)
    assert tried == []


def test_it_does_not_chatter_in_the_log_of_a_task(caplog):
    with caplog.at_level("INFO"):
        ask(examine(panel_of(), BOOK), T)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("great_")] == []


def test_its_suite_is_put_together_once_a_process():
    expectations._suite.cache_clear()
    for t in (T - 2, T - 1, T):
        ask(examine(panel_of(), book_of(expectations=[THIN])), t)
    assert expectations._suite.cache_info().misses == 2


def test_a_malformed_table_of_the_checks_is_refused():
    quality = examine(panel_of(), BOOK)
    twice, other = checks_frame(quality, T), checks_frame(quality, T).rename(columns={"nulls": "none"})
    twice.loc[1, "symbol"] = "AAA"
    with pytest.raises(Refused, match=r"the table of the quality checks is malformed \(symbols\)"):
        judge(twice, quality, T)
    with pytest.raises(Refused, match=r"the table of the quality checks is malformed \(columns\)"):
        judge(other, quality, T)


def test_of_a_list_of_members_those_of_the_session_alone_are_rows(tmp_path):
    market = member_market(tmp_path / "weekly")
    whole = read_members(f"files:{market.list}")
    said = [
        {
            "name": "rows",
            "expect": "expect_table_row_count_to_be_between",
            "arguments": {"min_value": 9},
            "then": "warn",
        },
        {
            "name": "most",
            "expect": "expect_column_values_to_be_between",
            "arguments": {"column": "change", "min_value": 0, "mostly": 0.5},
            "then": "warn",
        },
        THIN | {"then": "warn"},
    ]
    tree = load_book(market.book).tree | {"quality": {"expectations": said}}
    book, last = parse_book(tree, "a test"), member_session(20)
    feed = [f"files:{market.folder / 'market'}"]
    spanning = book.with_members(whole, ORIGIN, last)
    all_of_it = examine(read_market(spanning, ORIGIN, last, feed).panel, spanning)
    for number in (0, 4, 9, 12):
        day = member_session(number)
        then = book.with_members(whole, ORIGIN, day)
        one = examine(read_market(then, ORIGIN, day, feed).panel, then)
        assert len(then.universe) <= len(spanning.universe)
        t = len(one.panel) - 1
        own = [found for found in one.findings(t) if found.check in ("rows", "most", "thin")]
        same = [found for found in all_of_it.findings(t) if found.check in ("rows", "most", "thin")]
        assert own == same or repr(own) == repr(same)
        assert {found.check for found in own} == {"rows", "most", "thin"}
        assert ask(one, t).differs == ()
    counts = {float(verdict.value[-1, 0]) for verdict in all_of_it.own if verdict.said.name == "rows"}
    assert counts < {float(n) for n in range(12)}
