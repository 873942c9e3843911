"""Every encoding gives back what it was given, to the bit, for any values and any number of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from container_cases import TYPES, array_of, assert_same, write_file
from encoding_cases import DICTIONARY, bits_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from specification_reader import read_by_specification, to_array

import xdf
from xdf import planes
from xdf.distinct import find_distinct, is_ascending
from xdf.errors import XdfFormatError

FEW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FLOATS = {16: np.float16, 32: np.float32, 64: np.float64}
# A signalling NaN, one with a sign, R's missing value, the smallest number, both zeros, both infinities.
ODD = {
    16: [0x7C01, 0xFE00, 0x7E01, 0x0001, 0x8000, 0x0000, 0x7C00, 0xFC00],
    32: [0x7F800001, 0xFFC00000, 0x7FC00001, 0x00000001, 0x80000000, 0x00000000, 0x7F800000, 0xFF800000],
    64: [0x7FF0000000000001, 0xFFF8 << 48, 0x7FF00000000007A2, 1, 1 << 63, 0, 0x7FF0 << 48, 0xFFF0 << 48],
}


def read_back(path: Path, array: pa.Array, level: int) -> xdf.XdfFile:
    """Write a column, check that every way to read it gives the same; returns the file, open."""
    write_file(path, pa.RecordBatch.from_arrays([array], names=["x"]), overwrite=True, compression_level=level)
    file = xdf.open(path)
    assert_same(file.read_block_arrow(0).column("x"), array)
    assert len(file.read_block(0)["x"]) == len(array)
    if not pa.types.is_decimal(array.type):
        assert_same(file.read_block(0)["x"].to_arrow(file.schema.field("x")), array)
    return file


@st.composite
def columns_of_floats(draw: st.DrawFn) -> pa.Array:
    """Floats by their bits: few of them, so that they repeat, or many; odd ones among them; some missing."""
    width = draw(st.sampled_from([16, 32, 64]))
    patterns = st.sampled_from(ODD[width]) | st.integers(0, 2**width - 1)
    pool = np.array(draw(st.lists(patterns, min_size=1, max_size=40)), f"u{width // 8}").view(FLOATS[width])
    return _drawn_from(draw, pa.array(pool))


@st.composite
def columns_of_numbers(draw: st.DrawFn) -> pa.Array:
    kind = draw(st.sampled_from([pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(),
                                 pa.uint64(), pa.timestamp("ns"), pa.time64("us"), pa.duration("s")]))  # fmt: skip
    is_signed = not pa.types.is_unsigned_integer(kind)
    low, high = (
        (-(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1) if is_signed else (0, 2**kind.bit_width - 1)
    )
    if pa.types.is_time(kind):
        low, high = 0, 86_399_999_999
    near = draw(st.integers(low, high))
    values = st.integers(low, high) | st.integers(max(low, near - 99), min(high, near + 99))
    pool = draw(st.lists(values, min_size=1, max_size=40))
    storage = kind if pa.types.is_integer(kind) else pa.int64()
    return _drawn_from(draw, pa.array(pool, storage).view(kind))


@st.composite
def columns_of_texts(draw: st.DrawFn) -> pa.Array:
    kind = draw(st.sampled_from([pa.string(), pa.large_string(), pa.binary()]))
    texts = st.binary(max_size=300) if pa.types.is_binary(kind) else st.text(max_size=300)
    return _drawn_from(draw, pa.array(draw(st.lists(texts, min_size=1, max_size=40)), kind))


@st.composite
def columns_of_decimals(draw: st.DrawFn) -> pa.Array:
    numbers = st.decimals(min_value=-(10**30), max_value=10**30, places=4)
    return _drawn_from(draw, pa.array(draw(st.lists(numbers, min_size=1, max_size=40)), pa.decimal128(38, 4)))


def _drawn_from(draw: st.DrawFn, pool: pa.Array) -> pa.Array:
    n_rows = draw(st.sampled_from([0, 1, 2, 7, 8, 9, 255, 256, 1000, 5000, 17_000, 20_001]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    places = random.integers(0, len(pool), n_rows)
    missing = random.random(n_rows) < draw(st.sampled_from([0.0, 0.0, 0.1, 0.9, 1.0]))
    return pool.take(pa.array(places, mask=missing))


@pytest.mark.parametrize("strategy", [columns_of_floats, columns_of_numbers, columns_of_texts, columns_of_decimals])
@FEW
@given(data=st.data(), level=st.sampled_from([1, 1, 1, -1, 0, 7]))
def test_any_column_comes_back_to_the_bit(tmp_path: Path, strategy: Any, data: st.DataObject, level: int) -> None:
    array = data.draw(strategy())
    read_back(tmp_path / "a.xdf", array, level).close()


@FEW
@given(array=columns_of_floats() | columns_of_numbers() | columns_of_texts() | columns_of_decimals())
def test_any_column_is_read_by_the_document_alone(tmp_path: Path, array: pa.Array) -> None:
    array = array.slice(0, 300)
    if pa.types.is_floating(array.type):
        # A float of Python's knows one NaN only.
        array = array.filter(pc.invert(pc.is_nan(array).fill_null(False)))
    path = write_file(tmp_path / "a.xdf", pa.RecordBatch.from_arrays([array], names=["x"]), overwrite=True)
    _, columns = read_by_specification(path)
    assert_same(to_array(columns["x"][0], array.type), array)


@pytest.mark.parametrize("level", [-1, *range(10)])
def test_every_type_at_every_level(tmp_path: Path, level: int) -> None:
    batch = pa.RecordBatch.from_arrays([array_of(name) for name in TYPES], names=list(TYPES))
    batch = pa.Table.from_batches([batch] * 100).combine_chunks().to_batches()[0]
    path = write_file(tmp_path / "a.xdf", batch, compression_level=level)
    with xdf.open(path) as file:
        for name in TYPES:
            assert_same(file.read_block_arrow(0, [name]).column(name), batch.column(name))


@pytest.mark.parametrize("bits", planes.CODE_BITS[1:])
@FEW
@given(n_rows=st.integers(0, 70), seed=st.integers(0, 9))
def test_codes_in_planes(bits: int, n_rows: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 1 << bits, n_rows).astype(planes.code_type(bits))
    parts = planes.split_codes(codes, bits)
    assert [len(part) for part in parts] == [planes.plane_length(each, n_rows) for each in planes.plane_bits(bits)]
    assert np.array_equal(planes.join_codes(parts, bits, n_rows), codes)


@pytest.mark.parametrize("n_rows", [1, 9, 9000])
@pytest.mark.parametrize("bits", planes.CODE_BITS)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "f2", "i4", "f4", "i8", "u8", "f8", "V16"])
def test_look_ups(dtype: str, bits: int, n_rows: int) -> None:
    random = np.random.default_rng(bits)
    n_values = max(1, (1 << bits) - 1)
    dictionary = random.integers(0, 256, n_values * np.dtype(dtype).itemsize).astype(np.uint8).view(dtype)
    codes = random.integers(0, n_values, n_rows).astype(planes.code_type(bits))
    found = planes.look_up(dictionary, planes.split_codes(codes, bits), bits, n_rows)
    assert found.dtype == dictionary.dtype
    assert found.tobytes() == dictionary[codes].tobytes()


@pytest.mark.parametrize("n_rows", [5, 9000])
@pytest.mark.parametrize("bits", planes.CODE_BITS[1:])
def test_a_code_outside_the_dictionary_is_noticed(bits: int, n_rows: int) -> None:
    n_values = (1 << bits) - 1
    dictionary = np.arange(n_values, dtype=np.float64)
    for place in range(5):
        codes = np.zeros(n_rows, planes.code_type(bits))
        codes[place] = n_values
        with pytest.raises(XdfFormatError, match=f"a code lies outside its dictionary of {n_values:,} values"):
            planes.look_up(dictionary, planes.split_codes(codes, bits), bits, n_rows)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "f2", "i4", "f4", "i8", "u8", "f8", "V16"])
def test_bytes_in_planes(dtype: str) -> None:
    values = np.random.default_rng(1).integers(0, 256, 16 * 77).astype(np.uint8).view(dtype)
    assert planes.join_bytes(planes.split_bytes(values), np.dtype(dtype)).tobytes() == values.tobytes()


@FEW
@given(array=columns_of_floats() | columns_of_decimals())
def test_distinct_values_are_all_there_and_ascend(array: pa.Array) -> None:
    array = array.drop_null()
    if len(array) == 0:
        return
    dtype = "V16" if pa.types.is_decimal(array.type) else array.type.to_pandas_dtype()
    values = np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * np.dtype(dtype).itemsize)
    found = find_distinct(values)
    if found is not None:
        assert is_ascending(found.values)
        assert found.values[found.codes].tobytes() == values.tobytes()
        assert len(found.values) <= 1 << found.bits


def test_floats_are_ordered_by_sign_then_size_then_bits() -> None:
    ordered = np.array([-np.nan, -np.inf, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, np.inf, np.nan])
    assert is_ascending(ordered)
    for place in range(len(ordered) - 1):
        turned = ordered.copy()
        turned[[place, place + 1]] = turned[[place + 1, place]]
        assert not is_ascending(turned)
    assert not is_ascending(np.array([1.0, 1.0]))


def test_rows_that_are_missing_cost_no_place_in_a_dictionary(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    values = random.integers(100, 104, 20_000) * 1000
    with read_back(tmp_path / "a.xdf", pa.array(values, mask=random.random(20_000) < 0.2), 1) as file:
        assert (file._index.entry(0, 0).encoding, bits_of(file)) == (DICTIONARY, 2)


def test_a_slice_of_a_longer_array(tmp_path: Path) -> None:
    for name in TYPES:
        array = pa.concat_arrays([array_of(name)] * 50) if name != "factor" else array_of(name)
        if name != "factor":
            read_back(tmp_path / "a.xdf", array.slice(3, 101), 1).close()
