"""Files in an object store: whole or not at all, read again only where they changed, refused in words."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes import s3

from nightdesk import object_store
from nightdesk.core.errors import Refused, Transient
from nightdesk.object_store import copied, written_whole

Store = dict[str, str]


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("buckets")
    (folder / "desk").mkdir()
    return folder


@pytest.fixture(scope="module")
def store(buckets: Path) -> Iterator[Store]:
    with s3.served(buckets) as environ:
        yield environ


def write(place: str, content: bytes, store: Store) -> None:
    with written_whole(place, store) as file:
        file.write(content)


def half_write(place: str, store: Store) -> None:
    with written_whole(place, store) as file:
        file.write(b"half of")
        raise ZeroDivisionError


def files(folder: Path) -> dict[str, bytes]:
    return {
        one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }


def test_what_is_written_is_read_back_from_a_copy_of_all_below_a_place(store: Store, tmp_path: Path) -> None:
    for name, content in {"a.csv": b"one", "deeper/b.csv": b"two" * 1_000_000}.items():
        write(f"s3://desk/back/{name}", content, store)
    folder = copied("s3://desk/back", tmp_path, store)
    assert files(folder) == {"a.csv": b"one", "deeper/b.csv": b"two" * 1_000_000}
    assert files(copied("s3://desk/back/a.csv", tmp_path, store)) == {"a.csv": b"one"}


def test_only_what_changed_is_read_again_and_what_went_is_gone(
    store: Store, buckets: Path, tmp_path: Path
) -> None:
    for name in ("same.csv", "changed.csv", "gone.csv"):
        write(f"s3://desk/again/{name}", name.encode(), store)
    folder = copied("s3://desk/again", tmp_path, store)
    before = {one.name: one.stat().st_ino for one in folder.iterdir()}
    write("s3://desk/again/changed.csv", b"other content", store)
    (buckets / "desk" / "again" / "gone.csv").unlink()
    assert copied("s3://desk/again", tmp_path, store) == folder
    assert files(folder) == {"same.csv": b"same.csv", "changed.csv": b"other content"}
    assert (folder / "same.csv").stat().st_ino == before["same.csv"]


def test_a_writer_that_fails_leaves_what_was_there(store: Store, tmp_path: Path) -> None:
    for place in ("s3://desk/kept/a.csv", str(tmp_path / "a.csv")):
        write(place, b"before", store)
        with pytest.raises(ZeroDivisionError):
            half_write(place, store)
    assert files(copied("s3://desk/kept", tmp_path / "copies", store)) == {"a.csv": b"before"}
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == b"before"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("s3://nobody/x/a.csv", "no bucket nobody, or these keys do not see it"),
        ("s3://desk", "expected a bucket and a key"),
        ("gs://desk/a.csv", "found gs://, expected a path, or s3://BUCKET/KEY"),
        ("/nowhere/at/all/a.csv", "there is no folder /nowhere/at/all"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(place: str, words: str, store: Store) -> None:
    with pytest.raises(Refused, match=words):
        write(place, b"x", store)


def test_a_place_without_anything_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is nothing in the store under this name"):
        copied("s3://desk/nothing", tmp_path, store)


def test_without_keys_or_with_wrong_ones_it_says_so_and_shows_none(store: Store, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment"):
        copied("s3://desk/back", tmp_path, {})
    with pytest.raises(Refused) as raised:
        copied("s3://desk/back", tmp_path, store | {"AWS_SECRET_ACCESS_KEY": "quite-another-secret"})
    assert "s3://desk/back: could not be read" in str(raised.value)
    assert "quite-another-secret" not in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into any folder")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path, store: Store) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Refused, match=r"a\.csv cannot be written: Permission"):
        write(str(tmp_path / "a.csv"), b"x", store)


def test_a_place_that_no_file_may_take_is_named_as_it_was_given(tmp_path: Path, store: Store) -> None:
    with pytest.raises(Refused, match=r"^/proc/a\.csv cannot be written: "):
        write("/proc/a.csv", b"x", store)


def test_a_store_that_does_not_answer_is_given_up(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(object_store, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Transient, match="s3://desk/back: could not be read now"):
            copied("s3://desk/back", tmp_path, store | {"AWS_ENDPOINT_URL": address})
