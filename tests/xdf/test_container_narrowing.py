from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import assert_same, write_file

import xdf

INT32 = 2**31
CASES = {
    "small integers": (pa.int64(), [0, 100, -128], "int8", 0),
    "one byte after a base": (pa.int64(), [1990, 2019], "int8", 2005),
    "exactly 256 numbers": (pa.int64(), [1000, 1255], "int8", 1128),
    "257 numbers": (pa.int64(), [100_000, 100_256], "int16", 100_128),
    "two bytes": (pa.int32(), [-32768, 32767], "int16", 0),
    "constant": (pa.int64(), [10**15] * 3, "int8", 10**15),
    "four bytes after a base": (pa.int64(), [2**62, 2**62 + 2**32 - 1], "int32", 2**62 + 2**31),
    "too far apart": (pa.int64(), [-(2**63), 2**63 - 1], "int64", 0),
    "one too far apart": (pa.int64(), [0, 2**32], "int64", 0),
    "near the top": (pa.int64(), [2**63 - 3, 2**63 - 1], "int8", 2**63 - 2),
    "near the bottom": (pa.int64(), [-(2**63), -(2**63) + 9], "int8", -(2**63) + 5),
    "int16 near the top": (pa.int16(), [32700, 32767], "int8", 32734),
    "uint64 near the top": (pa.uint64(), [2**64 - 1, 2**64 - 2], "uint64", 0),
    "uint64 near the middle": (pa.uint64(), [2**63 - 1, 2**63 - 200], "int8", 2**63 - 100),
    "uint64 over the middle": (pa.uint64(), [2**63 - 1, 2**63 + 1], "uint64", 0),
    "uint32 wide": (pa.uint32(), [0, 2**32 - 1], "uint32", 0),
    "uint8 stays": (pa.uint8(), [200, 201], "uint8", 0),
    "bool": (pa.bool_(), [True, False], "uint8", 0),
    "date": (pa.date32(), [15_000, 15_300], "int16", 0),
    "whole floats": (pa.float64(), [1.0, -3.0], "int8", 0),
    "whole floats after a base": (pa.float64(), [2001.0, 2013.0], "int8", 2007),
    "whole floats of four bytes": (pa.float64(), [2.0**40, 2.0**40 + 2**31], "int32", 2**40 + 2**30),
    "whole floats at the limit": (pa.float64(), [2.0**53, 2.0**53 - 1], "int8", 2**53),
    "whole floats beyond the limit": (pa.float64(), [2.0**54], "float32", 0),
    "whole floats too far apart": (pa.float64(), [0.0, 2.0**33 + 1], "float64", 0),
    "a negative zero": (pa.float64(), [1.0, -0.0], "float32", 0),
    "only a positive zero": (pa.float64(), [0.0], "int8", 0),
    "halves": (pa.float64(), [0.5, 1.0], "float32", 0),
    "tenths": (pa.float64(), [0.1, 1.0], "float64", 0),
    "nan": (pa.float64(), [float("nan"), 1.0], "float32", 0),
    "infinite": (pa.float64(), [float("inf"), 1.0], "float32", 0),
    "too large for float32": (pa.float64(), [1e300, 1.0], "float64", 0),
    "subnormal": (pa.float64(), [5e-324, 1.0], "float64", 0),
    "whole float32": (pa.float32(), [300.0, -2.0], "int16", 0),
    "whole float32 far out": (pa.float32(), [2.0**24, 2.0**24 - 7], "int8", 2**24 - 3),
    "whole float32 too wide": (pa.float32(), [0.0, 70000.0], "float32", 0),
    "float32": (pa.float32(), [0.1, -2.0], "float32", 0),
    "whole float16": (pa.float16(), [2048.0, 2000.0], "int8", 2024),
    "whole float16 too wide": (pa.float16(), [2048.0, 0.0], "float32", 0),
}


