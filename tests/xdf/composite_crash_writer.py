"""Writes to a composite set until it is killed: `python composite_crash_writer.py FOLDER`.

Prints `ready`, then `committed N` once rows 0 .. N - 1 are safe. Each step adds, replaces, relabels or compacts.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pyarrow as pa

import xdf

SCHEMA = xdf.Schema((xdf.factor_field("k", []), xdf.Field("x", pa.int64())))
ROWS = 200


def block(start: int) -> pa.RecordBatch:
    numbers = range(start, start + ROWS)
    return pa.record_batch({"k": [f"level {number % 11}" for number in numbers], "x": list(numbers)})


def append(folder: Path, n_rows: int) -> int:
    with xdf.append(folder, blocks_per_file=2) as writer:
        for number in range(3):
            writer.write(block(n_rows + number * ROWS))
    return n_rows + 3 * ROWS


def replace(folder: Path, n_rows: int) -> int:
    """The same rows, written anew."""
    with xdf.create_composite(folder, SCHEMA, blocks_per_file=2, overwrite=True) as writer:
        for start in range(0, n_rows, ROWS):
            writer.write(block(start))
    return n_rows


def relabel(folder: Path, n_rows: int) -> int:
    with xdf.edit(folder) as editor:
        editor.set_field("x", description=f"{n_rows} rows")
    return n_rows


def compact(folder: Path, n_rows: int) -> int:
    xdf.compact(folder)
    return n_rows


def main(folder: Path) -> None:
    if not folder.exists():
        with xdf.create_composite(folder, SCHEMA):
            pass
    with xdf.append(folder) as writer:
        n_rows = writer.n_rows
    print("ready", flush=True)
    while True:
        step = random.choice([append, append, replace, relabel, compact])
        n_rows = step(folder, n_rows)
        print(f"committed {n_rows}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
