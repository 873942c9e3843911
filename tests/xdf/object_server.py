"""An S3 server on this machine for as long as a test module runs: moto, in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BUCKET = "bucket"
SECONDS_TO_START = 60.0


def is_installed() -> bool:
    return importlib.util.find_spec("moto") is not None and importlib.util.find_spec("flask") is not None


@dataclass(frozen=True)
class ObjectServer:
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arrow(self) -> Any:
        from pyarrow import fs

        return fs.S3FileSystem(
            access_key="a",
            secret_key="b",
            endpoint_override=f"127.0.0.1:{self.port}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )

    def fsspec(self) -> Any:
        import s3fs

        return s3fs.S3FileSystem(key="a", secret="b", endpoint_url=self.url, skip_instance_cache=True)


@contextlib.contextmanager
def object_server() -> Iterator[ObjectServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = ObjectServer(port)
        _wait_for(process, server)
        server.arrow().create_dir(BUCKET)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(process: subprocess.Popen[bytes], server: ObjectServer) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the S3 server ended with status {process.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.url}/moto-api/", timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"no S3 server answers at {server.url}")
