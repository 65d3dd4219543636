"""COPY in its binary format: arrays in, the same arrays out."""

import numpy as np
import pytest

from nightdesk.store.binary import Labels, copy_in, copy_out, days
from nightdesk.store.db import Connection, cursor

TYPES = {"n": ">i4", "day": ">i4", "price": ">f8"}


@pytest.mark.parametrize("length", [0, 1, 1000])
def test_arrays_come_back_exactly(conn: Connection, length: int) -> None:
    rng = np.random.default_rng(5)
    day = np.datetime64("1995-06-30") + np.arange(length)
    price = rng.normal(size=length) * 10.0 ** rng.integers(-300, 300, length)
    price[::7] = np.nan
    with cursor(conn) as cur:
        cur.execute("CREATE TEMPORARY TABLE wire (n integer, day date, price float8, at timestamptz)")
        instants = np.datetime64("2024-01-02T21:30:00.000001") + np.arange(length).astype("timedelta64[s]")
        n = np.arange(length, dtype=np.int32)
        copy_in(cur, "wire", {"n": n, "day": day, "price": price, "at": instants})
        rows = copy_out(cur, "SELECT n, day, price FROM wire ORDER BY n", TYPES)
        cur.execute("SELECT array_agg(at::text ORDER BY n) FROM wire WHERE n < 2")
        stored = cur.fetchone()
    np.testing.assert_array_equal(rows["n"], n)
    np.testing.assert_array_equal(days(rows["day"]), day)
    np.testing.assert_array_equal(rows["price"], price)
    if length > 1:
        assert stored == (["2024-01-02 21:30:00.000001+00", "2024-01-02 21:30:01.000001+00"],)


@pytest.mark.parametrize("names", [("vendor",), ("vendor", "", "Börse"), ("a", "never used", "bb")])
def test_texts_come_back_beside_their_numbers(conn: Connection, names: tuple[str, ...]) -> None:
    length = 20_000  # more than one piece
    used = [name for name in names if name != "never used"]
    codes = np.array([names.index(used[n % len(used)]) for n in range(length)])
    n, other = np.arange(length, dtype=np.int32), Labels(codes[::-1], names)
    with cursor(conn) as cur:
        cur.execute("CREATE TEMPORARY TABLE wire (n integer, source text, other text)")
        copy_in(cur, "wire", {"source": Labels(codes, names), "n": n, "other": other})
        cur.execute("SELECT n, source, other FROM wire ORDER BY n")
        rows = cur.fetchall()
    assert rows == [(at, names[codes[at]], names[codes[-1 - at]]) for at in range(length)]


def test_a_query_with_nulls_is_a_defect(conn: Connection) -> None:
    with cursor(conn) as cur, pytest.raises(ValueError, match="not of fixed width"):
        copy_out(cur, "SELECT 1, date '2024-01-02', NULL::float8", TYPES)
