from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from container_cases import mixed_batch, schema_of

import xdf
from rxcore import RxXdfData, rx_get_var_info, rx_set_var_info
from xdf import format as layout

BATCHES = [mixed_batch(200, seed) for seed in range(5)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sales"
    with xdf.create_composite(folder, schema_of(BATCHES[0]), blocks_per_file=2) as writer:
        for batch in BATCHES:
            writer.write(batch)
    return folder


def damage(path: Path, *offsets: int) -> None:
    raw = bytearray(path.read_bytes())
    for offset in offsets:
        raw[offset] ^= 4
    path.write_bytes(raw)


def parts(report: xdf.VerifyReport) -> list[tuple[str, str, str | None]]:
    return [(finding.severity, finding.part, finding.file) for finding in report.findings]


def test_a_sound_set(folder: Path) -> None:
    report = xdf.verify(folder)
    assert report.findings == ()
    assert report.is_sound
    assert report.is_set
    assert (report.n_rows, report.n_blocks, report.n_chunks) == (1000, 5, 45)
    assert report.size == sum(path.stat().st_size for path in folder.rglob("*.xdf?"))
    assert xdf.verify(folder / "metadata" / "sales.xdfm").is_sound


def test_damage_is_named_by_file_and_by_the_blocks_of_the_set(folder: Path) -> None:
    first, second, third = sorted((folder / "data").iterdir())
    with xdf.open(second) as file:
        entry = file._index.entry(1, 4)
    damage(second, entry.offset + entry.length // 2)
    damage(first, *(offset + 9 for offset in layout.SLOT_OFFSETS))
    third.unlink()
    report = xdf.verify(folder)
    assert parts(report) == [
        ("damaged", "slot", "sales_1.xdfd"),
        ("damaged", "slot", "sales_1.xdfd"),
        ("damaged", "chunk", "sales_2.xdfd"),
        ("lost", "file", "sales_3.xdfd"),
    ]
    assert (report.findings[2].block, report.findings[2].column) == (3, "noise")
    assert not report.is_restorable
    assert "it cannot be opened (No such file or directory), and with it 200 rows in block 4" in str(report)
    assert "(sales_2.xdfd, column 'noise', block 3, bytes " in str(report)


def test_files_of_a_set_are_repaired_in_place_one_by_one(folder: Path) -> None:
    first = min((folder / "data").iterdir())
    damage(first, *(offset + 9 for offset in layout.SLOT_OFFSETS))
    report = xdf.verify(folder)
    assert report.is_restorable
    assert "damaged, and can be repaired without loss" in str(report)
    assert xdf.repair(first).action == "in place"
    assert xdf.verify(folder).findings == ()


def test_files_that_were_exchanged_or_are_left_over(folder: Path) -> None:
    first, second, _ = sorted((folder / "data").iterdir())
    (folder / "data" / "sales_9.xdfd").write_bytes(b"left over")
    assert parts(xdf.verify(folder)) == [("note", "file", "sales_9.xdfd")]
    assert xdf.verify(folder).is_sound
    raw = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(raw)
    report = xdf.verify(folder)
    assert parts(report)[:2] == [("damaged", "file", "sales_1.xdfd"), ("damaged", "file", "sales_2.xdfd")]
    assert "it is not the file that the set was committed with" in str(report)
    second.write_text("a text\n")
    assert ("lost", "file", "sales_2.xdfd") in parts(xdf.verify(folder))


def test_a_damaged_metadata_file(folder: Path) -> None:
    metadata = folder / "metadata" / "sales.xdfm"
    damage(metadata, layout.SLOT_OFFSETS[1] + 9)
    report = xdf.verify(folder)
    assert parts(report) == [("damaged", "slot", "sales.xdfm")]
    assert report.n_chunks == 45
    whole = metadata.read_bytes()
    damage(metadata, len(whole) - 200)
    report = xdf.verify(folder)
    assert (report.commit, report.is_sound) == (None, False)
    assert "damaged, nothing can be read" in str(report)


def test_a_set_is_repaired_in_place_where_nothing_is_lost(folder: Path) -> None:
    with xdf.open(folder) as before:
        rows = before.to_arrow()
    metadata, first = folder / "metadata" / "sales.xdfm", min((folder / "data").iterdir())
    damage(metadata, 5, layout.SLOT_OFFSETS[1] + 9)
    damage(first, *(offset + 9 for offset in layout.SLOT_OFFSETS))
    assert xdf.verify(folder).is_restorable
    report = xdf.repair(folder)
    assert (report.action, report.output, report.left_out) == ("in place", folder, ())
    assert "sales: repaired in place, nothing was lost; 1,000 rows in 5 blocks" in str(report)
    assert xdf.verify(folder).findings == ()
    assert xdf.repair(metadata).action == "none"
    with xdf.open(folder) as after:
        assert after.to_arrow().equals(rows)


@pytest.mark.parametrize(("damaged", "n_blocks", "n_columns"), [("missing", 4, 9), ("block", 3, 9), ("column", 4, 8)])
def test_what_is_sound_of_a_set_goes_to_one_file(folder: Path, damaged: Any, n_blocks: int, n_columns: int) -> None:
    with xdf.open(folder) as file:
        rows = file.to_arrow()
    _, second, third = sorted((folder / "data").iterdir())
    with xdf.open(second) as file:
        entry = file._index.entry(1, 4)
    damage(second, entry.offset + entry.length // 2)
    third.unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    report = xdf.repair(folder, damaged=damaged)
    assert (report.action, report.output) == ("new file", folder.with_name("sales.repaired.xdf"))
    assert (report.n_blocks, report.n_rows) == (n_blocks, 200 * n_blocks)
    said = [finding.message for finding in report.left_out]
    assert (
        said[:2]
        == {
            "missing": [
                "the 200 rows of block 4",
                "the values of column 'noise' in the 200 rows of block 3 are missing",
            ],
            "block": ["the 200 rows of block 3", "the 200 rows of block 4"],
            "column": ["the 200 rows of block 4", "column 'noise'"],
        }[damaged]
    )
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert xdf.verify(report.output).is_sound
    with xdf.open(report.output) as file:
        assert len(file.schema) == n_columns
        assert sorted(file.schema.field("weather").levels or ()) == ["fog", "hail", "rain", "sleet", "snow"]
        table = file.to_arrow()
    for name in table.schema.names:
        found, expected = table.column(name).to_pylist(), rows.column(name).to_pylist()[: 200 * n_blocks]
        if name == "noise" and damaged == "missing":
            expected[600:800] = [None] * 200
        assert found == expected, name
    with pytest.raises(xdf.XdfExistsError, match="remove it, or name another one for what is sound"):
        xdf.repair(folder, damaged=damaged)


def test_a_set_whose_metadata_file_is_lost(folder: Path) -> None:
    metadata = folder / "metadata" / "sales.xdfm"
    damage(metadata, metadata.stat().st_size - 200)
    with pytest.raises(xdf.XdfFormatError, match=r"nothing tells how the files of this set .* read them one by one"):
        xdf.repair(folder)
    assert xdf.repair(min((folder / "data").iterdir())).action == "none"


def test_a_set_is_held_while_it_is_repaired(folder: Path) -> None:
    with xdf.append(folder), pytest.raises(xdf.XdfLockedError, match="another writer holds the set: process "):
        xdf.repair(folder)


def test_compacting_a_set(folder: Path, tmp_path: Path) -> None:
    with xdf.open(folder) as before:
        rows = before.to_arrow()
    xdf.compact(folder)
    with xdf.open(folder) as after:
        assert after.to_arrow().equals(rows)
    with pytest.raises(xdf.XdfFormatError, match="and no composite set is in it"):
        xdf.verify(tmp_path)
    with pytest.raises(xdf.XdfFormatError, match="and no composite set is in it"):
        xdf.repair(tmp_path)


def test_variable_information_of_a_set(folder: Path) -> None:
    before = {path: path.read_bytes() for path in (folder / "data").iterdir()}
    with xdf.open(folder) as early:
        changes = {"small": {"newName": "tiny", "description": "hm"}, "weather": {"levels": ["a", "b", "c", "d", "e"]}}
        result = rx_set_var_info(changes, RxXdfData(str(folder)))
        assert early.schema.names[0] == "small"
    assert isinstance(result, RxXdfData)
    found = rx_get_var_info(result)
    assert found["tiny"]["description"] == "hm"
    assert found["weather"]["levels"] == ["a", "b", "c", "d", "e"]
    assert before == {path: path.read_bytes() for path in (folder / "data").iterdir()}
    assert xdf.verify(folder).is_sound
