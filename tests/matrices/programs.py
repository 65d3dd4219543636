"""Runs a matrix as its `make` target does, and reads the table that it prints."""

import re
import subprocess
import sys

from tests.conftest import PROJECT


def rows_of(module: str, *arguments: str, seconds: float) -> tuple[str, list[list[str]]]:
    """What a matrix printed, and the cells of its rows; fails with all of it when it does not end well.

    Parameters
    ----------
    module : str
        Of `tests.matrices`.
    arguments : str
        Of its command line.
    seconds : float
        How long it may take.
    """
    command = [sys.executable, "-m", f"tests.matrices.{module}", *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    return done.stdout, [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
