"""Files in an object store, S3 or what speaks its language: written whole, read through a copy.

A place is a path, or ``s3://BUCKET/KEY``. Keys, region and address come from the environment as every client
of S3 reads them: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_REGION``,
``AWS_ENDPOINT_URL``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nightdesk.core.errors import Refused, Transient

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

S3 = "s3://"

#: Seconds for a connection, and for one answer.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0

#: Bytes that are copied at once.
PIECE = 1 << 20

#: What the client says of faults that pass, such as a store that does not answer.
_PASSING = (
    "NETWORK_CONNECTION", "REQUEST_TIMEOUT", "SLOW_DOWN", "THROTTLING", "SERVICE_UNAVAILABLE",
    "INTERNAL_FAILURE", "HTTP status 5", "Timeout", "timed out",
)  # fmt: skip

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def is_remote(place: str) -> bool:
    """Whether a place is in an object store."""
    return "://" in place


@contextmanager
def written_whole(place: str, environ: Mapping[str, str] | None = None) -> Iterator[Any]:
    """A file to write to, which is there when it is whole or not at all.

    Raises
    ------
    Refused
        When the place cannot be written: no such bucket or folder, no keys, read-only.
    Transient
        When the store fails for a passing reason, or does not answer in time.
    """
    if not is_remote(place):
        with _written_beside(Path(place)) as file:
            yield file
        return
    system, path = _in_store(place, environ)
    with _told(place, "written"):
        _refuse_without_bucket(system, path, place)
    # Sent when it is whole: a stream of the store that is given up becomes an object all the same.
    with TemporaryFile() as file:
        yield file
        file.seek(0)
        with _told(place, "written"), system.open_output_stream(path) as stream:
            shutil.copyfileobj(file, stream, PIECE)


def copied(place: str, cache: Path, environ: Mapping[str, str] | None = None) -> Path:
    """A folder here with the files below a place of the store, or with that file; what changed is read anew.

    Raises
    ------
    Refused
        When there is nothing, or the store refuses.
    Transient
        When the store fails for a passing reason, or does not answer in time.
    """
    from pyarrow.fs import FileSelector, FileType

    system, path = _in_store(place, environ)
    folder = cache / hashlib.sha256(place.encode()).hexdigest()[:16]
    with _told(place, "read"):
        _refuse_without_bucket(system, path, place)
        there = system.get_file_info(path)
        found = [there] if there.type == FileType.File else []
        if there.type == FileType.Directory:
            listed = system.get_file_info(FileSelector(path, recursive=True))
            found = [one for one in listed if one.type == FileType.File]
        if not found:
            raise Refused(f"{place}: there is nothing in the store under this name")
        kept = {_copy(system, one, path, folder) for one in found}
    for stale in [one for one in folder.rglob("*") if one.is_file() and one not in kept]:
        stale.unlink()
    return folder


def sizes_below(place: str, environ: Mapping[str, str] | None = None) -> dict[str, int]:
    """Bytes of the files directly below a place of the store, by name; none where nothing is there yet.

    Raises
    ------
    Refused
        When the bucket is not there, or the store refuses.
    Transient
        When the store fails for a passing reason, or does not answer in time.
    """
    from pyarrow.fs import FileSelector, FileType

    system, path = _in_store(place, environ)
    with _told(place, "listed"):
        _refuse_without_bucket(system, path, place)
        listed = system.get_file_info(FileSelector(path, allow_not_found=True))
        return {one.base_name: one.size for one in listed if one.type == FileType.File}


def removed(place: str, environ: Mapping[str, str] | None = None) -> bool:
    """Delete a file of the store; False where it was not there. Raises as `sizes_below` does."""
    from pyarrow.fs import FileType

    system, path = _in_store(place, environ)
    with _told(place, "deleted"):
        if system.get_file_info(path).type != FileType.File:
            return False
        try:
            system.delete_file(path)
        except OSError:
            # After a deletion the client makes an object for the folder, which not every store takes.
            if system.get_file_info(path).type == FileType.File:
                raise
        return True


def _copy(system: FileSystem, info: Any, root: str, folder: Path) -> Path:
    """One file of the store in the folder, with the time of the store's; left alone where it is the same."""
    below = info.path.removeprefix(root).lstrip("/") or info.base_name
    target: Path = folder / below
    if folder.resolve() not in target.resolve().parents:
        raise Refused(f"{S3}{info.path}: its name leads out of the folder of the copies; rename it")
    changed = info.mtime_ns or 0
    if target.exists() and (target.stat().st_size, target.stat().st_mtime_ns) == (info.size, changed):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with system.open_input_stream(info.path) as source, part.open("wb") as file:
            shutil.copyfileobj(source, file, PIECE)
        os.utime(part, ns=(changed, changed))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


@contextmanager
def _written_beside(path: Path) -> Iterator[Any]:
    """A file beside the wanted one, which takes its name when it is whole."""
    if not path.parent.is_dir():
        raise Refused(f"{path}: there is no folder {path.parent}; make it first")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error.strerror or error}. Make room there, or name another place"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _in_store(place: str, environ: Mapping[str, str] | None) -> tuple[FileSystem, str]:
    """The store that a place is in, and its path there."""
    from pyarrow.fs import S3FileSystem

    environ = os.environ if environ is None else environ
    if not place.startswith(S3):
        raise Refused(f"{place}: found {place.partition('://')[0]}://, expected a path, or s3://BUCKET/KEY")
    path = place.removeprefix(S3).strip("/")
    if not path.partition("/")[2]:
        raise Refused(f"{place}: expected a bucket and a key, such as s3://BUCKET/exports/bars.parquet")
    missing = [name for name in _KEYS if not environ.get(name)]
    if missing:
        raise Refused(
            f"{place}: {' and '.join(missing)} of the environment name the keys of the store; set them"
        )
    # Of the stores that speak S3 many take no checksum behind the content.
    os.environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    options: dict[str, Any] = {}
    if environ.get("AWS_ENDPOINT_URL"):
        address = urlsplit(environ["AWS_ENDPOINT_URL"])
        options |= {"scheme": address.scheme or "https", "endpoint_override": address.netloc}
    return (
        S3FileSystem(
            access_key=environ[_KEYS[0]],
            secret_key=environ[_KEYS[1]],
            session_token=environ.get("AWS_SESSION_TOKEN"),
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            connect_timeout=CONNECT_SECONDS,
            request_timeout=ANSWER_SECONDS,
            allow_bucket_creation=False,
            **options,
        ),
        path,
    )


def _refuse_without_bucket(system: FileSystem, path: str, place: str) -> None:
    from pyarrow.fs import FileType

    bucket = path.partition("/")[0]
    if system.get_file_info(bucket).type == FileType.NotFound:
        raise Refused(f"{place}: the store has no bucket {bucket}, or these keys do not see it")


@contextmanager
def _told(place: str, done: str) -> Iterator[None]:
    """Errors of the store as one that says what was tried; it names no key."""
    try:
        yield
    except OSError as error:
        words = str(error).splitlines()[0][:300]
        if any(one in words for one in _PASSING):
            raise Transient(f"{place}: could not be {done} now, and may be later: {words}") from error
        raise Refused(f"{place}: could not be {done}: {words}") from error
