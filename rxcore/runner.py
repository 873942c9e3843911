"""Runs plans: the only place that knows concrete sources and contexts."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import numpy as np
import pyarrow as pa

import xdf
from rxcore.blocks import Block
from rxcore.compute_context import RxComputeContext, as_compute_context
from rxcore.contexts.base import ComputeContext
from rxcore.contexts.local import LocalContext
from rxcore.errors import DesignError, OptionError, UnsupportedInContextError
from rxcore.events import ProgressPrinter
from rxcore.footer_answers import from_footer
from rxcore.kernels import moments as moments_fields
from rxcore.options import RxOptions
from rxcore.plan import PassPlan
from rxcore.sources.base import Partition, Source
from rxcore.sources.resolve import as_source
from rxcore.sources.transformed import wrap
from rxcore.sources.xdf import XdfSource
from rxcore.terms import Discovered
from rxcore.updaters.base import Updater
from rxcore.updaters.levels import Levels
from rxcore.updaters.moments import Moments, MomentsItem
from rxcore.variables import Floats, Variable, VariableSet

StateT = TypeVar("StateT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class DataRequest:
    """Which rows an analysis reads: the data, and what is done to them on the way."""

    data: Any
    row_selection: Any = None
    transforms: Mapping[str, Any] | None = None
    transform_objects: Mapping[str, Any] | None = None
    transform_function: Callable[..., Any] | None = None
    transform_variables: Sequence[str] | None = None
    transform_packages: Sequence[str] | None = None


def engine_context(compute_context: RxComputeContext | str | None) -> ComputeContext:
    """The context that does what the user's context says."""
    wanted = as_compute_context(compute_context)
    if type(wanted).__name__ not in ("RxLocalSeq", "RxLocalParallel"):
        raise UnsupportedInContextError(f"compute context {wanted!r} cannot run analyses here")
    cores = int(RxOptions.get_option("numCoresToUse"))
    if cores == 0 or cores < -1:
        raise OptionError(f"RxOptions numCoresToUse: got {cores}; allowed are -1 (every core) or a positive number")
    return LocalContext(cores if cores > 0 else _usable_cores())


