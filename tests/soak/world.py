"""What the soak tests share: batches that can be told apart, and what a file of them may look like.

Every batch follows from its number, so that a file is described by a list of numbers and checked to the bit.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pyarrow as pa

import xdf

WORDS = ("fog", "rain", "snow", "sleet", "hail", "haze", "dust", "sun")
SCHEMA = xdf.Schema(
    (
        xdf.Field("id", pa.int64(), description="state 0"),
        xdf.Field("whole", pa.float64()),
        xdf.Field("noise", pa.float64()),
        xdf.factor_field("weather", []),
        xdf.Field("text", pa.string()),
    )
)


@functools.lru_cache(maxsize=64)
def batch(number: int) -> pa.RecordBatch:
    """The batch of that number; of another length and other levels each."""
    random = np.random.default_rng(number)
    n_rows = 20 + number % 480
    missing = random.random(n_rows) < 0.1
    words = np.array(WORDS[: 2 + number % (len(WORDS) - 1)])
    return pa.record_batch(
        {
            "id": pa.array(np.arange(n_rows) + 1_000_000 * number),
            "whole": pa.array(random.integers(-500, 500, n_rows).astype(np.float64), mask=missing),
            "noise": pa.array(random.normal(size=n_rows)),
            "weather": pa.array(words[random.integers(0, len(words), n_rows)], mask=missing),
            "text": pa.array([f"row {row} of {number}" for row in range(n_rows)]),
        }
    )


def numbers_in(file: xdf.XdfFile) -> list[int]:
    """Which batches a file holds, from the first id of each block."""
    return [
        int(file.read_block_arrow(block, ["id"]).column(0)[0].as_py()) // 1_000_000 for block in range(file.n_blocks)
    ]


def check_block(file: xdf.XdfFile, block: int, number: int, suffix: str = "") -> None:
    """Raise unless the block is the batch of that number, to the bit; ``suffix`` is what levels were renamed with."""
    found, expected = file.read_block_arrow(block), batch(number)
    for name in expected.schema.names:
        left, right = found.column(name), expected.column(name)
        if name == "weather":
            left = left.cast(pa.string())
            right = pa.array([word and word + suffix for word in right.to_pylist()], pa.string())
        if not left.equals(right):
            raise AssertionError(f"{file.path}: column {name!r} of block {block} is not that of batch {number}")


def check_file(path: Path, allowed: list[tuple[list[int], int]]) -> tuple[list[int], int]:
    """Raise unless the file is sound and in one of the allowed states, and give that state.

    A state is the numbers of the batches and the number in the description of the column ``id``, which edits count up.
    """
    with xdf.open(path) as file:
        label = int(file.schema.field("id").description.removeprefix("state "))
        numbers = numbers_in(file)
        if (numbers, label) not in allowed:
            raise AssertionError(f"{path} holds batches {numbers} and label {label}; allowed: {allowed}")
        suffix = suffix_of(label)
        for block, number in enumerate(numbers):
            check_block(file, block, number, suffix)
    report = xdf.verify(path)
    # A slot that was torn is damage, but none that hides anything.
    if not report.is_restorable:
        raise AssertionError(str(report))
    return numbers, label


def suffix_of(label: int) -> str:
    """What an edit that sets this label renames levels with."""
    return f" {label}" if label else ""


def rename_levels(editor: xdf.XdfEditor, label: int) -> None:
    """The edit of the soak tests: one label, and all levels."""
    levels = editor.schema.field("weather").levels or ()
    editor.set_field("id", description=f"state {label}")
    editor.set_field("weather", levels=[level.partition(" ")[0] + suffix_of(label) for level in levels])
