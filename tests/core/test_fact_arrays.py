"""Facts on the rows of a panel: each row has what its own decision knew, however much came later."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.desks import book

from nightdesk import factors
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.fact_arrays import REPORTS, REPORTS_NEEDED, FactRows, position_values, with_facts
from nightdesk.core.fact_versions import FactVersions
from nightdesk.core.facts import EARNINGS, FACT_KINDS, LISTINGS, MACRO, POSITIONING, QUOTES, FactKind
from nightdesk.core.panel import Floats, Panel
from nightdesk.core.releases import NEW_YORK, cot_release
from nightdesk.core.schedule import schedule_of
from nightdesk.engine import resolve
from nightdesk.feeds.fact_chain import versions_of
from nightdesk.feeds.fact_feed import fact_frame
from nightdesk.testing.random_panels import panel_of

NAN = float("nan")
CALENDAR = get_calendar()
GOLD = "088691"

#: A book that reads every kind of facts.
READS: dict[str, Any] = {
    "feeds": {kind: ["files:facts"] for kind in FACT_KINDS},
    "macro": {"series": ["CPIAUCSL", "DGS10"]},
    "positioning": {"codes": {"GLD": GOLD}},
    "universe": {"GLD": {"max_weight": 0.5}, "SPY": {"max_weight": 0.4, "asset_class": "equity"}},
}
BOOK = book(**READS)


def new_york(day: str, clock: str) -> datetime:
    """An instant in New York as frames hold it."""
    moment = datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), NEW_YORK)
    return moment.astimezone(UTC).replace(tzinfo=None)


def told(kind: FactKind, subjects: Sequence[str], *rows: tuple[Any, ...]) -> dict[str, FactVersions]:
    """Versions of a kind: subject, day, known_at, its values."""
    frame = fact_frame(kind, [(*row, "a test") for row in rows])
    return {kind.name: versions_of(kind, frame, subjects, date(1990, 1, 1))}


def panel(first: str, last: str) -> Panel:
    sessions = CALENDAR.between(date.fromisoformat(first), date.fromisoformat(last))
    made = panel_of(np.full((len(sessions), 3), 100.0), symbols=("GLD", "SPY", "^VIX"))
    return replace(made, sessions=sessions)


def known(
    name: str, versions: dict[str, FactVersions], first: str, last: str, symbol: str = "GLD"
) -> dict[str, float]:
    """The values of a factor by session, those that are missing left out."""
    laid = with_facts(panel(first, last), BOOK, versions, schedule_of(BOOK))
    values = factors.compute(laid, [name], benchmark="SPY", universe=2)[name][:, laid.column(symbol)]
    days = laid.sessions.astype(str).tolist()
    return {day: value for day, value in zip(days, values.tolist(), strict=True) if np.isfinite(value)}


def test_a_figure_is_not_seen_before_its_release_nor_revised_before_its_revision() -> None:
    cpi = told(
        MACRO,
        ["CPIAUCSL"],
        ("CPIAUCSL", date(2024, 1, 1), new_york("2024-02-13", "08:30"), 309.7),
        ("CPIAUCSL", date(2024, 1, 1), new_york("2024-02-14", "17:00"), 309.8),
        ("CPIAUCSL", date(2023, 12, 1), new_york("2024-02-15", "08:30"), 1.0),  # an older month, revised
    )
    expected = {"2024-02-13": 309.7, "2024-02-14": 309.7, "2024-02-15": 309.8, "2024-02-16": 309.8}
    assert known("macro_CPIAUCSL", cpi, "2024-02-09", "2024-02-16") == expected
    assert known("macro_CPIAUCSL", cpi, "2024-02-09", "2024-02-16", "^VIX") == expected
    assert known("macro_DGS10", cpi, "2024-02-09", "2024-02-16") == {}


def test_a_figure_without_a_value_leaves_the_one_before_it() -> None:
    rows = [
        ("DGS10", date(2024, 2, 1), new_york("2024-02-02", "16:00"), 4.0),
        ("DGS10", date(2024, 2, 2), new_york("2024-02-05", "16:00"), NAN),
        ("DGS10", date(2024, 2, 1), new_york("2024-02-06", "16:00"), NAN),  # taken back
    ]
    found = known("macro_DGS10", told(MACRO, ["DGS10"], *rows), "2024-02-01", "2024-02-07")
    assert found == {"2024-02-02": 4.0, "2024-02-05": 4.0}


def report(day: date, long: float, short: float = 0.0, interest: float = 100.0) -> tuple[Any, ...]:
    """A report of gold, known from its release."""
    return (GOLD, day, cot_release(day).replace(tzinfo=None), long, short, interest)


def test_positions_of_tuesday_are_not_seen_before_friday() -> None:
    one = told(POSITIONING, [GOLD], report(date(2024, 5, 21), 60, 20), report(date(2024, 5, 14), 10))
    found = known("positioning_ratio", one, "2024-05-20", "2024-05-28")
    # Released on Friday at 15:30; before, the report of the week before stands.
    expected = {"2024-05-20": 0.1, "2024-05-21": 0.1, "2024-05-22": 0.1, "2024-05-23": 0.1}
    assert found == expected | {"2024-05-24": 0.4, "2024-05-28": 0.4}
    assert known("positioning_ratio", one, "2024-05-20", "2024-05-28", "SPY") == {}


def test_a_report_that_comes_on_friday_after_the_close_is_of_the_next_decision() -> None:
    late = (GOLD, date(2024, 5, 21), new_york("2024-05-24", "16:31"), 60.0, 20.0, 100.0)
    found = known("positioning_ratio", told(POSITIONING, [GOLD], late), "2024-05-22", "2024-05-28")
    assert found == {"2024-05-28": 0.4}


def test_positions_are_missing_when_no_report_has_followed_for_fifteen_sessions() -> None:
    """As in a shutdown of the government."""
    one = told(POSITIONING, [GOLD], report(date(2024, 5, 21), 60, 20))
    found = known("positioning_ratio", one, "2024-05-20", "2024-06-28")
    assert min(found) == "2024-05-24"
    assert max(found) == str(CALENDAR.shift(date(2024, 5, 21), 15))


def test_a_report_without_open_interest_is_passed_over() -> None:
    two = told(POSITIONING, [GOLD], report(date(2024, 5, 14), 10), report(date(2024, 5, 21), 60, 20, 0.0))
    assert set(known("positioning_ratio", two, "2024-05-20", "2024-05-28").values()) == {0.1}


def test_a_percentile_counts_ties_and_needs_two_years_of_reports() -> None:
    rng = np.random.default_rng(3)
    tuesdays = [date(2020, 1, 7) + timedelta(weeks=n) for n in range(200)]
    longs = rng.integers(0, 40, len(tuesdays)).astype(float).tolist()
    versions = told(POSITIONING, [GOLD], *(report(*one) for one in zip(tuesdays, longs, strict=True)))
    sessions = CALENDAR.between(date(2020, 1, 2), date(2023, 11, 30))
    instants = CALENDAR.closes[np.searchsorted(CALENDAR.sessions, sessions)] + np.timedelta64(30, "m")
    rows = FactRows(CALENDAR, instants, sessions, 1)
    found = position_values(rows, versions["positioning"])["positioning_percentile"][:, 0]
    released = np.array([np.datetime64(cot_release(one).replace(tzinfo=None)) for one in tuesdays])
    for t, instant in enumerate(instants):
        ratios = (np.array(longs)[released <= instant] / 100)[-REPORTS:]
        expected = NAN if len(ratios) < REPORTS_NEEDED else float(np.mean(ratios <= ratios[-1]))
        # In the spring of 2023 reports came weeks late.
        newest = max((day for day, at in zip(tuesdays, released, strict=True) if at <= instant), default=None)
        if newest is None or len(CALENDAR.between(newest, sessions[t].item())) > 16:
            expected = NAN
        np.testing.assert_equal(found[t], expected)
    assert np.isfinite(found).sum() > 400
    assert len(set(found[np.isfinite(found)].tolist())) > 20


EARLY = new_york("2024-04-01", "12:00")


@pytest.mark.parametrize(
    ("timing", "to_come", "since"),
    [
        ("before", [2, 1, None, None], [None, None, 0, 1]),
        ("after", [2, 1, 0, None], [None, None, None, 1]),
        ("", [2, 1, 0, None], [None, None, None, 1]),
    ],
)
def test_a_report_counts_in_sessions_by_when_it_comes(
    timing: str, to_come: list[int | None], since: list[int | None]
) -> None:
    """Decisions at the closes of Tuesday to Friday; the company reports on Thursday."""
    one = told(EARNINGS, ["SPY"], ("SPY", date(2024, 3, 31), EARLY, date(2024, 5, 2), timing))
    days = ("2024-04-30", "2024-05-01", "2024-05-02", "2024-05-03")
    for name, expected in (("sessions_to_earnings", to_come), ("sessions_since_earnings", since)):
        found = known(name, one, days[0], days[-1], "SPY")
        assert [found.get(day) for day in days] == expected


def test_a_report_that_moved_moves_from_when_that_was_known() -> None:
    moved = told(
        EARNINGS,
        ["SPY"],
        ("SPY", date(2024, 3, 31), EARLY, date(2024, 5, 6), "before"),
        ("SPY", date(2024, 3, 31), new_york("2024-05-01", "12:00"), date(2024, 5, 8), "before"),
        ("SPY", date(2024, 3, 31), new_york("2024-05-03", "12:00"), None, ""),
        ("SPY", date(2023, 12, 31), EARLY, date(2024, 2, 3), ""),  # a Saturday: it counts in Monday
    )
    found = known("sessions_to_earnings", moved, "2024-04-30", "2024-05-03", "SPY")
    assert found == {"2024-04-30": 4, "2024-05-01": 5, "2024-05-02": 4}
    past = known("sessions_since_earnings", moved, "2024-04-30", "2024-04-30", "SPY")
    assert past == {"2024-04-30": len(CALENDAR.between(date(2024, 2, 5), date(2024, 4, 30))) - 1}


def test_a_spread_is_of_the_last_good_quote_of_five_sessions() -> None:
    close = new_york("2024-05-01", "16:00")
    rows = [
        ("SPY", date(2024, 5, 1), close, 99.0, 101.0, 1.0, 1.0),
        ("SPY", date(2024, 5, 2), new_york("2024-05-02", "16:00"), 101.0, 99.0, 1.0, 1.0),  # crossed
        ("SPY", date(2024, 5, 3), new_york("2024-05-03", "16:00"), NAN, 99.0, 1.0, 1.0),
    ]
    found = known("quoted_spread", told(QUOTES, ["GLD", "SPY"], *rows), "2024-04-30", "2024-05-10", "SPY")
    assert found == dict.fromkeys(
        ("2024-05-01", "2024-05-02", "2024-05-03", "2024-05-06", "2024-05-07"), 0.02
    )


def test_a_size_is_the_newest_that_was_known() -> None:
    words = ("", "", "", "", "")
    rows = [
        ("SPY", date(2024, 5, 1), new_york("2024-05-02", "00:00"), *words, 5e9, NAN, None, None),
        ("SPY", date(2024, 5, 2), new_york("2024-05-03", "00:00"), *words, NAN, 1e6, None, None),
    ]
    found = known("market_cap", told(LISTINGS, ["SPY"], *rows), "2024-05-01", "2024-05-03", "SPY")
    assert found == {"2024-05-02": 5e9, "2024-05-03": 5e9}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_every_row_has_what_the_whole_history_says_was_known(data: st.DataObject) -> None:
    """By brute force over random histories; a panel cut short has the same rows."""
    length = 25
    sessions = CALENDAR.between(date(2024, 3, 1), date(2024, 6, 1))[:length]
    closes = CALENDAR.closes[np.searchsorted(CALENDAR.sessions, sessions)] + np.timedelta64(30, "m")
    hours = st.integers(-48, 24 * 40)
    numbers = st.one_of(st.just(NAN), st.integers(0, 9).map(float))
    found = data.draw(st.dictionaries(st.tuples(st.integers(0, 6), hours), numbers, max_size=25))
    rows = [
        (
            "DGS10",
            date(2024, 2, 1) + timedelta(days=day),
            (closes[0] + np.timedelta64(hour, "h")).item(),
            value,
        )
        for (day, hour), value in found.items()
    ]
    whole = replace(panel("2024-03-01", "2024-06-01").until(length))
    laid = with_facts(whole, BOOK, told(MACRO, ["DGS10"], *rows), schedule_of(BOOK))
    expected = []
    for close in closes:
        heard: dict[date, tuple[Any, float]] = {}
        for _, day, moment, value in rows:
            if np.datetime64(moment) <= close and (day not in heard or moment > heard[day][0]):
                heard[day] = (moment, value)
        said = {day: value for day, (_, value) in heard.items() if np.isfinite(value)}
        expected.append(said[max(said)] if said else NAN)
    np.testing.assert_array_equal(laid.facts["macro_DGS10"][:, 0], expected)
    cut = data.draw(st.integers(1, length))
    early = [row for row in rows if np.datetime64(row[2]) <= closes[cut - 1]]
    short = with_facts(whole.until(cut), BOOK, told(MACRO, ["DGS10"], *early), schedule_of(BOOK))
    np.testing.assert_array_equal(short.facts["macro_DGS10"], laid.until(cut).facts["macro_DGS10"])


def rules(**entry: str) -> dict[str, Any]:
    """A book of one strategy of written rules."""
    rule = {"enter": "close > 1", "leave": "close < 1", **entry}
    return {"strategies": {"by_facts": {"kind": "rules", "share": 1.0, "params": rule}}}


@pytest.mark.parametrize(
    ("name", "reads", "words"),
    [
        ("macro_DGS10", {}, r"feeds.macro: missing, and the factor macro_DGS10 is asked for; name a source"),
        ("quoted_spread@3", {}, r"feeds.quotes: missing, and the factor quoted_spread@3 is asked for"),
        ("rank_market_cap", {}, r"feeds.listings: missing, and the factor rank_market_cap is asked for"),
        (
            "macro_DGS1",
            READS,
            r"macro.series: found CPIAUCSL, DGS10, .* macro_DGS1 is .*; did you mean DGS10\?",
        ),
    ],
)
def test_a_factor_of_facts_that_the_book_does_not_read_is_refused(
    name: str, reads: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        resolve(book(**reads, **rules(enter=f"{name} > 0.5")))


def test_a_book_that_reads_them_may_use_them() -> None:
    desk = resolve(
        book(**READS, **rules(enter="macro_DGS10 > macro_DGS10@5 and positioning_percentile < 0.1"))
    )
    assert {"macro_DGS10", "macro_DGS10@5", "positioning_percentile"} <= set(desk.factor_names)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"macro": {"series": ["DGS10"]}}, r"macro.series: found DGS10, and feeds.macro names no source"),
        ({"feeds": {"macro": ["files:x"]}}, r"feeds.macro: found files:x, and macro.series names nothing"),
        ({"macro": {"serie": ["DGS10"]}}, r"macro.serie: unknown key.*series"),
        ({"feeds": {"macro": ["files:x"]}, "macro": {"series": ["dgs10"]}}, r"macro.series.0: found 'dgs10'"),
        (
            {"feeds": {"macro": ["a", "a"]}, "macro": {"series": ["D", "D"]}},
            r"macro.series: D stands there twice",
        ),
        ({"feeds": {"macro": ["a", "a"]}, "macro": {"series": ["D"]}}, r"feeds.macro: a stands there twice"),
        (
            {"feeds": {"positioning": ["a"]}, "positioning": {"codes": {"SLV": "084691"}}},
            r"positioning.codes: SLV is no symbol of this book's universe",
        ),
        (
            {"feeds": {"positioning": ["a"]}, "positioning": {"codes": {"GLD": 88691}}},
            r"positioning.codes.GLD: found 88691; .*put it in quotes",
        ),
        (
            {"feeds": {"earnings": ["a"]}},
            r"feeds.earnings: no symbol of the universe is of class equity, and",
        ),
        ({"feeds": {"earning": ["a"]}}, r"feeds.earning: unknown key.*did you mean earnings\?"),
    ],
)
def test_a_wrong_key_is_refused_with_what_is_right(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        book(**changed)


def test_a_book_without_facts_keeps_its_configuration() -> None:
    plain = book()
    assert not {"macro", "positioning", "earnings", "listings", "quotes"} & plain.tree["feeds"].keys()
    assert "positioning" not in plain.configuration
    assert book(**READS).config_hash != plain.config_hash


def test_values_are_those_of_their_kind() -> None:
    """Days and words come as numbers, what is not known as NaN."""
    versions = told(EARNINGS, ["A"], ("A", date(2024, 3, 31), EARLY, None, "after"))["earnings"]
    found: dict[str, Floats] = dict(versions.values)
    np.testing.assert_array_equal(found["report_date"], [NAN])
    np.testing.assert_array_equal(found["timing"], [1.0])