def _usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Runner:
    """The data and the context of one call; a context manager that removes what it spooled."""

    def __init__(
        self,
        request: DataRequest,
        caller: str,
        *,
        compute_context: RxComputeContext | str | None = None,
        report_progress: int | None = None,
    ) -> None:
        self.caller = caller
        self.context = engine_context(compute_context)
        level = RxOptions.get_option("reportProgress") if report_progress is None else report_progress
        if level not in (0, 1, 2, 3):
            raise OptionError(f"{caller}: report_progress is {level!r}; allowed are 0, 1, 2, 3")
        self.sink = ProgressPrinter(int(level))
        self._cleanup = ExitStack()
        source = as_source(request.data, caller=caller)
        self.source: Source = wrap(
            source,
            row_selection=request.row_selection,
            transforms=request.transforms,
            transform_objects=request.transform_objects,
            transform_function=request.transform_function,
            transform_variables=request.transform_variables,
            transform_packages=request.transform_packages,
            caller=caller,
        )
        self._passes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def make_rereadable(self, columns: Sequence[str]) -> None:
        """Spool a one-shot stream to a temporary .xdf file, so that it can be read more than once."""
        if self.source.rereadable:
            return
        folder = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="rxcore-"))
        path = Path(folder) / "stream.xdf"
        schema = self.source.schema.select(list(dict.fromkeys(columns)))
        with xdf.create(path, schema) as writer:
            for partition in self.source.partitions(schema.names):
                for block in partition.blocks():
                    arrays = [block.columns[field.name].to_arrow(field) for field in schema]
                    writer.write(pa.RecordBatch.from_arrays(arrays, names=list(schema.names)))
        label = self.source.label
        self.source = XdfSource(path, label=label)

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        """Handles on the columns, of which there is at least one, so that rows can be counted."""
        wanted = list(dict.fromkeys(columns)) or list(self.source.schema.names[:1])
        return self.source.partitions(wanted)

    def first_block(self, columns: Sequence[str]) -> Block | None:
        """The first block that has rows, in any context the same."""
        for partition in self.partitions(columns):
            for block in partition.blocks():
                if block.n_rows:
                    return block
        return None

    def plan(self, updater: Updater[Any, Any], name: str) -> PassPlan:
        """What one pass of this updater will need."""
        return PassPlan(
            caller=self.caller,
            name=name,
            block_nbytes=self.source.block_nbytes(list(updater.columns)),
            state_nbytes=updater.state_nbytes(),
            n_workers=self.context.n_workers,
            n_blocks=self.source.n_blocks,
            budget=int(RxOptions.get_option("memoryBudget")),
        )

    def run(self, updater: Updater[StateT, ResultT], what: str = "pass") -> ResultT:
        """One pass: check the plan, fold every block, read the state. What the footer knows needs no pass."""
        self._passes += 1
        name = f"{what} {self._passes}"
        if RxOptions.get_option("footerStatistics"):
            known = from_footer(self.source, updater)
            if known is not None:
                return updater.finalize(cast(StateT, known))
        self.plan(updater, name).check()
        state = self.context.run_pass(self.partitions(updater.columns), updater, self.sink, name)
        return updater.finalize(state)

    def discover(self, levels: Sequence[str], ranges: Sequence[str]) -> Discovered:
        """Levels of text columns and ranges of binned ones; a pass for each kind that is wanted."""
        found: dict[str, tuple[str, ...]] = {}
        limits: dict[str, tuple[float, float]] = {}
        if levels:
            updater = Levels(tuple(levels))
            found = self.run(updater, "levels pass")
            for name, names in found.items():
                if len(names) > updater.most:
                    raise DesignError(
                        f"{self.caller}: text column {name!r} has more than {updater.most:,} different values; "
                        "it is not a category"
                    )
        if ranges:
            variables = VariableSet(tuple(Variable(name, column=name) for name in ranges))
            items = tuple(MomentsItem((v,)) for v in range(len(ranges)))
            result = self.run(Moments(variables, items), "range pass")
            for name, table in zip(ranges, result.tables, strict=True):
                low, high = table[0, moments_fields.MINIMUM], table[0, moments_fields.MAXIMUM]
                limits[name] = (float(low), float(high))
        return Discovered(found, limits)

    def map_blocks(self, columns: Sequence[str], function: Callable[[Block], ResultT]) -> Iterator[ResultT]:
        """``function`` of every block, in order, computed by the workers a few blocks ahead."""
        n_workers = self.context.n_workers
        blocks = (block for partition in self.partitions(columns) for block in partition.blocks())
        with ThreadPoolExecutor(n_workers) as pool:
            waiting: deque[Future[ResultT]] = deque()
            for block in blocks:
                waiting.append(pool.submit(function, block))
                if len(waiting) > n_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


@dataclass(frozen=True, slots=True, eq=False)
class BlockScale:
    """Centre and spread of each product of variables in a block."""

    origins: Floats
    deviations: Floats


def scale_of_block(variables: VariableSet, numbers: Sequence[tuple[int, ...]], block: Block | None) -> BlockScale:
    """The means of a block, for origins, and standard deviations; 0 and 1 where there is nothing to go by.

    A mean is rounded to a multiple of a power of two near an eighth of the standard deviation. Any origin that close
    serves as well, and about such a one integers stay short numbers, whose products and sums are exact: a column that
    depends on others then leaves a remainder of exactly zero.
    """
    if block is None or not numbers:
        return BlockScale(np.zeros(len(numbers)), np.ones(len(numbers)))
    updater = Moments(variables, tuple(MomentsItem(number) for number in numbers))
    rows = np.array([table[0] for table in updater.finalize(updater.update(updater.init(), block)).tables])
    counts = rows[:, moments_fields.COUNT]
    deviations = np.sqrt(rows[:, moments_fields.SQUARES] / np.maximum(counts, 1.0))
    usable = (counts > 0) & np.isfinite(deviations) & (deviations > 0.0)
    means = np.where(np.isfinite(rows[:, moments_fields.MEAN]), rows[:, moments_fields.MEAN], 0.0)
    step = np.exp2(np.floor(np.log2(np.where(usable, deviations, 8.0))) - 3.0)
    return BlockScale(np.where(usable, np.round(means / step) * step, means), np.where(usable, deviations, 1.0))
