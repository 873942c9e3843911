"""Writes files and dies by SIGKILL at the n-th system call; run by test_container_crash.py in a process of its own.

Usage: crash_writer.py create|append folder. For every n = 0, 1, ... a child is forked that works on folder/n/crash.xdf
and kills itself right before call n; every other one after writing half of the bytes. The last child gets through.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from pathlib import Path

from container_cases import mixed_batch, schema_of, write_file

import xdf

FATAL = ("pwrite", "fsync", "ftruncate", "link")
BATCHES = [mixed_batch(200, seed) for seed in range(4)]


def arm(deadly: int) -> None:
    """Replace the calls that change a file by ones that count, and kill at number ``deadly``."""
    calls = itertools.count()

    def wrap(name: str) -> None:
        real = getattr(os, name)

        def wrapped(*arguments: object) -> object:
            if next(calls) == deadly:
                if name == "pwrite" and deadly % 2:
                    fd, data, offset = arguments
                    real(fd, bytes(data)[: len(data) // 2], offset)  # type: ignore[arg-type, call-overload]
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        setattr(os, name, wrapped)

    for name in FATAL:
        wrap(name)


def work(mode: str, path: Path) -> None:
    if mode == "create":
        with xdf.create(path, schema_of(BATCHES[0])) as writer:
            writer.write(BATCHES[0])
            writer.write(BATCHES[1])
    else:
        with xdf.append(path) as writer:
            writer.write(BATCHES[1])
            writer.commit()
            writer.set_field("small", description="edited")
            writer.write(BATCHES[2])


def main(mode: str, folder: Path) -> None:
    if mode == "append":
        write_file(folder / "start.xdf", BATCHES[0])
    for deadly in itertools.count():
        place = folder / f"{deadly:03}"
        place.mkdir()
        if mode == "append":
            shutil.copyfile(folder / "start.xdf", place / "crash.xdf")
        child = os.fork()
        if child == 0:
            arm(deadly)
            work(mode, place / "crash.xdf")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return
        assert os.WTERMSIG(status) == signal.SIGKILL


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
