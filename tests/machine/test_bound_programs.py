"""A program that the desk waits for ends with the process that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nightdesk.machine.bound_programs import bound

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")


def test_its_output_status_and_number_are_those_of_the_program() -> None:
    begun = subprocess.Popen(bound(["/bin/sh", "-c", "echo $$; exit 3"]), stdout=subprocess.PIPE, text=True)
    said, _ = begun.communicate()
    assert (int(said), begun.returncode) == (begun.pid, 3)


def test_a_program_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    number = tmp_path / "number"
    child = os.fork()
    if child == 0:
        try:
            sleeping = ["/bin/sh", "-c", f"echo $$ > {number}.new; mv {number}.new {number}; exec sleep 60"]
            subprocess.run(bound(sleeping), check=False)
        finally:
            os._exit(1)
    ends = time.monotonic() + 20
    while not number.exists():
        assert time.monotonic() < ends
        time.sleep(0.01)
    program = psutil.Process(int(number.read_text()))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert psutil.wait_procs([program], timeout=10)[1] == []


def test_a_program_whose_starter_has_ended_already_never_begins() -> None:
    command = bound(["/bin/echo", "begun"])
    command[command.index(str(os.getpid()))] = "1"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "its starter has ended\n")
