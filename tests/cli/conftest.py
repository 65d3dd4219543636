"""Runs commands: in this process for most tests, as a real process where that is the point."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nightdesk.cli import app

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def no_desk_of_the_users(tmp_path_factory):
    """A backtest counts what it tried where a desk runs: never on that of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTDESK_HOME", str(tmp_path_factory.mktemp("no-desk")))
        yield


class Command:
    """The `nightdesk` command in this process."""

    def __call__(self, *arguments, status=0):
        result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="nightdesk")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, f"status {result.exit_code}\n{result.stdout}\n{result.stderr}"
        return result

    def document(self, *arguments, status=0):
        """The one JSON document on standard output."""
        return json.loads(self(*arguments, "--json", status=status).stdout)

    def refusal(self, *arguments):
        """What is said on standard error when a command is refused; nothing stands on standard output."""
        result = self(*arguments, status=1)
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        assert "\n\n" not in result.stderr.strip()
        assert result.stderr.startswith("nightdesk: ")
        return result.stderr


@pytest.fixture
def nightdesk():
    return Command()


@pytest.fixture
def process():
    """Runs `nightdesk` as a process of its own."""

    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "nightdesk", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of its own, with the desk's one book in it."""
    (tmp_path / "books").mkdir()
    shutil.copy(PROJECT / "books" / "multi_asset.yaml", tmp_path / "books")
    (tmp_path / "sql").symlink_to(PROJECT / "sql")
    monkeypatch.setenv("NIGHTDESK_ROOT", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture(scope="session")
def bars(tmp_path_factory, market):
    """A folder with the real bars of a few years, so that each command reads little."""
    folder = tmp_path_factory.mktemp("bars")
    for name in ("multi_asset_daily", "vix_daily"):
        with (
            gzip.open(market / f"{name}.csv.gz", "rt") as source,
            (folder / f"{name}.csv").open("w") as target,
        ):
            target.write(next(source))
            target.writelines(line for line in source if "2019-06-01" <= line[:10] <= "2022-12-31")
    return folder
