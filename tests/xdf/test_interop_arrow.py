"""pyarrow and back: every type, factor levels in order, labels; and what `xdf.write` takes."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pa_dataset
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from container_cases import TYPES, array_of, assert_same, assert_same_table, mixed_batch, schema_of, write_file
from hypothesis import given, settings
from hypothesis import strategies as st

import xdf
from xdf.arrow import stored_type
from xdf.ingest import recut

LABELLED = xdf.Schema(
    (
        xdf.Field(
            "age",
            pa.int32(),
            description="Alter in Jahren ± “full”",
            low=0.0,
            high=120.5,
            value_codes=(-1.0, 999.0, float("inf")),
            value_labels=("refused", "unknown", "for ever"),
        ),
        xdf.factor_field("mood", ["bad", "so-so", "good", "unused"], ordered=True, description="Stimmung"),
        xdf.factor_field("sex", ["m", "f", "x"], value_codes=("m", "f"), value_labels=("male", "female")),
        xdf.Field("plain", pa.string()),
    )
)
ROWS = pa.record_batch(
    {
        "age": pa.array([31, None, 999], pa.int32()),
        "mood": ["good", "bad", None],
        "sex": ["f", None, "m"],
        "plain": ["a", None, "c"],
    }
)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "labelled.xdf"
    with xdf.create(path, LABELLED) as writer:
        writer.write(ROWS)
        writer.write(ROWS)
    return path


def assert_labelled(path: Path) -> None:
    """Labels, levels with their order and flag, and rows are those of the labelled file."""
    with xdf.open(path) as file:
        assert file.explicit_fields() == LABELLED.fields
        assert file.to_arrow().to_pydict() == pa.Table.from_batches([ROWS, ROWS]).to_pydict()


def test_the_keys_are_those_documented(labelled: Path) -> None:
    with xdf.open(labelled) as file:
        schema = file.arrow_schema
    assert schema.field("age").metadata == {
        b"xdf:description": "Alter in Jahren ± “full”".encode(),
        b"xdf:low": b"0.0",
        b"xdf:high": b"120.5",
        b"xdf:value_labels": b'[[-1.0, "refused"], [999.0, "unknown"], [Infinity, "for ever"]]',
    }
    assert json.loads(schema.field("sex").metadata[b"xdf:value_labels"]) == [["m", "male"], ["f", "female"]]
    assert schema.field("mood").type == pa.dictionary(pa.int32(), pa.string(), ordered=True)
    assert schema.field("sex").type == xdf.FACTOR_TYPE
    assert schema.field("plain").metadata is None


def test_low_and_high_of_the_data_are_not_declared(tmp_path: Path) -> None:
    """Else they would be wrong in a copy of some of the rows."""
    xdf.write(pa.table({"x": [1, 2, 3]}), tmp_path / "a.xdf")
    with xdf.open(tmp_path / "a.xdf") as file:
        assert file.schema.field("x").high == 3.0
        assert file.arrow_schema.field("x").metadata is None
        xdf.write(file.scan(filter=("x", "<", 3)), tmp_path / "b.xdf")
    with xdf.open(tmp_path / "b.xdf") as file:
        assert file.schema.field("x").high == 2.0


@pytest.mark.parametrize("form", ["table", "reader", "capsule", "file", "scan", "dataset", "batches"])
def test_labels_and_levels_survive_in_memory(labelled: Path, tmp_path: Path, form: str) -> None:
    with xdf.open(labelled) as file:
        data: Any = {
            "table": file.to_arrow,
            "reader": file.to_reader,
            "capsule": lambda: pa.table(file),
            "file": lambda: file,
            "scan": file.scan,
            "dataset": file.dataset,
            "batches": lambda: pa.RecordBatchReader.from_stream(file),
        }[form]()
        assert xdf.write(data, tmp_path / "copy.xdf") == 6
    assert_labelled(tmp_path / "copy.xdf")


def test_labels_and_levels_survive_in_files(labelled: Path, tmp_path: Path) -> None:
    with xdf.open(labelled) as file:
        table = file.to_arrow()
    pq.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, str(tmp_path / "a.feather"))
    with pa.ipc.new_stream(tmp_path / "a.arrows", table.schema) as stream:
        stream.write_table(table)
    xdf.write(feather.read_table(tmp_path / "a.feather"), tmp_path / "feather.xdf")
    assert_labelled(tmp_path / "feather.xdf")
    with pa.ipc.open_stream(tmp_path / "a.arrows") as stream:
        xdf.write(stream, tmp_path / "stream.xdf")
    assert_labelled(tmp_path / "stream.xdf")
    # Parquet need not keep levels that do not occur; the order of the others and the flag stay.
    xdf.write(pq.read_table(tmp_path / "a.parquet"), tmp_path / "parquet.xdf")
    with xdf.open(tmp_path / "parquet.xdf") as file:
        assert file.schema.field("mood").ordered
        assert file.schema.field("age").value_labels == ("refused", "unknown", "for ever")
        levels = file.schema.field("mood").levels or ()
        assert {"bad", "good"} <= set(levels)
        assert [level for level in ("bad", "so-so", "good", "unused") if level in levels] == list(levels)
    xdf.write(pa_dataset.dataset(tmp_path / "a.parquet"), tmp_path / "dataset.xdf")
    with xdf.open(tmp_path / "dataset.xdf") as file:
        assert file.n_rows == 6


def test_an_empty_file_keeps_everything(tmp_path: Path) -> None:
    with xdf.create(tmp_path / "empty.xdf", LABELLED):
        pass
    with xdf.open(tmp_path / "empty.xdf") as file:
        table = file.to_arrow()
        assert table.num_rows == 0
        assert table["mood"].chunk(0).dictionary.to_pylist() == ["bad", "so-so", "good", "unused"]
        for number, data in enumerate((file, table, file.to_reader(), pa.table(file))):
            assert xdf.write(data, tmp_path / f"{number}.xdf") == 0
            with xdf.open(tmp_path / f"{number}.xdf") as copy:
                assert copy.n_blocks == 0
                wanted = LABELLED.fields
                assert copy.explicit_fields() == wanted


@pytest.mark.parametrize("name", TYPES)
def test_every_type_goes_round(tmp_path: Path, name: str) -> None:
    batch = pa.record_batch({"v": array_of(name)})
    path = write_file(tmp_path / "a.xdf", batch, batch)
    with xdf.open(path) as file:
        for data in (file, file.to_arrow(), pa.RecordBatchReader.from_stream(file), file.scan().to_table()):
            xdf.write(data, tmp_path / "b.xdf", overwrite=True)
            with xdf.open(tmp_path / "b.xdf") as copy:
                assert_same_table(copy.to_arrow(), batch, batch)
                assert copy.schema == file.schema
                assert copy.arrow_schema == file.arrow_schema


def test_other_arrow_types_find_a_place(tmp_path: Path) -> None:
    texts = pa.array(["a", None, "c"])
    columns = {
        "view": texts.cast(pa.string_view()),
        "dictionary of views": pa.DictionaryArray.from_arrays(
            pa.array([1, 0, None], pa.int8()), pa.array(["x", "y"], pa.string_view())
        ),
        "dictionary of large": pa.DictionaryArray.from_arrays(
            pa.array([1, 0, None], pa.uint16()), pa.array(["x", "y"], pa.large_string())
        ),
        "dictionary of numbers": pa.array([5, 6, None]).dictionary_encode(),
        "large binary": pa.array([b"a", None, b""], pa.large_binary()),
        "binary view": pa.array([b"a", None, b""], pa.binary_view()),
        "fixed binary": pa.array([b"ab", None, b"cd"], pa.binary(2)),
        "null": pa.nulls(3),
        "date64": pa.array([0, None, 86_400_000], pa.int64()).cast(pa.date64()),
        "decimal32": pa.array([Decimal("1.5"), None, Decimal("-2.5")], pa.decimal32(5, 1)),
        "decimal64": pa.array([Decimal("1.5"), None, Decimal("-2.5")], pa.decimal64(12, 1)),
        "decimal256": pa.array([Decimal("1.5"), None, Decimal("-2.5")], pa.decimal256(30, 1)),
        "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([7, None])),
    }
    xdf.write(pa.table(columns), tmp_path / "a.xdf")
    with xdf.open(tmp_path / "a.xdf") as file:
        kinds = {field.name: field.type for field in file.schema}
        found = file.to_arrow().to_pydict()
    assert kinds == {name: stored_type(array.type) for name, array in columns.items()}
    assert kinds["dictionary of views"] == kinds["dictionary of large"] == xdf.FACTOR_TYPE
    assert (kinds["dictionary of numbers"], kinds["runs"]) == (pa.int64(), pa.int64())
    assert kinds["decimal256"] == pa.decimal128(30, 1)
    assert kinds["null"] == pa.float64()
    for name, array in columns.items():
        assert found[name] == array.to_pylist(), name


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[1, 2]]),
        pa.array([{"a": 1}]),
        pa.array([[(1, 2)]], pa.map_(pa.int64(), pa.int64())),
        pa.array([Decimal(1)], pa.decimal256(60, 0)),
        pa.array([b"0" * 16]).cast(pa.binary(16)).cast(pa.uuid()),
        pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([[1]])),
    ],
    ids=lambda array: str(array.type),
)
def test_types_without_a_place_are_refused_by_name(tmp_path: Path, array: pa.Array) -> None:
    with pytest.raises(xdf.XdfSchemaError, match=r"column 'odd' has type .*, which \.xdf does not hold"):
        xdf.write(pa.table({"odd": array}), tmp_path / "a.xdf")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [[1, 2], {"a": [1]}, 5, None, pa.array([1, 2])], ids=lambda data: type(data).__name__)
def test_what_is_no_table_is_refused(tmp_path: Path, data: Any) -> None:
    with pytest.raises(TypeError, match=r"xdf\.write: (got|.* is not a table)"):
        xdf.write(data, tmp_path / "a.xdf")


def test_arguments_of_write(tmp_path: Path) -> None:
    table = pa.table({"x": range(10)})
    assert xdf.write(table, tmp_path / "a.xdf", rows_per_block=4, compression_level=0) == 10
    with xdf.open(tmp_path / "a.xdf") as file:
        assert (file.rows_per_block, file.compression_level) == ((4, 4, 2), 0)
        # Blocks are kept, unless others are asked for.
        xdf.write(file, tmp_path / "b.xdf")
        xdf.write(file, tmp_path / "c.xdf", rows_per_block=7)
    with xdf.open(tmp_path / "b.xdf") as file:
        assert file.rows_per_block == (4, 4, 2)
    with xdf.open(tmp_path / "c.xdf") as file:
        assert file.rows_per_block == (7, 3)
    with pytest.raises(xdf.XdfExistsError):
        xdf.write(table, tmp_path / "a.xdf")
    with pytest.raises(xdf.XdfSchemaError, match="rows_per_block must be a whole number of at least 1; got 0"):
        xdf.write(table, tmp_path / "d.xdf", rows_per_block=0)
    with pytest.raises(xdf.XdfSchemaError, match="two columns are called 'x'"):
        xdf.write(pa.table([[1], [2]], names=["x", "x"]), tmp_path / "d.xdf")
    assert xdf.write(pa.record_batch({"x": [1]}), tmp_path / "e.xdf") == 1


def test_a_single_array_of_structs_is_a_table(tmp_path: Path) -> None:
    class Exported:
        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return pa.record_batch({"x": [1, 2]}).__arrow_c_array__(requested_schema)

    assert xdf.write(Exported(), tmp_path / "a.xdf") == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"xdf:low", b"abc"),
        (b"xdf:value_labels", b"{"),
        (b"xdf:value_labels", b"5"),
        (b"xdf:value_labels", b"[[1]]"),
        (b"xdf:value_labels", b'[[true, "x"]]'),
        (b"xdf:value_labels", b"[" * 100_000),
        (b"xdf:description", b"\xff"),
    ],
    ids=lambda value: value[:20].decode(errors="replace"),
)
def test_broken_metadata_is_refused(tmp_path: Path, key: bytes, value: bytes) -> None:
    schema = pa.schema([pa.field("x", pa.int64(), metadata={key: value})])
    with pytest.raises(xdf.XdfSchemaError, match=f"column 'x': its metadata under '{key.decode()}' cannot be read"):
        xdf.write(pa.table({"x": [1]}, schema=schema), tmp_path / "a.xdf")


def test_metadata_of_others_is_ignored(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("x", pa.int64(), metadata={"other": "y"})], metadata={"a": "b"})
    xdf.write(pa.table({"x": [1]}, schema=schema), tmp_path / "a.xdf")
    with xdf.open(tmp_path / "a.xdf") as file:
        assert file.arrow_schema.field("x").metadata is None


def test_levels_of_chunks_with_other_dictionaries(tmp_path: Path) -> None:
    def part(levels: list[str | None], codes: list[int | None]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(levels, pa.string()))

    chunks = pa.chunked_array([part(["b", "a"], [1, 0]), part(["c", "b"], [0, 1]), part([None, "a", "a"], [0, 1, 2])])
    for rows in (1, 2, 4, 100):
        xdf.write(pa.table({"k": chunks}), tmp_path / "a.xdf", rows_per_block=rows, overwrite=True)
        with xdf.open(tmp_path / "a.xdf") as file:
            assert file.to_arrow()["k"].to_pylist() == ["a", "b", "c", "b", None, "a", "a"]
            assert file.schema.field("k").levels == ("b", "a", "c")


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 20), max_size=12), rows=st.integers(1, 15))
def test_recutting_keeps_rows_in_order(sizes: list[int], rows: int) -> None:
    values = iter(range(1000))
    batches = [pa.record_batch({"x": pa.array([next(values) for _ in range(size)], pa.int64())}) for size in sizes]
    cut = list(recut(iter(batches), rows))
    total = sum(sizes)
    assert [value for batch in cut for value in batch["x"].to_pylist()] == list(range(total))
    assert [batch.num_rows for batch in cut] == [rows] * (total // rows) + [total % rows] * (total % rows > 0)


def test_a_stream_reads_nothing_before_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_file(tmp_path / "a.xdf", *(mixed_batch(100, seed) for seed in range(3)))
    with xdf.open(path) as file:
        reads: list[int] = []
        original = type(file).read_block_arrow
        monkeypatch.setattr(
            type(file), "read_block_arrow", lambda self, *rest: (reads.append(1), original(self, *rest))[1]
        )
        reader = pa.RecordBatchReader.from_stream(file)
        assert reader.schema == file.arrow_schema
        assert pa.schema(file) == file.arrow_schema
        assert reads == []
        assert reader.read_all().num_rows == 300
        assert reads


def test_a_requested_schema_is_honoured(tmp_path: Path) -> None:
    xdf.write(pa.table({"x": pa.array([1, 2], pa.int32())}), tmp_path / "a.xdf")
    with xdf.open(tmp_path / "a.xdf") as file:
        wanted = pa.schema([("x", pa.int64())])
        assert pa.RecordBatchReader.from_stream(file, schema=wanted).read_all()["x"].type == pa.int64()


def test_projection_and_filter_of_a_reader(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", *(mixed_batch(100, seed) for seed in range(3)))
    with xdf.open(path) as file:
        table = file.to_reader(["noise", "small"], ("small", ">", 50)).read_all()
        whole = file.to_arrow()
    assert_same(table["noise"], whole.filter(pa.compute.greater(whole["small"], 50))["noise"])


def test_a_table_of_ten_thousand_columns(tmp_path: Path) -> None:
    table = pa.table({f"c{number}": np.arange(3) for number in range(10_000)})
    xdf.write(table, tmp_path / "wide.xdf")
    with xdf.open(tmp_path / "wide.xdf") as file:
        scan = file.scan(["c5", "c9999"], ("c77", ">", 1))
        assert scan.to_table().to_pydict() == {"c5": [2], "c9999": [2]}


def test_pipes_and_other_streams(tmp_path: Path) -> None:
    """What cannot seek gets a file that is committed by its end alone."""
    buffer = io.BytesIO()
    batches = [mixed_batch(100, seed) for seed in range(3)]
    xdf.write(pa.Table.from_batches(batches), buffer, rows_per_block=100, compression_level=0)
    path = tmp_path / "piped.xdf"
    path.write_bytes(buffer.getvalue())
    with xdf.open(path) as file:
        assert_same_table(file.to_arrow(), *batches)
    with xdf.append(path) as writer:
        writer.write(batches[0])
    with xdf.open(path) as file:
        assert_same_table(file.to_arrow(), *batches, batches[0])
    path.write_bytes(buffer.getvalue()[:-1])
    with pytest.raises(xdf.XdfFormatError, match="the file has no commit"):
        xdf.open(path)


def test_a_stream_takes_several_commits(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    batch = mixed_batch(50)
    with xdf.create(buffer, schema_of(batch)) as writer:
        writer.write(batch)
        writer.commit()
        writer.write(batch)
    (tmp_path / "a.xdf").write_bytes(buffer.getvalue())
    with xdf.open(tmp_path / "a.xdf") as file:
        assert_same_table(file.to_arrow(), batch, batch)


def test_the_dataset_reads_and_does_nothing_else(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", *(mixed_batch(100, seed) for seed in range(3)))
    with xdf.open(path) as file:
        dataset = file.dataset()
        assert isinstance(dataset, pa_dataset.Dataset)
        assert dataset.schema == file.arrow_schema
        assert dataset.to_table(columns=["small"]).num_columns == 1
        filter_ = pa_dataset.field("small") > 50
        assert dataset.count_rows(filter=filter_) == dataset.to_table(filter=filter_).num_rows
        assert sum(batch.num_rows for batch in dataset.to_batches(filter=filter_)) == dataset.count_rows(filter_)
        assert dataset.head(5).num_rows == 5
        assert dataset.take(pa.array([250, 0])).num_rows == 2
        assert "XdfDataset(XdfFile(" in repr(dataset)
        for refused in (
            dataset.get_fragments,
            lambda: dataset.filter(filter_),
            lambda: dataset.replace_schema(dataset.schema),
            lambda: dataset.join(dataset, "small"),
            lambda: dataset.join_asof(dataset, "small", [], 1),
            lambda: dataset.sort_by("small"),
            dataset.__reduce__,
        ):
            with pytest.raises(xdf.XdfError, match=r"this dataset reads .* and does nothing else"):
                refused()
        with pytest.raises(xdf.XdfError, match="columns: names are needed"):
            dataset.to_table(columns={"y": pa_dataset.field("small")})
