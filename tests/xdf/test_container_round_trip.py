from __future__ import annotations

import gc
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import (
    TYPES,
    array_of,
    assert_same,
    assert_same_table,
    mixed_batch,
    read_all,
    schema_of,
    write_file,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xdf

SMALL = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def round_trip(folder: Path, array: pa.Array, **options: int) -> pa.Array:
    path = folder / "one.xdf"
    batch = pa.RecordBatch.from_arrays([array], names=["x"])
    write_file(path, batch, overwrite=True, **options)
    return read_all(path).column("x")


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", TYPES)
def test_every_type_comes_back(tmp_path: Path, name: str, level: int) -> None:
    array = array_of(name)
    assert_same(round_trip(tmp_path, array, compression_level=level), array)


@pytest.mark.parametrize("name", TYPES)
def test_slices_are_stored_from_their_own_first_row(tmp_path: Path, name: str) -> None:
    array = pa.concat_arrays([array_of(name)] * 5)
    for start, length in ((1, 1), (3, 9), (9, 11), (19, 1)):
        assert_same(round_trip(tmp_path, array.slice(start, length)), array.slice(start, length))


@pytest.mark.parametrize("name", TYPES)
def test_no_rows_and_nothing_but_missing_rows(tmp_path: Path, name: str) -> None:
    kind = TYPES[name][0]
    for array in (array_of(name).slice(0, 0), pa.nulls(13, kind)):
        assert_same(round_trip(tmp_path, array), array)


@pytest.mark.parametrize("name", TYPES)
def test_the_logical_type_survives_in_the_schema(tmp_path: Path, name: str) -> None:
    array = array_of(name)
    path = write_file(tmp_path / "one.xdf", pa.RecordBatch.from_arrays([array], names=["x"]))
    with xdf.open(path) as file:
        assert file.schema.field("x").type == TYPES[name][0]
        assert file.read_block_arrow(0).schema.field("x").type == TYPES[name][0]


@pytest.mark.parametrize("level", range(-1, 10))
def test_every_compression_level(tmp_path: Path, level: int) -> None:
    batches = [mixed_batch(300, seed) for seed in range(3)]
    path = write_file(tmp_path / "m.xdf", *batches, compression_level=level)
    assert_same_table(read_all(path), *batches)
    with xdf.open(path) as file:
        assert file.compression_level == level


def test_blocks_are_the_batches(tmp_path: Path) -> None:
    batches = [mixed_batch(n) for n in (10, 1, 0, 300)]
    path = write_file(tmp_path / "m.xdf", *batches)
    with xdf.open(path) as file:
        assert (file.n_rows, file.n_blocks, file.rows_per_block) == (311, 4, (10, 1, 0, 300))
        for number, batch in enumerate(batches):
            assert_same_table(pa.Table.from_batches([file.read_block_arrow(number)]), batch)
        assert file.size_on_disk == path.stat().st_size
        assert "311 rows, 9 columns, 4 blocks" in repr(file)


def test_a_file_without_blocks(tmp_path: Path) -> None:
    batch = mixed_batch(5)
    with xdf.create(tmp_path / "none.xdf", schema_of(batch)):
        pass
    with xdf.open(tmp_path / "none.xdf") as file:
        assert (file.n_rows, file.n_blocks, file.rows_per_block) == (0, 0, ())
        assert file.to_arrow().num_rows == 0
        assert file.to_arrow().column_names == batch.schema.names
        assert file.schema.field("noise").low is None
        assert file.statistics("noise").n_valid == 0
        assert math.isnan(file.statistics("noise").mean)
        assert file.block_nbytes(["noise"]) == 0


def test_large_blocks_encoded_by_threads(tmp_path: Path) -> None:
    batch = mixed_batch(50_000)
    assert_same_table(read_all(write_file(tmp_path / "m.xdf", batch)), batch)


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    batches = [mixed_batch(20_000, seed) for seed in range(3)]
    first = write_file(tmp_path / "a.xdf", *batches)
    second = write_file(tmp_path / "b.xdf", *batches)
    assert first.read_bytes() == second.read_bytes()


def test_names_and_labels_in_any_script(tmp_path: Path) -> None:
    schema = xdf.Schema(
        (
            xdf.Field("größe (µm)", pa.float64(), description="Länge", low=-1.5, high=9.0),
            xdf.Field("年", pa.int64(), value_codes=(1.0, -9.0), value_labels=("eins", "пусто")),
            xdf.factor_field("🙂", ["a\nb", ""], ordered=True, value_codes=("",), value_labels=("leer",)),
        )
    )
    path = tmp_path / "наука.xdf"
    with xdf.create(path, schema) as writer:
        writer.write(pa.record_batch({"🙂": ["", "a\nb"], "年": [1, -9], "größe (µm)": [0.5, None]}))
    with xdf.open(path) as file:
        assert file.schema.names == schema.names
        assert file.schema.field("größe (µm)") == schema.field("größe (µm)")
        assert file.schema.field("年").value_labels == ("eins", "пусто")
        assert file.schema.field("年").value_codes == (1.0, -9.0)
        assert file.schema.field("🙂") == schema.field("🙂")
        assert file.to_arrow().to_pydict() == {"größe (µm)": [0.5, None], "年": [1, -9], "🙂": ["", "a\nb"]}


def test_low_and_high_are_those_of_the_file_unless_given(tmp_path: Path) -> None:
    schema = xdf.Schema(
        (
            xdf.Field("free", pa.float64()),
            xdf.Field("fixed", pa.int64(), low=0.0, high=100.0),
            xdf.Field("half", pa.int64(), low=0.0),
            xdf.Field("empty", pa.int64()),
            xdf.Field("text", pa.string()),
            xdf.Field("flag", pa.bool_()),
        )
    )
    with xdf.create(tmp_path / "r.xdf", schema) as writer:
        for values in ([2, 5], [-3, 4]):
            writer.write(
                pa.record_batch(
                    {
                        "free": pa.array(values, pa.float64()),
                        "fixed": values,
                        "half": values,
                        "empty": pa.nulls(2, pa.int64()),
                        "text": ["a", "b"],
                        "flag": [False, True],
                    }
                )
            )
    with xdf.open(tmp_path / "r.xdf") as file:
        ranges = {field.name: (field.low, field.high) for field in file.schema}
    assert ranges == {
        "free": (-3.0, 5.0),
        "fixed": (0.0, 100.0),
        "half": (0.0, 5.0),
        "empty": (None, None),
        "text": (None, None),
        "flag": (0.0, 1.0),
    }


def test_a_range_from_the_data_grows_with_the_file_but_an_explicit_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "r.xdf"
    with xdf.create(path, xdf.Schema((xdf.Field("x", pa.int64()), xdf.Field("y", pa.int64())))) as writer:
        writer.write(pa.record_batch({"x": [1], "y": [1]}))
        writer.set_field("y", low=0.0, high=3.0)
    with xdf.append(path) as writer:
        writer.write(pa.record_batch({"x": [10], "y": [10]}))
    with xdf.open(path) as file:
        assert (file.schema.field("x").low, file.schema.field("x").high) == (1.0, 10.0)
        assert (file.schema.field("y").low, file.schema.field("y").high) == (0.0, 3.0)


def test_arrays_are_read_only_and_outlive_the_file(tmp_path: Path) -> None:
    batch = mixed_batch(2000)
    path = write_file(tmp_path / "m.xdf", batch)
    file = xdf.open(path)
    columns = file.read_block(0)
    file.close()
    del file
    gc.collect()
    for name, column in columns.items():
        assert not column.values.flags.writeable, name
        assert column.validity is None or not column.validity.flags.writeable
    assert columns["small"].values.tolist() == batch.column("small").to_pylist()
    with pytest.raises(ValueError, match="read-only"):
        columns["small"].values[0] = 1


def test_a_decimal_is_a_float_to_kernels_and_exact_in_arrow(tmp_path: Path) -> None:
    array = array_of("decimal128")
    path = write_file(tmp_path / "d.xdf", pa.RecordBatch.from_arrays([array], names=["x"]))
    with xdf.open(path) as file:
        column = file.read_block(0)["x"]
        assert column.values.dtype == np.float64
        assert column.values[0] == 12345678901234567890.123456789
        assert_same(file.read_block_arrow(0).column("x"), array)


def test_columns_of_a_batch_are_matched_by_name_and_widened(tmp_path: Path) -> None:
    schema = xdf.Schema((xdf.Field("a", pa.int64()), xdf.Field("b", pa.float64()), xdf.Field("c", pa.string())))
    with xdf.create(tmp_path / "m.xdf", schema) as writer:
        writer.write(
            pa.record_batch(
                {
                    "c": pa.array(["u", None]).dictionary_encode(),
                    "b": pa.array([1, 2], pa.int8()),
                    "a": pa.array([5.0, 6.0]),
                }
            )
        )
        writer.write(pa.record_batch({"a": pa.nulls(1), "b": pa.nulls(1), "c": pa.array(["v"], pa.large_string())}))
    assert read_all(tmp_path / "m.xdf").to_pydict() == {"a": [5, 6, None], "b": [1.0, 2.0, None], "c": ["u", None, "v"]}


NUMBERS: dict[str, Callable[[], st.SearchStrategy[object]]] = {
    "int8": lambda: st.integers(-(2**7), 2**7 - 1),
    "int16": lambda: st.integers(-(2**15), 2**15 - 1),
    "int32": lambda: st.integers(-(2**31), 2**31 - 1),
    "int64": lambda: st.integers(-(2**63), 2**63 - 1),
    "uint8": lambda: st.integers(0, 2**8 - 1),
    "uint16": lambda: st.integers(0, 2**16 - 1),
    "uint32": lambda: st.integers(0, 2**32 - 1),
    "uint64": lambda: st.integers(0, 2**64 - 1),
    "float32": lambda: st.floats(width=32),
    "float64": lambda: st.one_of(st.floats(), st.floats(width=32), st.integers(-(2**40), 2**40).map(float)),
    "string": lambda: st.text(max_size=8),
    "binary": lambda: st.binary(max_size=8),
    "bool": st.booleans,
    "timestamp[ns]": lambda: st.integers(-(2**63), 2**63 - 1),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_any_values_come_back(tmp_path: Path, name: str) -> None:
    values = st.lists(st.one_of(st.none(), NUMBERS[name]()), max_size=40)

    @SMALL
    @given(values=values, cut=st.integers(0, 40))
    def check(values: list[object], cut: int) -> None:
        array = pa.array(values, TYPES[name][0]).slice(min(cut, len(values)))
        assert_same(round_trip(tmp_path, array), array)

    check()


@SMALL
@given(offset=st.integers(-(2**63), 2**63 - 1), steps=st.lists(st.integers(0, 2**33), min_size=1, max_size=20))
def test_integers_close_together_anywhere(tmp_path: Path, offset: int, steps: list[int]) -> None:
    array = pa.array([min(offset + step, 2**63 - 1) for step in steps], pa.int64())
    assert_same(round_trip(tmp_path, array), array)


@SMALL
@given(data=st.lists(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=15), min_size=1, max_size=4))
def test_factors_by_value_over_any_batches(tmp_path: Path, data: list[list[str | None]]) -> None:
    path = tmp_path / "f.xdf"
    with xdf.create(path, xdf.Schema((xdf.factor_field("f", []),)), overwrite=True) as writer:
        for values in data:
            writer.write(pa.record_batch({"f": pa.array(values, pa.string())}))
    flat = [value for values in data for value in values]
    with xdf.open(path) as file:
        assert file.to_arrow().column("f").to_pylist() == flat
        assert file.schema.field("f").levels == tuple(dict.fromkeys(value for value in flat if value is not None))
