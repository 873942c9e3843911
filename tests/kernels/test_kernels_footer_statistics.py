"""The statistics in a file's footer and those of a pass over its data are the same to the bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rxcore.blocks import Block
from rxcore.kernels import moments as fields
from rxcore.updaters.moments import Moments, MomentsItem
from rxcore.variables import Variable, VariableSet
from xdf import stats
from xdf.columns import Column

UPDATER = Moments(VariableSet((Variable("x", "x"),)), (MomentsItem((0,)),))


def by_pass(values: np.ndarray, base: int = 0) -> tuple[float, ...]:
    block = Block(len(values), {"x": Column(values, base=base)})
    row = UPDATER.finalize(UPDATER.update(UPDATER.init(), block)).tables[0][0]
    names = (fields.COUNT, fields.MISSING, fields.MINIMUM, fields.MAXIMUM, fields.MEAN, fields.SQUARES)
    return tuple(float(row[name]) for name in names)


def by_footer(values: np.ndarray, base: int = 0) -> tuple[float, ...]:
    found = stats.of_values(values, base, 0)
    return (
        float(found.n_valid), float(found.n_missing), found.minimum, found.maximum, found.mean, found.centered_squares,
    )  # fmt: skip


def same(values: np.ndarray, base: int = 0) -> None:
    got, wanted = by_footer(values, base), by_pass(values, base)
    assert np.array(got).tobytes() == np.array(wanted).tobytes(), (got, wanted)


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 511, 512, 513, 5_000, 100_003])
@pytest.mark.parametrize("missing", [0.0, 0.01, 0.9])
def test_floats(n: int, missing: float) -> None:
    rng = np.random.default_rng(n)
    values = rng.normal(1e6, 3.0, n)
    values[rng.random(n) < missing] = np.nan
    values[0] = 1.5
    same(values)
    same(values.astype(np.float32))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"])
@pytest.mark.parametrize("base", [0, -7, 10**9, 2**53 + 1, 2**62])
def test_integers(dtype: str, base: int) -> None:
    values = np.random.default_rng(1).integers(0, 100, 3_000).astype(dtype)
    same(values, base)


def test_large_unsigned_integers() -> None:
    same(np.random.default_rng(2).integers(0, 2**64 - 1, 2_000, dtype=np.uint64))


def test_infinities_say_so() -> None:
    got = by_footer(np.array([1.0, math.inf, 2.0]))
    wanted = by_pass(np.array([1.0, math.inf, 2.0]))
    assert got[4] == wanted[4] == math.inf
    assert math.isnan(got[5])
    assert math.isnan(wanted[5])


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300))
@settings(max_examples=50, deadline=None)
def test_anything(values: list[float]) -> None:
    same(np.array(values))
