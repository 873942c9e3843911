"""One process appends, others open, scan and close: none may fail, see fewer rows than before, or half a commit."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path

from soak.world import SCHEMA, batch, check_block

import xdf

BLOCKS_PER_COMMIT = 2


def run(folder: Path, n_appends: int, n_readers: int, seed: int) -> dict[str, float]:
    """Append so often; gives how often files were opened, and the seconds it took."""
    path = folder / "shared.xdf"
    xdf.create(path, SCHEMA).close()
    context = multiprocessing.get_context("spawn")
    stop, results = context.Event(), context.Queue()
    readers = [context.Process(target=_read, args=(path, stop, results, seed + n)) for n in range(n_readers)]
    for reader in readers:
        reader.start()
    ready = [results.get(timeout=120) for _ in readers]
    assert all(one == "ready" for one in ready), ready
    began = time.perf_counter()
    try:
        for number in range(n_appends):
            with xdf.append(path) as writer:
                for part in range(BLOCKS_PER_COMMIT):
                    writer.write(batch((number * BLOCKS_PER_COMMIT + part) % 1000))
    finally:
        stop.set()
        seconds = time.perf_counter() - began
        found = [results.get(timeout=300) for _ in readers]
        for reader in readers:
            reader.join(timeout=60)
    failures = [one for one in found if not isinstance(one, tuple)]
    if failures:
        raise AssertionError(f"{len(failures)} of {n_readers} readers failed: {failures[0]}")
    with xdf.open(path) as file:
        assert file.n_blocks == n_appends * BLOCKS_PER_COMMIT
    return {
        "appends": n_appends,
        "opens": sum(one[0] for one in found),
        "snapshots": sum(one[1] for one in found),
        "blocks read": sum(one[2] for one in found),
        "seconds": seconds,
    }


def _read(path: Path, stop, results, seed: int) -> None:  # type: ignore[no-untyped-def]
    """Count opens, snapshots that were seen, and blocks that were compared to the bit."""
    os.nice(5)
    chance = random.Random(seed)
    opens = blocks = 0
    seen: set[int] = set()
    last = 0
    results.put("ready")
    try:
        while not (stop.is_set() and opens):
            with xdf.open(path) as file:
                count = file.n_blocks
                assert count >= last, f"{count} blocks after {last}"
                assert count % BLOCKS_PER_COMMIT == 0, f"half a commit: {count} blocks"
                expected = sum(batch(number % 1000).num_rows for number in range(count)) if opens % 50 == 0 else None
                assert expected in (None, file.n_rows)
                some = range(count) if opens % 100 == 0 else chance.sample(range(count), min(count, 3))
                for block in sorted({*some, *range(max(0, count - 1), count)}):
                    check_block(file, block, block % 1000)
                    blocks += 1
            seen.add(count)
            last = count
            opens += 1
        results.put((opens, len(seen), blocks))
    except BaseException as error:  # noqa: BLE001 - whatever it is must reach the parent
        results.put(f"{type(error).__name__}: {error}")