@pytest.mark.parametrize("with_missing", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_the_narrowest_type_that_keeps_every_bit(tmp_path: Path, name: str, with_missing: bool) -> None:
    kind, values, dtype, base = CASES[name]
    numbers = [np.float16(value) for value in values] if pa.types.is_float16(kind) else values
    array = pa.array([*numbers, None] if with_missing else numbers, kind)
    path = write_file(tmp_path / "n.xdf", pa.RecordBatch.from_arrays([array], names=["x"]))
    with xdf.open(path) as file:
        column = file.read_block(0)["x"]
        assert_same(file.read_block_arrow(0).column("x"), array)
    assert (column.values.dtype, column.base) == (np.dtype(dtype), base)
    assert (column.validity is not None) == with_missing


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF00000000007A2, 0x7FF8000000000001])
def test_the_payload_of_a_nan_is_kept(tmp_path: Path, bits: int) -> None:
    # R marks NA_real_ by the low word 1954 (0x7a2) of a NaN, which a float32 has no room for.
    array = pa.array(np.array([bits, 0x3FF0000000000000], np.uint64).view(np.float64))
    path = write_file(tmp_path / "n.xdf", pa.RecordBatch.from_arrays([array], names=["x"]))
    with xdf.open(path) as file:
        assert_same(file.read_block_arrow(0).column("x"), array)


def test_nan_and_null_stay_apart(tmp_path: Path) -> None:
    array = pa.array([1.0, None, float("nan"), 2.0])
    path = write_file(tmp_path / "n.xdf", pa.RecordBatch.from_arrays([array], names=["x"]))
    with xdf.open(path) as file:
        assert_same(file.read_block_arrow(0).column("x"), array)
        statistics = file.statistics("x")
    assert (statistics.n_valid, statistics.n_missing, statistics.maximum) == (2, 2, 2.0)


def test_numbers_under_missing_rows_leave_no_trace(tmp_path: Path) -> None:
    mask = np.array([False, True, False])
    first = pa.array(np.array([1, 10**12, 3]), mask=mask)
    second = pa.array(np.array([1, -7, 3]), mask=mask)
    paths = [
        write_file(tmp_path / f"{number}.xdf", pa.RecordBatch.from_arrays([array], names=["x"]))
        for number, array in enumerate((first, second))
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with xdf.open(paths[0]) as file:
        assert file.read_block(0)["x"].values.dtype == np.int8


def test_each_block_is_narrowed_by_itself(tmp_path: Path) -> None:
    batches = [pa.record_batch({"x": [top]}) for top in (100, 2**31, 10**18)]
    wide = [pa.record_batch({"x": [0, top]}) for top in (100, 2**30, 10**18)]
    path = write_file(tmp_path / "n.xdf", *batches, *wide)
    with xdf.open(path) as file:
        dtypes = [str(file.read_block(number)["x"].values.dtype) for number in range(file.n_blocks)]
    assert dtypes == ["int8", "int8", "int8", "int8", "int32", "int64"]


@pytest.mark.parametrize(("n_levels", "dtype"), [(3, "int8"), (128, "int8"), (129, "int16"), (40_000, "int32")])
def test_codes_are_as_wide_as_the_levels_in_the_block(tmp_path: Path, n_levels: int, dtype: str) -> None:
    levels = [f"level {number}" for number in range(n_levels)]
    array = pa.array([*levels, None])
    with xdf.create(tmp_path / "f.xdf", xdf.Schema((xdf.factor_field("f", []),))) as writer:
        writer.write(pa.RecordBatch.from_arrays([array], names=["f"]))
    with xdf.open(tmp_path / "f.xdf") as file:
        column = file.read_block(0)["f"]
    assert column.values.dtype == np.dtype(dtype)
    assert column.values[-1] == -1
    assert column.base == 0
    assert column.to_arrow(xdf.factor_field("f", levels)).to_pylist() == [*levels, None]
