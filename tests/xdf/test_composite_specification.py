"""Section 7 of docs/xdf-format.md is enough to read a composite set: nothing of the library is used to read it."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
from container_cases import mixed_batch, schema_of
from specification_reader import commit, frame, read_by_specification, stream

import xdf


def read_metadata(path: Path) -> tuple[list[dict[str, Any]], dict[int, list[dict[str, Any]]]]:
    """Fields, and the rows of the pages of each kind (7.3, 7.4)."""
    raw = path.read_bytes()
    version, header_size, features, crc = struct.unpack_from("<IIII", raw, 8)
    assert (version, header_size, features, crc) == (1, 4096, 1, zlib.crc32(raw[:20]))
    _, offset, length, decoded_length, file_length, checksum = max(
        slot for slot in (commit(raw[at : at + 56]) for at in (1024, 2048)) if slot is not None
    )
    assert file_length == len(raw)
    content = frame(raw[offset : offset + length], decoded_length, checksum)
    tables, start = [], 32
    for size in struct.unpack_from("<4Q", content):
        tables.append(stream(content[start : start + size]))
        start += size
    items: dict[int, list[dict[str, Any]]] = {1: [], 2: [], 3: [], 16: [], 17: []}
    for page in tables[3]:
        stored: Any = raw[page["offset"] : page["offset"] + page["length"]]  # type: ignore[operator, misc]
        items[page["kind"]] += stream(frame(stored, page["decoded_length"], page["checksum"]))  # type: ignore[arg-type, index]
    return tables[1], items


def read_set(folder: Path) -> tuple[dict[str, list[object]], list[str]]:
    """The values of each column, and the names of the data files."""
    (metadata,) = (folder / "metadata").glob("*.xdfm")
    fields, items = read_metadata(metadata)
    levels: dict[int, list[str]] = {}
    for row in items[2]:
        levels.setdefault(row["field"], []).append(row["level"])
    columns: dict[str, list[object]] = {str(field["name"]): [] for field in fields}
    n_items = 0
    for number, file in enumerate(items[16]):
        path = folder / "data" / file["name"]
        assert path.stat().st_size == file["length"]  # 7.6
        assert struct.unpack("<I", path.read_bytes()[-8:-4])[0] == file["checksum"]
        own_fields, chunks = read_by_specification(path)
        assert [field["type"] for field in own_fields] == [field["type"] for field in fields]  # 7.2
        own_levels = own_levels_of(path)
        n_items += file["n_blocks"] * len(fields)
        for position, (field, own) in enumerate(zip(fields, own_fields, strict=True)):
            blocks = chunks[str(own["name"])]
            assert sum(map(len, blocks)) == file["n_rows"]
            if field["type"] == "factor":
                codes = [row["code"] for row in items[17] if (row["file"], row["field"]) == (number, position)]
                known = own_levels.get(position, [])
                codes = codes or list(range(len(known)))  # 7.5
                assert len(codes) == len(known)
                named = {level: levels[position][code] for level, code in zip(known, codes, strict=True)}
                blocks = [[None if value is None else named[str(value)] for value in block] for block in blocks]
                for block, values in enumerate(blocks, sum(before["n_blocks"] for before in items[16][:number])):
                    check_counts(items[3], (block, position), values, levels[position])
            columns[str(field["name"])] += [value for block in blocks for value in block]
    assert n_items == len(items[1])  # 7.3
    return columns, [file["name"] for file in items[16]]


def check_counts(items: list[dict[str, Any]], chunk: tuple[int, int], values: list[object], levels: list[str]) -> None:
    """5.5 and 7.3."""
    mine = [item for item in items if (item["block"], item["field"]) == chunk]
    counts = {levels[item["code"]]: item["count"] for item in mine}
    assert not counts or counts == Counter(value for value in values if value is not None)


def own_levels_of(path: Path) -> dict[int, list[str]]:
    """The levels of a data file, by the number of their column (5.4)."""
    raw = path.read_bytes()
    slots = (commit(raw[at : at + 56]) for at in (1024, 2048))
    _, offset, length, decoded_length, _, checksum = max(slot for slot in slots if slot is not None)
    content = frame(raw[offset : offset + length], decoded_length, checksum)
    lengths = struct.unpack_from("<4Q", content)
    levels: dict[int, list[str]] = {}
    for page in stream(content[32 + sum(lengths[:3]) :]):
        if page["kind"] == 2:
            stored: Any = raw[page["offset"] : page["offset"] + page["length"]]  # type: ignore[operator, misc]
            for row in stream(frame(stored, page["decoded_length"], page["checksum"])):  # type: ignore[arg-type]
                levels.setdefault(row["field"], []).append(row["level"])  # type: ignore[arg-type, call-overload]
    return levels


def test_a_set_is_read_by_its_specification(tmp_path: Path) -> None:
    batches = [mixed_batch(60, seed).select(["small", "weather", "text", "flag"]) for seed in range(5)]
    with xdf.create_composite(tmp_path / "set", schema_of(batches[0]), blocks_per_file=2) as writer:
        for batch in batches[:3]:
            writer.write(batch)
        first, second = writer.reserve(2)
        with second.open() as one:
            one.write(batches[4])
        with first.open() as one:
            levels = pa.DictionaryArray.from_arrays(pa.array([1] * 60, pa.int32()), pa.array(["hail", "frogs"]))
            one.write(batches[3].set_column(1, "weather", levels))
    with xdf.append(tmp_path / "set") as appending:
        appending.write(batches[0])
    with xdf.edit(tmp_path / "set") as editor:
        editor.rename({"small": "little"})
        editor.set_field("weather", levels={"fog": "mist"})
    (tmp_path / "set" / "data" / "set_77.xdfd").write_bytes(b"left over")
    columns, names = read_set(tmp_path / "set")
    assert names == [f"set_{number}.xdfd" for number in (1, 2, 3, 4, 5)]
    with xdf.open(tmp_path / "set") as file:
        expected = file.to_arrow().to_pydict()
    assert list(columns) == ["little", "weather", "text", "flag"]
    assert "frogs" in columns["weather"]
    assert "mist" in columns["weather"]
    for name, values in expected.items():
        assert [None if value is None else value for value in columns[name]] == values, name
