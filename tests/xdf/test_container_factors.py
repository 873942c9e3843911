from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import xdf

EMPTY = xdf.Schema((xdf.factor_field("f", []),))


def write_factor(path: Path, *arrays: pa.Array, schema: xdf.Schema = EMPTY) -> Path:
    with xdf.create(path, schema, overwrite=True) as writer:
        for array in arrays:
            writer.write(pa.RecordBatch.from_arrays([array], names=["f"]))
    return path


def read_factor(path: Path) -> tuple[tuple[str, ...] | None, list[str | None]]:
    with xdf.open(path) as file:
        return file.schema.field("f").levels, file.to_arrow().column("f").to_pylist()


def test_local_dictionaries_are_unified_by_value(tmp_path: Path) -> None:
    first = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), ["b", "a"])
    second = pa.DictionaryArray.from_arrays(pa.array([2, 0, 1], pa.int64()), ["c", "a", "b"])
    path = write_factor(tmp_path / "f.xdf", first, second)
    assert read_factor(path) == (("b", "a", "c"), ["b", "a", None, "b", "c", "a"])


def test_strings_bring_levels_in_order_of_first_appearance(tmp_path: Path) -> None:
    path = write_factor(tmp_path / "f.xdf", pa.array(["z", None, "a"]), pa.array(["m", "a", "b"], pa.large_string()))
    assert read_factor(path) == (("z", "a", "m", "b"), ["z", None, "a", "m", "a", "b"])


def test_levels_without_rows_are_kept_in_the_order_of_the_dictionary(tmp_path: Path) -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([2], pa.int16()), ["low", "middle", "high"])
    assert read_factor(write_factor(tmp_path / "f.xdf", array)) == (("low", "middle", "high"), ["high"])


def test_declared_levels_come_first(tmp_path: Path) -> None:
    schema = xdf.Schema((xdf.factor_field("f", ["x", "y"], ordered=True),))
    path = write_factor(tmp_path / "f.xdf", pa.array(["n", "y"]), schema=schema)
    assert read_factor(path) == (("x", "y", "n"), ["n", "y"])
    with xdf.open(path) as file:
        assert file.schema.field("f").ordered


def test_a_dictionary_with_nulls_and_duplicates(tmp_path: Path) -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3]), pa.array(["a", None, "a", "b"]))
    assert read_factor(write_factor(tmp_path / "f.xdf", array)) == (("a", "b"), ["a", None, "a", "b"])


def test_a_dictionary_with_large_strings_and_a_slice(tmp_path: Path) -> None:
    array = pa.array(["q", "r", "s", None, "q"], pa.large_string()).dictionary_encode().slice(2)
    assert read_factor(write_factor(tmp_path / "f.xdf", array)) == (("q", "r", "s"), ["s", None, "q"])


def test_an_empty_dictionary(tmp_path: Path) -> None:
    array = pa.DictionaryArray.from_arrays(pa.nulls(3, pa.int8()), pa.array([], pa.string()))
    assert read_factor(write_factor(tmp_path / "f.xdf", array)) == ((), [None] * 3)
    assert read_factor(write_factor(tmp_path / "f.xdf", pa.nulls(2))) == ((), [None] * 2)


def test_all_blocks_share_one_object_of_levels(tmp_path: Path) -> None:
    path = write_factor(tmp_path / "f.xdf", pa.array(["a"]), pa.array(["b", "c"]), pa.array(["a"]))
    with xdf.open(path) as file:
        columns = [file.read_block(number)["f"] for number in range(3)]
    assert columns[0].levels is not None
    assert columns[0].levels.to_pylist() == ["a", "b", "c"]
    assert columns[0].levels is columns[1].levels is columns[2].levels


def test_levels_grow_over_appends_and_many_pages(tmp_path: Path) -> None:
    path = write_factor(tmp_path / "f.xdf", pa.array(["start"]))
    for number in range(20):
        with xdf.append(path) as writer:
            writer.write(pa.record_batch({"f": [f"new {number}", "start"]}))
    levels, values = read_factor(path)
    assert levels == ("start", *(f"new {number}" for number in range(20)))
    assert values == ["start", *(value for number in range(20) for value in (f"new {number}", "start"))]


def test_two_factors_do_not_mix_their_levels(tmp_path: Path) -> None:
    schema = xdf.Schema((xdf.factor_field("a", []), xdf.Field("n", pa.int64()), xdf.factor_field("b", ["u"])))
    with xdf.create(tmp_path / "t.xdf", schema) as writer:
        for shift in range(3):
            writer.write(pa.record_batch({"a": [f"a{shift}"], "n": [shift], "b": [f"b{shift}"]}))
    with xdf.open(tmp_path / "t.xdf") as file:
        assert file.schema.field("a").levels == ("a0", "a1", "a2")
        assert file.schema.field("b").levels == ("u", "b0", "b1", "b2")


def test_the_schema_of_the_writer_grows(tmp_path: Path) -> None:
    with xdf.create(tmp_path / "f.xdf", EMPTY) as writer:
        writer.write(pa.record_batch({"f": ["p", "q"]}))
        assert writer.schema.field("f").levels == ("p", "q")
        writer.write(pa.record_batch({"f": ["q", "r"]}))
        assert writer.schema.field("f").levels == ("p", "q", "r")
        assert (writer.n_rows, writer.n_blocks) == (4, 2)


def test_a_refused_batch_leaves_no_levels_behind(tmp_path: Path) -> None:
    schema = xdf.Schema((xdf.factor_field("f", []), xdf.factor_field("g", [])))
    bad = pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([1.5]))
    with xdf.create(tmp_path / "f.xdf", schema) as writer:
        with pytest.raises(xdf.XdfSchemaError, match=r"column 'g': the levels of a factor are strings; got a"):
            writer.write(pa.RecordBatch.from_arrays([pa.array(["lost"]), bad], names=["f", "g"]))
        writer.write(pa.record_batch({"f": ["kept"], "g": ["kept"]}))
    with xdf.open(tmp_path / "f.xdf") as file:
        assert file.schema.field("f").levels == ("kept",)


def test_an_index_outside_its_dictionary_is_refused(tmp_path: Path) -> None:
    for wrong in ([3], [-1]):
        array = pa.DictionaryArray.from_arrays(pa.array(wrong, pa.int8()), ["a"], safe=False)
        with (
            xdf.create(tmp_path / "f.xdf", EMPTY, overwrite=True) as writer,
            pytest.raises(xdf.XdfSchemaError, match="but the dictionary has 1 values"),
        ):
            writer.write(pa.RecordBatch.from_arrays([array], names=["f"]))


def test_many_rows_of_strings_in_two_blocks(tmp_path: Path) -> None:
    names = np.array([f"carrier {number}" for number in range(16)])
    codes = np.random.default_rng(0).integers(0, 16, 100_000)
    array = pa.array(names[codes])
    path = write_factor(tmp_path / "f.xdf", array, array)
    with xdf.open(path) as file:
        assert file.to_arrow().column("f").cast(pa.string()).combine_chunks().equals(pa.concat_arrays([array, array]))
