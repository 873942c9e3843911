from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from container_cases import mixed_batch, read_all

import xdf
from xdf import errors

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_travel_between_processes(kind: type[Exception]) -> None:
    error = kind("sales.xdf: what is 'wrong'")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error) == "sales.xdf: what is 'wrong'"
    assert isinstance(again, xdf.XdfError)


def test_errors_are_also_what_python_would_raise() -> None:
    assert issubclass(xdf.XdfFormatError, ValueError)
    assert issubclass(xdf.XdfColumnError, KeyError)
    assert issubclass(xdf.XdfExistsError, FileExistsError)
    assert issubclass(xdf.XdfLockedError, BlockingIOError)
    assert issubclass(xdf.XdfWriteError, OSError)
    assert issubclass(xdf.XdfVersionError, xdf.XdfFormatError)


REFUSED = [
    pa.list_(pa.int64()),
    pa.struct([("a", pa.int64())]),
    pa.map_(pa.string(), pa.int64()),
    pa.null(),
    pa.large_binary(),
    pa.binary(4),
    pa.string_view(),
    pa.date64(),
    pa.decimal256(50, 2),
    pa.month_day_nano_interval(),
    pa.dense_union([pa.field("a", pa.int64())]),
    pa.run_end_encoded(pa.int32(), pa.int64()),
]


@pytest.mark.parametrize("kind", REFUSED, ids=str)
def test_types_that_the_format_does_not_hold(tmp_path: Path, kind: pa.DataType) -> None:
    schema = xdf.Schema((xdf.Field("fine", pa.int64()), xdf.Field("odd one", kind)))
    with pytest.raises(xdf.XdfSchemaError) as caught:
        xdf.create(tmp_path / "t.xdf", schema)
    assert f"xdf.create: t.xdf: column 'odd one' has type {kind}, which .xdf does not hold. Allowed: bool" in str(
        caught.value
    )
    assert list(tmp_path.iterdir()) == []


def test_levels_of_a_factor_are_strings(tmp_path: Path) -> None:
    kind = pa.dictionary(pa.int8(), pa.int64())
    with pytest.raises(xdf.XdfSchemaError, match=r"column 'f' has type dictionary<.*>; the levels of a factor are str"):
        xdf.create(tmp_path / "t.xdf", xdf.Schema((xdf.Field("f", kind, levels=()),)))


def test_any_index_type_of_a_factor_is_stored_as_one(tmp_path: Path) -> None:
    kind = pa.dictionary(pa.int8(), pa.large_string())
    with xdf.create(tmp_path / "t.xdf", xdf.Schema((xdf.Field("f", kind, levels=("a",)),))) as writer:
        assert writer.schema.field("f").type == xdf.FACTOR_TYPE
        writer.write(pa.record_batch({"f": ["a", "b"]}))
    assert read_all(tmp_path / "t.xdf").column("f").type == xdf.FACTOR_TYPE


@pytest.mark.parametrize("level", [-2, 10, 1.5])
def test_compression_levels_that_do_not_exist(tmp_path: Path, level: float) -> None:
    schema = xdf.Schema((xdf.Field("x", pa.int64()),))
    with pytest.raises(xdf.XdfSchemaError, match=rf"compression_level must be .* from -1 to 9; got {level}"):
        xdf.create(tmp_path / "t.xdf", schema, compression_level=level)  # type: ignore[arg-type]


def test_schemas_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(xdf.XdfSchemaError, match="the schema has no column; a file needs at least one"):
        xdf.create(tmp_path / "t.xdf", xdf.Schema(()))
    with pytest.raises(TypeError, match=r"schema must be an xdf.Schema; got Schema"):
        xdf.create(tmp_path / "t.xdf", mixed_batch(1).schema)
    with pytest.raises(xdf.XdfSchemaError, match="is not valid Unicode"):
        xdf.create(tmp_path / "t.xdf", xdf.Schema((xdf.Field("\ud800", pa.int64()),)))


BAD_BATCHES = {
    r"the batch: column 'n' is not there. Closest: 'N'. 2 columns: N, s": {"N": [1], "s": ["a"]},
    r"the batch has 1 column\(s\) that the file does not have: extra": {"n": [1], "s": ["a"], "extra": [1]},
    r"column 'n' is int16 in the file; got string. Cast it first": {"n": ["1"], "s": ["a"]},
    r"column 's' is string in the file; got int64. Cast it first": {"n": [1], "s": [1]},
    r"column 'n' is int16 in the file and int64 in the batch, which does not convert without loss": {
        "n": [70000],
        "s": ["a"],
    },
    r"column 'n' is int16 in the file and double in the batch, which does not": {"n": [0.5], "s": ["a"]},
    r"column 'n' is int16 in the file; got bool": {"n": [True], "s": ["a"]},
}


@pytest.mark.parametrize("message", BAD_BATCHES)
def test_batches_that_do_not_fit(tmp_path: Path, message: str) -> None:
    schema = xdf.Schema((xdf.Field("n", pa.int16()), xdf.Field("s", pa.string())))
    path = tmp_path / "t.xdf"
    with xdf.create(path, schema) as writer:
        with pytest.raises((xdf.XdfSchemaError, xdf.XdfColumnError), match=message):
            writer.write(pa.record_batch(BAD_BATCHES[message]))
        # The writer is none the worse for it.
        writer.write(pa.record_batch({"n": [1], "s": ["a"]}))
    assert read_all(path).to_pydict() == {"n": [1], "s": ["a"]}


def test_more_batches_that_do_not_fit(tmp_path: Path) -> None:
    schema = xdf.Schema((xdf.factor_field("f", []), xdf.Field("t", pa.timestamp("us")), xdf.Field("s", pa.string())))
    moment = pa.array([0], pa.timestamp("us"))
    with xdf.create(tmp_path / "t.xdf", schema) as writer:
        with pytest.raises(xdf.XdfSchemaError, match="column 'f' is a factor; got int64, allowed: string"):
            writer.write(pa.record_batch({"f": [1], "t": moment, "s": ["a"]}))
        with pytest.raises(xdf.XdfSchemaError, match=r"column 't' is timestamp\[us\] in the file; got .*tz"):
            writer.write(pa.record_batch({"f": ["a"], "t": moment.cast(pa.timestamp("us", "UTC")), "s": ["a"]}))
        offsets, letters = pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")
        text = pa.Array.from_buffers(pa.string(), 1, [None, offsets, letters])
        batch = pa.RecordBatch.from_arrays([pa.array(["a"]), moment, text], names=["f", "t", "s"])
        with pytest.raises(xdf.XdfSchemaError, match="column 's' is not a valid array"):
            writer.write(batch)
        twice = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([1])], names=["s", "s"])
        with pytest.raises(xdf.XdfSchemaError, match="two columns of the batch are called 's'"):
            writer.write(twice)
        with pytest.raises(TypeError, match=r"takes a pyarrow.RecordBatch; got Table"):
            writer.write(pa.table({"s": ["a"]}))
