"""Tables as Parquet files: the rows, their types, the span, and read back by a feed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.fakes import s3
from tests.store.market_rows import BOOK, INCEPTION, actions, bars, week

from nightdesk.core.errors import Refused
from nightdesk.feeds import make
from nightdesk.operations.export import export
from nightdesk.store.bar_rows import save_market
from nightdesk.store.db import Connection, cursor
from nightdesk.store.exporting import tables

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 5)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("buckets")
    (folder / "desk").mkdir()
    with s3.served(folder) as environ:
        yield environ


@pytest.fixture
def filled(conn: Connection) -> Connection:
    """Two symbols over four sessions, one close corrected, one dividend."""
    save_market(conn, BOOK, week(), actions(("SPY", "2024-01-03", "dividend", 1.5)), inception=INCEPTION)
    save_market(conn, BOOK, bars(("SPY", "2024-01-04", 105.5)), None, inception=INCEPTION)
    return conn


def test_live_bars_are_exported_with_their_symbols_in_the_order_of_the_key(
    filled: Connection, tmp_path: Path
) -> None:
    place = tmp_path / "bars.parquet"
    assert export(filled, "bars", str(place)) == 8
    table = parquet.read_table(place)
    assert table.schema.field("session").type == pa.date32()
    assert table.schema.field("known_at").type == pa.timestamp("us", "UTC")
    assert table.schema.field("close").type == pa.float64()
    rows = [(one["session"], one["symbol"], one["close"]) for one in table.to_pylist()]
    keys = [(one["symbol"], one["session"]) for one in table.to_pylist()]
    assert keys == sorted(keys)
    assert (date(2024, 1, 4), "SPY", 105.5) in rows
    assert {one["superseded_at"] for one in table.to_pylist()} == {None}
    before = place.read_bytes()
    export(filled, "bars", str(place))
    assert place.read_bytes() == before


def test_all_versions_a_span_and_a_book_are_chosen(filled: Connection, tmp_path: Path) -> None:
    place = str(tmp_path / "bars.parquet")
    assert export(filled, "bars", place, versions=True) == 9
    assert export(filled, "bars", place, span=(date(2024, 1, 3), date(2024, 1, 4))) == 4
    assert export(filled, "bars", place, span=(date(2030, 1, 1), date(2030, 1, 2))) == 0
    assert parquet.read_table(place).num_rows == 0
    with pytest.raises(Refused, match="bars is of no book"):
        export(filled, "bars", place, book="multi_asset")
    assert export(filled, "orders", place, book="multi_asset") == 0


def test_every_table_and_view_can_be_exported(filled: Connection, tmp_path: Path) -> None:
    names = tables(filled)
    assert {"bars", "orders", "slippage", "factors_tall", "runs"} <= set(names)
    for name in names:
        export(filled, name, str(tmp_path / f"{name}.parquet"))
        assert parquet.read_schema(tmp_path / f"{name}.parquet").names


def test_exact_numbers_documents_lists_and_nothing_keep_what_they_are(
    conn: Connection, tmp_path: Path
) -> None:
    with cursor(conn) as cur:
        cur.execute(
            "CREATE TABLE nightdesk.things (at timestamptz, amount numeric, document jsonb, many float8[], "
            "names text[], flag boolean, content bytea)"
        )
        cur.execute(
            "INSERT INTO nightdesk.things VALUES ('2024-01-02T00:00:00Z', "
            "12345678901234567890.000000000000000001, "
            "'{\"b\": 1, \"a\": [null]}', '{1.5,null}', '{x,y}', true, '\\x00ff'), "
            "(NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
        )
    try:
        export(conn, "things", str(tmp_path / "things.parquet"))
        whole, empty = parquet.read_table(tmp_path / "things.parquet").to_pylist()
        assert whole == {
            "at": datetime(2024, 1, 2, tzinfo=UTC),
            "amount": Decimal("12345678901234567890.000000000000000001"),
            "document": '{"a": [null], "b": 1}',
            "many": [1.5, None],
            "names": ["x", "y"],
            "flag": True,
            "content": b"\x00\xff",
        }
        assert set(empty.values()) == {None}
        assert export(conn, "things", str(tmp_path / "t.parquet"), span=(FIRST, LAST)) == 1
    finally:
        with cursor(conn) as cur:
            cur.execute("DROP TABLE nightdesk.things")


def test_a_table_that_is_not_there_is_refused_with_the_nearest(conn: Connection, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no table or view 'bar'; near ones are bars"):
        export(conn, "bar", str(tmp_path / "x.parquet"))
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_a_day_has_no_span(conn: Connection, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="symbols has no day, so it has no span"):
        export(conn, "symbols", str(tmp_path / "x.parquet"), span=(FIRST, LAST))
    assert list(tmp_path.iterdir()) == []


def test_what_went_to_an_object_store_is_read_back_as_a_feed(
    filled: Connection, store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    export(filled, "bars", "s3://desk/history/bars.parquet")
    export(filled, "corporate_actions", "s3://desk/history/actions.parquet")
    fetched = make("files:s3://desk/history").fetch(["SPY", "^VIX"], FIRST, LAST)
    assert not fetched.missing
    found = {(one.symbol, one.session.date()): one.close for one in fetched.bars.itertuples()}
    assert len(found) == 8
    assert found["SPY", date(2024, 1, 4)] == 105.5
    stated = [(one.symbol, one.session.date(), one.kind, one.value) for one in fetched.actions.itertuples()]
    assert stated == [("SPY", date(2024, 1, 3), "dividend", 1.5)]
