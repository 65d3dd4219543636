"""A vendor restates its history for a split while the desk runs: it is one more split and nothing else."""

import csv
from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.conftest import open_connection
from tests.session.small_desk import SmallDesk, session

from nightdesk.operations.verify import verify

#: The session of the ex-date.
EX_DATE = 3


def restate(desk: SmallDesk, symbol: str, ratio: float, *, before: int, by: float) -> None:
    """Write the vendor's file anew: bars of the symbol before a session times `by`, volume over it."""
    rows = list(csv.reader(desk.bars.open()))
    for row in rows[1:]:
        if row[1] == symbol and row[0] < str(session(before)):
            row[2:6] = [f"{float(price) * by:.4f}" for price in row[2:6]]
            row[6] = f"{float(row[6]) / by:.0f}"
    with desk.bars.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def results(desk: SmallDesk, last: int) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT session, nav FROM nightdesk.portfolio WHERE session <= %s ORDER BY 1", session(last)
    )


def sent(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT session, symbol, side FROM nightdesk.orders ORDER BY 1, 2, 3")


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (1.5, "3:2"),
        pytest.param(4.0, "4:1", marks=pytest.mark.slow),
        pytest.param(0.1, "1:10", marks=pytest.mark.slow),
    ],
)
def test_a_running_book_takes_a_restatement_for_the_split_it_is(
    make_desk: Callable[[], SmallDesk], ratio: float, told: str
) -> None:
    plain, split = make_desk(), make_desk()
    for number in range(EX_DATE + 3):
        plain.run(number)
    symbol = next(
        str(name)
        for (name,) in plain.rows(
            "SELECT symbol FROM nightdesk.positions WHERE session = %s AND quantity > 0 "
            "AND symbol <> 'BTC-USD' ORDER BY symbol",
            session(EX_DATE - 1),
        )
    )
    # raw until the ex-date, then divided by the ratio all the way back
    restate(split, symbol, ratio, before=EX_DATE, by=ratio)
    for number in range(EX_DATE):
        split.run(number)
    restate(split, symbol, ratio, before=EX_DATE, by=1 / ratio)
    counts = split.run(EX_DATE)["ingest"]
    assert counts["corrected"] == 0
    assert counts["restated"] > 0
    assert f"{symbol}: inferred" in str(counts["restatements"])
    assert told in str(counts["restatements"])
    for number in range(EX_DATE + 1, EX_DATE + 3):
        assert split.run(number)["ingest"]["corrected"] == 0
    for (day, nav), (_, expected) in zip(
        results(split, EX_DATE + 2), results(plain, EX_DATE + 2), strict=True
    ):
        assert Decimal(str(nav)) == pytest.approx(Decimal(str(expected)), rel=Decimal("0.002")), day
    assert sent(split) == sent(plain)
    assert split.rows("SELECT count(*) FROM nightdesk.alerts WHERE subject LIKE '%%too late%%'") == [(0,)]
    with open_connection(split.url) as conn:
        assert verify(conn, "small").differences == ()
