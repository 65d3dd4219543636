"""What vendors answered ahead of an ingest, a part of its symbols each: kept until it has stored the bars."""

from __future__ import annotations

from datetime import date, datetime

from nightdesk.store.db import Connection, cursor
from nightdesk.store.packing import Packed, pack, unpack
from nightdesk.store.queries import query


def keep_shard(
    conn: Connection, book: str, as_of: datetime, shard: int, first: date, made_from: str, content: Packed
) -> None:
    """Keep an answer, in place of an earlier one of the same part; what nobody has used for a day is deleted.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    book, as_of
        The decision.
    shard : int
        Number of the part, from 0.
    first : date
        First day that was asked for.
    made_from : str
        Names book and code that asked: another one does not read it.
    content : Packed
        The answer.
    """
    values = {"book": book, "as_of": as_of, "shard": shard, "first": first, "made_from": made_from}
    with cursor(conn) as cur:
        cur.execute(query("keep_shard"), {**values, "answer": pack(content)})


def read_shards(
    conn: Connection, book: str, as_of: datetime, first: date, made_from: str
) -> list[tuple[int, Packed]]:
    """The answers of a decision from a day on that are fresh and whole, by the number of their part."""
    values = {"book": book, "as_of": as_of, "first": first, "made_from": made_from}
    with cursor(conn) as cur:
        cur.execute(query("fresh_shards"), values)
        found = [(shard, unpack(bytes(answer))) for shard, answer in cur.fetchall()]
    return [(shard, content) for shard, content in found if content is not None]


def forget_shards(conn: Connection, book: str, as_of: datetime, made_from: str) -> int:
    """Delete the answers of a decision, whose bars are stored; how many parts of them were of use."""
    with cursor(conn) as cur:
        cur.execute(query("forget_shards"), {"book": book, "as_of": as_of, "made_from": made_from})
        return len({shard for shard, usable in cur.fetchall() if usable})
