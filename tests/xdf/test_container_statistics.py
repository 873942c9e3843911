from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import mixed_batch, write_file
from hypothesis import given, settings
from hypothesis import strategies as st

import xdf
from xdf import stats

SMALL = settings(max_examples=50, deadline=None)


def test_statistics_are_those_of_numpy(tmp_path: Path) -> None:
    batches = [mixed_batch(n_rows, seed) for seed, n_rows in enumerate((1000, 7, 1, 20_000, 0, 333))]
    path = write_file(tmp_path / "s.xdf", *batches)
    with xdf.open(path) as file:
        for name in ("small", "year", "whole", "single", "noise", "flag"):
            column = pa.chunked_array([batch.column(name) for batch in batches])
            numbers = column.drop_null().to_numpy().astype(np.float64)
            got = file.statistics(name)
            assert (got.n_valid, got.n_missing) == (len(numbers), column.null_count)
            assert (got.minimum, got.maximum) == (numbers.min(), numbers.max())
            assert got.mean == pytest.approx(numbers.mean(), rel=1e-14)
            assert got.centered_squares == pytest.approx(((numbers - numbers.mean()) ** 2).sum(), rel=1e-13)


def test_each_block_has_its_own(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "s.xdf", pa.record_batch({"x": [1, 2, 3]}), pa.record_batch({"x": pa.array([None, 7], pa.int64())})
    )
    with xdf.open(path) as file:
        assert file.block_statistics(0, "x") == xdf.ColumnStatistics(3, 0, 1.0, 3.0, 2.0, 2.0)
        assert file.block_statistics(1, "x") == xdf.ColumnStatistics(1, 1, 7.0, 7.0, 7.0, 0.0)
        assert file.statistics("x") == file.block_statistics(0, "x").merge(file.block_statistics(1, "x"))
        with pytest.raises(xdf.XdfError, match="block 2 is not there; the file has 2 blocks"):
            file.block_statistics(2, "x")


def test_strings_and_factors_have_counts_only(tmp_path: Path) -> None:
    path = write_file(tmp_path / "s.xdf", mixed_batch(500))
    with xdf.open(path) as file:
        for name in ("text", "weather"):
            got = file.statistics(name)
            assert got.n_valid + got.n_missing == 500
            assert got.n_missing == mixed_batch(500).column(name).null_count
            assert all(math.isnan(number) for number in (got.minimum, got.maximum, got.mean, got.centered_squares))


def test_dates_count_as_their_integers(tmp_path: Path) -> None:
    path = write_file(tmp_path / "s.xdf", pa.record_batch({"d": [dt.date(1970, 1, 2), dt.date(1970, 1, 4), None]}))
    with xdf.open(path) as file:
        assert file.statistics("d") == xdf.ColumnStatistics(2, 1, 1.0, 3.0, 2.0, 2.0)


def test_digits_survive_a_large_offset(tmp_path: Path) -> None:
    numbers = 1e9 + np.arange(1000) * 0.25
    for array in (pa.array(numbers), pa.array(np.arange(1000) + 10**15)):
        path = write_file(tmp_path / "s.xdf", pa.RecordBatch.from_arrays([array], names=["x"]), overwrite=True)
        exact = np.arange(1000.0) * (0.25 if pa.types.is_floating(array.type) else 1)
        with xdf.open(path) as file:
            squares = file.statistics("x").centered_squares
        assert squares == pytest.approx(((exact - exact.mean()) ** 2).sum(), rel=1e-15)


def test_infinities_and_nothing_at_all(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "s.xdf",
        pa.record_batch({"up": [1.0, math.inf], "both": [-math.inf, math.inf], "none": pa.nulls(2, pa.float64())}),
    )
    with xdf.open(path) as file:
        assert file.statistics("up").mean == math.inf
        assert (file.statistics("both").minimum, file.statistics("both").maximum) == (-math.inf, math.inf)
        assert math.isnan(file.statistics("both").mean)
        none = file.statistics("none")
        assert (none.n_valid, none.n_missing, none.centered_squares) == (0, 2, 0.0)
        assert math.isnan(none.minimum)


def test_extremes_of_64_bits_round_to_the_nearest_float(tmp_path: Path) -> None:
    path = write_file(tmp_path / "s.xdf", pa.record_batch({"x": [-(2**63), 2**63 - 1]}))
    with xdf.open(path) as file:
        assert (file.statistics("x").minimum, file.statistics("x").maximum) == (-(2.0**63), 2.0**63)


def test_an_empty_side_changes_only_the_missing_count() -> None:
    some = stats.of_values(np.array([1.0, 4.0]), 0, 3)
    assert stats.EMPTY.merge(some) == some
    assert some.merge(stats.of_values(np.array([], np.int8), 0, 2)) == xdf.ColumnStatistics(2, 5, 1.0, 4.0, 2.5, 4.5)


def tree(parts: list[xdf.ColumnStatistics]) -> xdf.ColumnStatistics:
    """The shape written down once more, by recursion: the left subtree is the largest complete one."""
    if len(parts) == 1:
        return parts[0]
    half = 1 << ((len(parts) - 1).bit_length() - 1)
    return tree(parts[:half]).merge(tree(parts[half:]))


@SMALL
@given(
    blocks=st.lists(
        st.lists(st.floats(-1e6, 1e6), max_size=6).map(lambda values: np.array(values, np.float64)),
        min_size=1,
        max_size=40,
    )
)
def test_merging_all_blocks_at_once_gives_the_bits_of_the_tree(blocks: list[np.ndarray]) -> None:
    parts = [stats.of_values(block, 0, 0) for block in blocks]
    expected = tree(parts)
    n_valid, mean, squares = stats.merge_blocks(
        np.array([part.n_valid for part in parts]),
        np.array([part.mean for part in parts]),
        np.array([part.centered_squares for part in parts]),
    )
    assert n_valid == expected.n_valid
    assert (mean, squares) == (expected.mean, expected.centered_squares) or expected.n_valid == 0
