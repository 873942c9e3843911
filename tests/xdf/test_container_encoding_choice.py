"""Which way a column is stored, that it comes back the same, and that no way is larger than the plain one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import assert_same, write_file
from encoding_cases import DICTIONARY, DIRECT, MADE, PLANES, TEXTS, bits_of, content_of
from specification_reader import read_by_specification, to_array

import xdf


def of_one(path: Path, array: pa.Array, **options: object) -> Path:
    return write_file(path, pa.RecordBatch.from_arrays([array], names=["x"]), **options)


@pytest.mark.parametrize("name", MADE)
def test_a_column_is_stored_as_it_was_made_to_be(tmp_path: Path, name: str) -> None:
    made = MADE[name]
    path = of_one(tmp_path / "c.xdf", made.array)
    with xdf.open(path) as file:
        entry = file._index.entry(0, 0)
        assert (entry.encoding, entry.physical) == (made.encoding, made.physical)
        if made.bits is not None:
            assert bits_of(file) == made.bits
        field = file.schema.field("x")
        assert_same(file.read_block_arrow(0).column("x"), made.array)
        column = file.read_block(0)["x"]
        assert_same(
            column.to_arrow(field),
            made.array.cast(pa.float64()).cast(field.type) if pa.types.is_decimal(field.type) else made.array,
        )
        assert len(column) == len(made.array)
        assert not column.values.flags.writeable


@pytest.mark.parametrize("name", MADE)
def test_the_document_is_enough_to_read_each_of_them(tmp_path: Path, name: str) -> None:
    array = MADE[name].array
    _, columns = read_by_specification(of_one(tmp_path / "c.xdf", array))
    assert_same(to_array(columns["x"][0], array.type), array)


@pytest.mark.parametrize("level", [-1, 0, 5, 9])
@pytest.mark.parametrize("name", ["hours", "noise and nulls", "pairs", "weather and nulls", "names", "prices"])
def test_every_level_gives_the_same_values(tmp_path: Path, name: str, level: int) -> None:
    array = MADE[name].array
    path = of_one(tmp_path / "c.xdf", array, compression_level=level)
    with xdf.open(path) as file:
        assert_same(file.read_block_arrow(0).column("x"), array)
        encoding = file._index.entry(0, 0).encoding
    assert (encoding == DIRECT) == (level == 0 or name == "pairs")


def test_a_factor_of_few_levels_takes_few_bits(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    codes = pa.array(random.integers(0, 3, 9000), pa.int32(), mask=random.random(9000) < 0.1)
    array = pa.DictionaryArray.from_arrays(codes, pa.array(["JFK", "LGA", "EWR"]))
    path = of_one(tmp_path / "c.xdf", array)
    with xdf.open(path) as file:
        assert bits_of(file) == 2
        column = file.read_block(0)["x"]
        # Three levels, and -1 for the rows without one.
        assert np.unique(column.values).tolist() == [-1, 0, 1, 2]
        assert_same(file.read_block_arrow(0).column("x"), array)


def test_a_factor_without_levels(tmp_path: Path) -> None:
    array = pa.DictionaryArray.from_arrays(pa.nulls(500, pa.int32()), pa.array([], pa.string()))
    with xdf.open(of_one(tmp_path / "c.xdf", array)) as file:
        assert (file.read_block(0)["x"].values == -1).all()
        assert file.read_block_arrow(0).column("x").null_count == 500


def test_text_that_repeats_comes_as_codes_in_order_of_first_appearance(tmp_path: Path) -> None:
    words = ["b", None, "a", "b", "c"] * 100
    path = of_one(tmp_path / "c.xdf", pa.array(words))
    with xdf.open(path) as file:
        column = file.read_block(0)["x"]
        assert column.other is None
        assert column.levels.to_pylist() == ["b", "a", "c"]
        assert column.values.dtype == np.int8
        assert column.to_arrow(file.schema.field("x")).to_pylist() == words
        assert column.as_factor() is column


def test_codes_of_text_are_signed_whatever_their_number(tmp_path: Path) -> None:
    sizes = ((128, np.int8), (200, np.int16), (32_768, np.int16), (32_769, np.int32), (70_000, np.int32))
    random = np.random.default_rng(7)
    for n_values, dtype in sizes:
        places = np.append(random.permutation(n_values), random.integers(0, n_values, 3 * n_values + 20_000))
        texts = pa.array([f"text number {number}" for number in range(n_values)]).take(pa.array(places))
        with xdf.open(of_one(tmp_path / f"{n_values}.xdf", texts)) as file:
            column = file.read_block(0)["x"]
            assert column.levels is not None
            assert column.values.dtype == dtype
            assert column.values[n_values - 1] == n_values - 1
            assert file.read_block_arrow(0).column("x").equals(texts)


@pytest.mark.parametrize(("n_values", "bits"), [(4097, 16), (65_537, 17), (131_073, 18), (262_145, 20)])
def test_dictionaries_of_many_values(tmp_path: Path, n_values: int, bits: int) -> None:
    random = np.random.default_rng(2)
    values = random.normal(size=n_values)
    array = pa.array(np.append(values, values[random.integers(0, n_values, 3 * n_values)]))
    with xdf.open(of_one(tmp_path / "c.xdf", array)) as file:
        entry = file._index.entry(0, 0)
        assert (entry.encoding, bits_of(file)) == (DICTIONARY, bits)
        assert_same(file.read_block_arrow(0).column("x"), array)


def test_the_values_of_a_dictionary_ascend(tmp_path: Path) -> None:
    nans = np.array([0x7FF8000000000001, 0xFFF8000000000001, 0x7FF0000000000001], np.uint64).view(np.float64)
    values = np.concatenate([[0.1, -0.1, 0.0, -0.0, np.inf, -np.inf, 5e-324, -5e-324], nans])
    array = pa.array(np.random.default_rng(8).permutation(np.tile(values, 500)))
    with xdf.open(of_one(tmp_path / "c.xdf", array)) as file:
        content = content_of(file)
        stored = np.frombuffer(content.part(8 * len(values)), np.float64)
        assert_same(file.read_block_arrow(0).column("x"), array)
    assert np.array_equal(stored[1:-2], np.sort(values[:8]))
    assert np.signbit(stored[[0, 4, 5]]).tolist() == [True, True, False]


def test_each_block_has_a_way_of_its_own(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    parts = [random.integers(0, 3, 5000) + 0.0, random.normal(size=5000), np.full(5000, 0.1), np.arange(9.0) / 7]
    path = write_file(tmp_path / "c.xdf", *(pa.record_batch({"x": part}) for part in parts))
    with xdf.open(path) as file:
        assert file._index.cells["encoding"][:, 0].tolist() == [DICTIONARY, PLANES, DICTIONARY, PLANES]
        assert file.to_arrow().column("x").combine_chunks().equals(pa.array(np.concatenate(parts)))


def test_a_sample_that_misleads_costs_space_and_nothing_else(tmp_path: Path) -> None:
    # The rows between the sampled ones are all different, those in the sample all the same.
    values = np.random.default_rng(4).normal(size=80_000)
    values[:: 80_000 // 4096] = 1.5
    texts = np.arange(80_000).astype(str).astype(object)
    texts[:: 80_000 // 2048] = "same"
    for name, array in (("numbers", pa.array(values)), ("texts", pa.array(texts))):
        with xdf.open(of_one(tmp_path / f"{name}.xdf", array)) as file:
            assert_same(file.read_block_arrow(0).column("x"), array)


@pytest.mark.parametrize("name", [name for name in MADE if len(MADE[name].array) >= 5000])
def test_no_way_takes_more_than_zstd_alone(tmp_path: Path, name: str) -> None:
    array = MADE[name].array
    plain = pa.Codec("zstd", compression_level=1).compress(pa.record_batch([array], names=[""]).serialize())
    with xdf.open(of_one(tmp_path / "c.xdf", array)) as file:
        # A sample does not see everything, and level 1 gives some space away for speed.
        assert file._index.entry(0, 0).length <= 1.1 * len(plain) + 64


def test_nearly_constant_text_takes_hardly_more_than_the_rule_asks_for(tmp_path: Path) -> None:
    array = pa.array(["long " * 500] * 4000 + ["x"])
    with xdf.open(of_one(tmp_path / "c.xdf", array)) as file:
        length = file._index.entry(0, 0).length
    decoded = 4000 * 2500 + 1 + 4 * 4001
    assert decoded <= 32_768 * length
    assert length < decoded / 32_768 + 200


def test_texts_of_small_blocks_stay_texts(tmp_path: Path) -> None:
    with xdf.open(of_one(tmp_path / "c.xdf", pa.array(["a", "b"] * 50))) as file:
        assert file._index.entry(0, 0).encoding == TEXTS
