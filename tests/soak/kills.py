"""kill -9 at random moments of import, append, metadata edit and compact, on one file, again and again.

After every kill the file must be sound and hold exactly the rows that were committed when the process died, or those of
the commit it was in the middle of, whole. The next victim continues on what the last one left.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from soak.world import SCHEMA, batch, check_file, rename_levels, suffix_of

import xdf

OPERATIONS = ("import", "append", "edit", "compact")
LONGEST_SECONDS = 0.06

State = tuple[list[int], int]


@dataclass
class Tally:
    """What was done, for the report."""

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*OPERATIONS, "between"), 0))
    completed: int = 0
    in_doubt: int = 0
    rows: int = 0


def run(folder: Path, n_kills: int, seed: int) -> Tally:
    """Kill so many processes; raise AssertionError on the first file that is not as it must be."""
    chance = random.Random(seed)
    path = folder / "victim.xdf"
    _import(path, [0])
    state: State = ([0], 0)
    tally = Tally()
    for number in range(n_kills):
        log = folder / "log"
        log.write_bytes(b"")
        child = os.fork()
        if child == 0:
            _work(path, log, state, random.Random(seed * 1_000_003 + number))
        time.sleep(chance.random() * LONGEST_SECONDS)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        before, after, doing = _read_log(log, state)
        tally.kills[doing] += 1
        state = check_file(path, [before] if after is None else [before, after])
        tally.in_doubt += after is not None
        tally.completed += log.read_bytes().count(b"done")
        tally.rows += sum(batch(one).num_rows for one in state[0])
        _check_folder(folder)
        xdf.append(path).close()
        check_file(path, [state])
    return tally


def _check_folder(folder: Path) -> None:
    """Nothing but the file, the log, and what killed processes were writing, which is removed here."""
    for entry in folder.iterdir():
        if entry.name.startswith(".victim.xdf.") and entry.name.endswith(".partial"):
            entry.unlink()
        elif entry.name not in ("victim.xdf", "log"):
            raise AssertionError(f"{entry} should not be there")


def _read_log(log: Path, state: State) -> tuple[State, State | None, str]:
    """The last state that was committed, the one that was being committed, and what was being done."""
    doing, pending = "between", None
    for line in log.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "begin":
            doing = rest
        elif word == "commit":
            numbers, _, label = rest.partition("|")
            pending = ([int(one) for one in numbers.split()], int(label))
        elif word == "committed":
            assert pending is not None
            state, pending = pending, None
        elif word == "done":
            doing = "between"
    return state, pending, doing


def _work(path: Path, log: Path, state: State, chance: random.Random) -> None:
    """The victim: one operation after the other, each announced and acknowledged in the log."""
    fd = os.open(log, os.O_WRONLY | os.O_APPEND)

    def say(line: str) -> None:
        os.write(fd, line.encode() + b"\n")

    def announce(numbers: list[int], label: int) -> None:
        say(f"commit {' '.join(map(str, numbers))}|{label}")

    try:
        while True:
            operation = chance.choice(OPERATIONS) if len(state[0]) < 40 else "import"
            say(f"begin {operation}")
            state = _one(path, operation, state, chance, announce, say)
            say("done")
    except BaseException as error:  # noqa: BLE001 - whatever it is must reach the parent
        say(f"failed {error!r}")
        print(f"victim failed: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)


def _one(path: Path, operation: str, state: State, chance: random.Random, announce, say) -> State:  # type: ignore[no-untyped-def]
    numbers, label = state
    if operation == "compact":
        xdf.compact(path)
        return state
    if operation == "edit":
        label += 1
        with xdf.edit(path) as editor:
            rename_levels(editor, label)
            announce(numbers, label)
        say("committed")
        return numbers, label
    if operation == "import":
        numbers = [chance.randrange(1000) for _ in range(chance.randrange(1, 5))]
        announce(numbers, 0)
        _import(path, numbers)
        say("committed")
        return numbers, 0
    with xdf.append(path) as writer:
        for _ in range(chance.randrange(1, 4)):
            number = chance.randrange(1000)
            writer.write(_renamed(number, label))
            numbers = [*numbers, number]
            announce(numbers, label)
            writer.commit()
            say("committed")
    return numbers, label


def _import(path: Path, numbers: list[int]) -> None:
    with xdf.create(path, SCHEMA, overwrite=True) as writer:
        for number in numbers:
            writer.write(batch(number))


def _renamed(number: int, label: int):  # type: ignore[no-untyped-def]
    """The batch with the level texts that the file has by now."""
    import pyarrow as pa

    rows = batch(number)
    words = [word and word + suffix_of(label) for word in rows.column("weather").to_pylist()]
    return rows.set_column(3, "weather", pa.array(words, pa.string()))
