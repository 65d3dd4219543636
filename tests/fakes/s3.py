"""An object store on loopback that speaks S3: rclone serving a folder."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

KEY, SECRET = "desk", "a-long-secret"


def rclone() -> str:
    """The program, from its wheel or the machine; tests without it are skipped."""
    found = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if found is None:
        pytest.skip("no rclone here, which serves S3 on loopback")
    return found


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """The environment by which clients find a store whose buckets are the folders of `folder`."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [rclone(), "serve", "s3", str(folder), "--addr", address, "--auth-key", f"{KEY},{SECRET}"]
    with subprocess.Popen(
        [*command, "--vfs-cache-mode", "off", "--dir-cache-time", "0s"], stderr=subprocess.PIPE
    ) as process:
        try:
            _wait(process, f"http://{address}/")
            yield {
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_ENDPOINT_URL": f"http://{address}",
            }
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise AssertionError(f"rclone ended: {process.stderr.read() if process.stderr else b''!r}")
        try:
            urlopen(url, timeout=1).close()
        except URLError as error:
            if getattr(error, "code", None) is not None:  # it answers, and refuses who brings no key
                return
        time.sleep(0.05)
    raise AssertionError("rclone does not answer")
