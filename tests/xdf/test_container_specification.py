"""Files of the library, read by a reader that was made from docs/xdf-format.md alone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from container_cases import TYPES, array_of, assert_same, mixed_batch, schema_of
from specification_reader import read_by_specification, to_array

import xdf


@pytest.mark.parametrize("level", [0, 3])
def test_the_document_is_enough_to_read_every_type(tmp_path: Path, level: int) -> None:
    batch = pa.RecordBatch.from_arrays([array_of(name) for name in TYPES], names=list(TYPES))
    path = tmp_path / "spec.xdf"
    with xdf.create(path, schema_of(batch), compression_level=level) as writer:
        writer.write(batch)
        writer.commit()
        writer.write(batch.slice(1, 2))
    fields, columns = read_by_specification(path)
    assert [field["name"] for field in fields] == list(TYPES)
    for name in TYPES:
        for values, expected in zip(columns[name], (batch, batch.slice(1, 2)), strict=True):
            assert_same(to_array(values, TYPES[name][0]), expected.column(name))


def test_the_document_is_enough_to_read_an_appended_file(tmp_path: Path) -> None:
    batches = [mixed_batch(60, seed) for seed in range(5)]
    path = tmp_path / "spec.xdf"
    with xdf.create(path, schema_of(batches[0])) as writer:
        writer.write(batches[0])
    for batch in batches[1:]:
        with xdf.append(path) as writer:
            writer.write(batch)
    _, columns = read_by_specification(path)
    for name in batches[0].schema.names:
        for values, batch in zip(columns[name], batches, strict=True):
            assert_same(to_array(values, batch.schema.field(name).type), batch.column(name))


def test_the_numbers_of_the_document_are_those_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "xdf-format.md").read_text(encoding="utf-8")
    for physical in xdf.format.Physical:
        assert f"| {int(physical)} | {physical.name.lower()} " in text
    assert "`" + xdf.format.MAGIC.hex(" ") + "`" in text
    for offset in xdf.format.SLOT_OFFSETS:
        assert f"| {offset} | {xdf.format.COMMIT_SIZE} bytes | commit slot" in text
