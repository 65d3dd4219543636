"""Where backups are kept: a folder, or a prefix of an object store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from nightdesk import object_store
from nightdesk.core.errors import Refused
from nightdesk.machine.backup_manifest import DUMP, MANIFEST, Manifest, read_manifest
from nightdesk.machine.home import Home

#: Where backups go and are looked for.
BACKUP_VARIABLE = "NIGHTDESK_BACKUP"
#: How names of the desk's files there begin, and how one is called that is not whole yet.
PREFIX, PART = "nightdesk-", ".part"


@dataclass(frozen=True)
class BackupPlace:
    """A folder here, or ``s3://BUCKET/PREFIX``.

    Parameters
    ----------
    address : str
    environ : mapping of str to str
        Where the keys of an object store are.
    """

    address: str
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def find(cls, home: Home, environ: Mapping[str, str], named: str | None = None) -> BackupPlace:
        """The place that is named, else that of the environment, else the folder ``backups`` of the desk.

        A relative path of the environment is one below the project, whoever reads it from wherever.
        """
        address = named or environ.get(BACKUP_VARIABLE) or str(home.state / "backups")
        if object_store.is_remote(address):
            return cls(address.rstrip("/"), environ)
        path = Path(address).expanduser()
        return cls(str(path.absolute() if named else home.root / path), environ)

    def __str__(self) -> str:
        return self.address

    @property
    def is_remote(self) -> bool:
        """Whether it is in an object store."""
        return object_store.is_remote(self.address)

    @property
    def folder(self) -> Path:
        """The folder of a place here."""
        return Path(self.address)

    def make_ready(self) -> None:
        """Make the folder where it is missing, for the desk's user alone; an object store needs nothing.

        Raises
        ------
        Refused
            When it cannot be made, or is none.
        """
        if self.is_remote:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Refused(
                f"the folder of backups {self} cannot be made: {error.strerror or error}. "
                f"Name another one (`--to`, {BACKUP_VARIABLE})"
            ) from error

    def sizes(self) -> dict[str, int]:
        """Bytes of the files of the place by name; none where the folder is not there."""
        if self.is_remote:
            return object_store.sizes_below(self.address, self.environ)
        if not self.folder.is_dir():
            return {}
        return {one.name: one.stat().st_size for one in self.folder.iterdir() if one.is_file()}

    def keep(self, source: Path, name: str) -> None:
        """Bring a whole file in under its name; within a folder here it is renamed."""
        if not self.is_remote:
            with source.open("rb") as file:
                os.fsync(file.fileno())
            source.replace(self.folder / name)
            _settle(self.folder)
            return
        with (
            source.open("rb") as file,
            object_store.written_whole(f"{self.address}/{name}", self.environ) as target,
        ):
            shutil.copyfileobj(file, target, object_store.PIECE)

    def fetch(self, name: str, folder: Path) -> Path:
        """The path here of a file of the place; out of an object store it is copied into `folder`."""
        if not self.is_remote:
            return self.folder / name
        return object_store.copied(f"{self.address}/{name}", folder, self.environ) / name

    def delete(self, name: str) -> None:
        """Delete a file; one that is not there is gone already."""
        if self.is_remote:
            object_store.removed(f"{self.address}/{name}", self.environ)
        else:
            (self.folder / name).unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        """The bytes of a small file."""
        with TemporaryDirectory(prefix="nightdesk-backup-") as folder:
            return self.fetch(name, Path(folder)).read_bytes()


@dataclass(frozen=True)
class BackupsFound:
    """The backups of a place, the newest first, and what in it is none, in words."""

    backups: tuple[Manifest, ...]
    wrong: tuple[str, ...]


def find_backups(place: BackupPlace) -> BackupsFound:
    """The backups of a place by what their manifests say; dumps are looked at by their size alone."""
    sizes, found, wrong = place.sizes(), [], []
    for name in sorted(sizes):
        if not (name.startswith(PREFIX) and name.endswith(MANIFEST)):
            continue
        try:
            manifest = read_manifest(place.read(name), f"{place}/{name}")
        except (Refused, OSError) as error:
            wrong.append(str(error))
            continue
        fault = _fault(manifest, name, sizes)
        if fault:
            wrong.append(f"{place}/{name}: {fault}")
        else:
            found.append(manifest)
    told = {one.file for one in found} | {
        f"{name.removesuffix(MANIFEST)}{DUMP}" for name in sizes if name.endswith(MANIFEST)
    }
    wrong += [
        f"{place}/{name}: a dump without its manifest; it is not known to be whole"
        for name in sorted(sizes)
        if name.startswith(PREFIX) and name.endswith(DUMP) and name not in told
    ]
    return BackupsFound(
        tuple(sorted(found, key=lambda one: (one.made_at, one.file), reverse=True)), tuple(wrong)
    )


def _fault(manifest: Manifest, name: str, sizes: Mapping[str, int]) -> str | None:
    if manifest.name != name:
        return f"its manifest is of {manifest.file}: it was renamed"
    if manifest.file not in sizes:
        return f"its dump {manifest.file} is gone"
    if sizes[manifest.file] != manifest.bytes:
        return (
            f"its dump {manifest.file} has {sizes[manifest.file]:,} bytes, {manifest.bytes:,} were written: "
            "it was cut or changed"
        )
    return None


def _settle(folder: Path) -> None:
    """Have the disk keep the names of a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
