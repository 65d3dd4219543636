"""A store of files that does not answer well is a source that fails, and the next one is asked."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.fakes import s3

from nightdesk.core.errors import Refused, Transient
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.remote_files import RemoteFiles
from nightdesk.feeds.sample import SampleFeed
from nightdesk.feeds.source_fault import SourceFault

KEYS = {"AWS_ACCESS_KEY_ID": "an-access-key", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-store"}
NOBODY = {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 6)


def feed(environ: dict[str, str], folder: Path, place: str = "s3://desk/bars") -> RemoteFiles:
    made = RemoteFiles(place, "XNYS")
    made.environ = {**environ, "XDG_CACHE_HOME": str(folder)}
    return made


@pytest.mark.parametrize(
    ("environ", "fault", "words"),
    [
        ({}, Fault.FINAL, "s3://desk/bars: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment"),
        (NOBODY, Fault.PASSING, "s3://desk/bars: could not be read now"),
    ],
)
def test_a_store_that_gives_nothing_is_told_and_the_next_source_asked(
    environ: dict[str, str], fault: Fault, words: str, tmp_path: Path
) -> None:
    remote, health = feed(environ, tmp_path), MemoryHealth()
    for answer in (remote.fetch(["SPY"], FIRST, LAST), remote.fetch_hours(["SPY"], FIRST, LAST)):
        assert answer.bars.empty
        assert answer.missing["SPY"].fault is fault
        assert answer.missing["SPY"].reason.startswith(words)
        assert KEYS["AWS_SECRET_ACCESS_KEY"] not in answer.missing["SPY"].reason
    with pytest.raises(SourceFault, match="s3://desk/bars"):
        remote.former_names("SPY")
    chained = fetch_with_fallback([remote, SampleFeed("XNYS")], ["SPY"], FIRST, LAST, health)
    assert set(chained.fetched.bars["source"]) == {"sample"}
    assert len(chained.fetched.bars) == 5
    assert chained.health[remote.name].last_error.startswith(words)


def test_where_it_is_the_only_source_a_passing_fault_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="could not be read now"):
        fetch_with_fallback([feed(NOBODY, tmp_path)], ["SPY"], FIRST, LAST, MemoryHealth())
    with pytest.raises(Refused, match="AWS_ACCESS_KEY_ID"):
        fetch_with_fallback([feed({}, tmp_path)], ["SPY"], FIRST, LAST, MemoryHealth())


def test_a_bucket_that_is_not_there_and_a_wrong_key_are_final_and_a_wrong_file_is_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "buckets" / "desk").mkdir(parents=True)
    (tmp_path / "buckets" / "desk" / "bars.csv").write_text("date,symbol,opn\n2026-11-02,SPY,1\n")
    with s3.served(tmp_path / "buckets") as environ:
        for changed, place in (
            ({}, "s3://nobody/bars.csv"),
            ({}, "s3://desk/none.csv"),
            ({"AWS_SECRET_ACCESS_KEY": "quite-another-one"}, "s3://desk/bars.csv"),
        ):
            answer = feed(environ | changed, tmp_path, place).fetch(["SPY"], FIRST, LAST)
            assert answer.missing["SPY"].fault is Fault.FINAL, answer.missing
        with pytest.raises(Refused, match=r"bars\.csv"):
            feed(environ, tmp_path, "s3://desk/bars.csv").fetch(["SPY"], FIRST, LAST)
