"""Power cuts: what is on a disk when writes that were not waited for got lost, torn, or overtook one another.

A process that is killed leaves everything it wrote to the system. A machine that loses power does not: of what was
written since the last fsync any part may be there. So the system calls of one operation are recorded and replayed up to
some moment, the last of them only in part. Whatever that gives must hold the rows committed before the moment.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import xdf

SECTOR = 512


@dataclass(frozen=True)
class Call:
    """A recorded system call on a file: ``write``, ``truncate``, ``sync``, or a marker of the test."""

    kind: str
    file: int = 0
    offset: int = 0
    data: bytes = b""
    name: str = ""


class Recorder:
    """Records what is done to files while it is active; files are told apart by inode."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def mark(self, name: str) -> None:
        """Note that a commit has been acknowledged."""
        self.calls.append(Call("mark", name=name))

    @contextmanager
    def active(self):  # type: ignore[no-untyped-def]
        """Put recording versions in the place of the system calls that the writer uses."""
        real = {name: getattr(os, name) for name in ("pwrite", "ftruncate", "fsync", "link", "replace", "rename")}

        def pwrite(fd: int, data: bytes, offset: int) -> int:
            self.calls.append(Call("write", os.fstat(fd).st_ino, offset, bytes(data)))
            return real["pwrite"](fd, data, offset)

        def ftruncate(fd: int, length: int) -> None:
            self.calls.append(Call("truncate", os.fstat(fd).st_ino, length))
            real["ftruncate"](fd, length)

        def fsync(fd: int) -> None:
            real["fsync"](fd)
            self.calls.append(Call("sync", os.fstat(fd).st_ino))

        def rename(source: Path, target: Path, **rest: object) -> None:
            self.calls.append(Call("rename", os.stat(source).st_ino, name=Path(target).name))
            real["replace"](source, target, **rest)

        os.pwrite, os.ftruncate, os.fsync = pwrite, ftruncate, fsync
        os.replace = os.rename = rename
        try:
            yield self
        finally:
            for name, function in real.items():
                setattr(os, name, function)


def states(calls: list[Call], start: bytes, inode: int, chance: random.Random, n_states: int):  # type: ignore[no-untyped-def]
    """Possible contents of the file of that inode after a power cut, each with the marks that came before the cut."""
    for _ in range(n_states):
        cut = chance.randrange(len(calls) + 1)
        yield _after(calls[:cut], start, inode, chance), [call.name for call in calls[:cut] if call.kind == "mark"]


def _after(calls: list[Call], start: bytes, inode: int, chance: random.Random) -> bytes:
    mine = [call for call in calls if call.file == inode and call.kind in ("write", "truncate", "sync")]
    last_sync = max((place for place, call in enumerate(mine) if call.kind == "sync"), default=-1)
    content = bytearray(start)
    for call in mine[: last_sync + 1]:
        _apply(content, call)
    doubtful = mine[last_sync + 1 :]
    chance.shuffle(doubtful)
    for call in doubtful[: chance.randrange(len(doubtful) + 1)]:
        _apply(content, _torn(call, chance) if chance.random() < 0.5 else call)
    return bytes(content)


def _torn(call: Call, chance: random.Random) -> Call:
    """Some sectors of a write; whole sectors, as disks promise."""
    if call.kind != "write":
        return call
    first = call.offset // SECTOR
    last = (call.offset + len(call.data) - 1) // SECTOR
    start = chance.randrange(first, last + 1) * SECTOR
    stop = chance.randrange(start // SECTOR, last + 1) * SECTOR + SECTOR
    start, stop = max(start, call.offset), min(stop, call.offset + len(call.data))
    return Call("write", call.file, start, call.data[start - call.offset : stop - call.offset])


def _apply(content: bytearray, call: Call) -> None:
    if call.kind == "write":
        end = call.offset + len(call.data)
        content.extend(bytes(max(0, end - len(content))))
        content[call.offset : end] = call.data
    elif call.kind == "truncate":
        content.extend(bytes(max(0, call.offset - len(content))))
        del content[call.offset :]


def cut_power(
    path: Path, work: Callable[[Recorder], None], expected: dict[str, object], look: Callable[[Path], object],
    chance: random.Random, n_states: int,
) -> int:  # fmt: skip
    """Do the work once, then look at the file after so many power cuts.

    Parameters
    ----------
    work : callable
        Does something to the file, and marks every commit that was acknowledged.
    expected : dict
        What ``look`` gives after each mark, in order; the first one before the work.
    """
    start, inode = path.read_bytes(), path.stat().st_ino
    recorder = Recorder()
    with recorder.active():
        work(recorder)
    names = list(expected)
    other = path.with_name("after-the-cut.xdf")
    for number, (content, marks) in enumerate(states(recorder.calls, start, inode, chance, n_states)):
        other.write_bytes(content)
        place = names.index(marks[-1]) if marks else 0
        allowed = [expected[name] for name in names[place : place + 2]]
        found = look(other)
        if found not in allowed:
            raise AssertionError(f"power cut {number}: found {found!r}, allowed {allowed!r}")
        xdf.append(other).close()
        if look(other) != found:
            raise AssertionError(f"power cut {number}: continuing changed what is there")
    return n_states
