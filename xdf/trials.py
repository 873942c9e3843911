"""What an encoding would take, told from a sample of rows, so that a writer compresses each column once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xdf.codecs import Effort, compressed_size
from xdf.contents import Part
from xdf.planes import Bytes

# Runs of neighbouring rows, because what compresses may be repetition: four of so many, or so many bytes.
_RUNS = 4
_ROWS_OF_RUN = 2048
_BYTES_OF_RUN = 1 << 14
# The head of a frame and of a block, once for each sample and next to nothing in the whole.
_HEADS = 9
# What an effort may cost in space because it is faster, both to write and to read. At level 1 speed was asked for:
# bytes that stay as they are take a tenth of the time to decode, and a disk of 300 MB/s reads a quarter more of them in
# less time than that saves. At other levels space was asked for.
_MAY_COST = {Effort.NOTHING: 1.25, Effort.LITERALS: 1.01, Effort.MATCHES: 1.0}
_LOWEST = 1


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Some bytes that stand for all bytes of their kind, and which share of them they are."""

    data: Bytes
    share: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The effort that suits best, and what to compare with other estimates: bytes, less what speed is worth."""

    cost: float
    effort: Effort


def estimate(samples: Iterable[Sample], level: int, efforts: Sequence[Effort] = tuple(Effort)) -> Estimate:
    """What all of these take together, each compressed by itself, as zstd does with parts that are long.

    Parameters
    ----------
    samples : iterable of Sample
    level : int
        -1 .. 9, not 0.
    efforts : sequence of Effort
        Those to try; all by default.
    """
    efforts = [effort for effort in efforts if effort is not Effort.NOTHING or level == _LOWEST]
    sizes = dict.fromkeys(efforts, 0.0)
    for sample in samples:
        for effort in efforts:
            sizes[effort] += max(0, compressed_size(sample.data, level, effort) - _HEADS) / sample.share
    costs = {effort: size / _MAY_COST[effort] for effort, size in sizes.items()}
    best = min(costs, key=lambda effort: costs[effort])
    return Estimate(costs[best], best)


def sample_rows(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Some rows of a column, or all where they are few."""
    return np.concatenate([values[start:end] for start, end in _runs(len(values), _ROWS_OF_RUN)])


def sample_part(part: Part, n_rows: int) -> Sample:
    """Some bytes of a part of a content; of parts with bits for each row, those of the same rows."""
    if part.bits:
        runs = [(start * part.bits // 8, (end * part.bits + 7) // 8) for start, end in _runs(n_rows, _ROWS_OF_RUN)]
    else:
        runs = _runs(len(part.data), _BYTES_OF_RUN)
    held = np.concatenate([part.data[start:end] for start, end in runs])
    return Sample(held, max(1, len(held)) / max(1, len(part.data)))


def _runs(count: int, length: int) -> list[tuple[int, int]]:
    """First places and ends of the runs that stand for so many places, all multiples of eight unless they are all."""
    if count <= _RUNS * length:
        return [(0, count)]
    step = (count - length) // (_RUNS - 1)
    starts = [run * step // 8 * 8 for run in range(_RUNS)]
    return [(start, start + length) for start in starts]
