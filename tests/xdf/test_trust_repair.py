from __future__ import annotations

import importlib
import json
import random
from pathlib import Path

import pyarrow as pa
import pytest
from container_cases import TYPES, array_of, assert_same, assert_same_table, mixed_batch, read_all, write_file

import xdf
from xdf import format as layout

repairing = importlib.import_module("xdf.repair")  # the package has the function under this name
BATCHES = [mixed_batch(300, seed) for seed in range(4)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two commits of two blocks each."""
    path = write_file(tmp_path / "a.xdf", *BATCHES[:2])
    with xdf.append(path) as writer:
        writer.write(BATCHES[2])
        writer.write(BATCHES[3])
    return path


def damage(path: Path, *offsets: int) -> bytes:
    raw = bytearray(path.read_bytes())
    for offset in offsets:
        raw[offset] ^= 4
    path.write_bytes(raw)
    return bytes(raw)


def middle_of_chunk(path: Path, block: int, column: str) -> int:
    with xdf.open(path) as file:
        entry = file._index.entry(block, file.schema.names.index(column))
    return entry.offset + entry.length // 2


def test_a_sound_file_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    report = xdf.repair(path)
    assert (report.action, report.output, report.n_rows) == ("none", path, 1200)
    assert str(report) == f"{path}: sound, nothing was changed; 1,200 rows in 4 blocks"
    assert path.read_bytes() == before


def test_a_sound_file_is_copied_where_that_is_asked_for(path: Path, tmp_path: Path) -> None:
    report = xdf.repair(path, tmp_path / "copy.xdf")
    assert report.action == "new file"
    assert report.left_out == ()
    assert_same_table(read_all(tmp_path / "copy.xdf"), *BATCHES)
    assert xdf.verify(tmp_path / "copy.xdf").is_sound


IN_PLACE = {
    "slot 0": [layout.SLOT_OFFSETS[0] + 9],
    "slot 1": [layout.SLOT_OFFSETS[1] + 9],
    "both slots": [offset + 9 for offset in layout.SLOT_OFFSETS],
    "magic": [0],
    "version": [9],
    "everything in the header": [2, 9, 22, *(offset + 9 for offset in layout.SLOT_OFFSETS)],
    "closing copy": [-10],
    "closing copy and older slot": [-10, layout.SLOT_OFFSETS[1] + 9],
}


@pytest.mark.parametrize("case", IN_PLACE)
def test_records_are_written_anew_and_nothing_else_is_touched(path: Path, case: str) -> None:
    whole = path.read_bytes()
    damage(path, *IN_PLACE[case])
    report = xdf.repair(path)
    assert report.action == "in place"
    assert report.left_out == ()
    assert "repaired in place, nothing was lost; 1,200 rows in 4 blocks\n  was damaged: " in str(report)
    after = path.read_bytes()
    assert after[layout.HEADER_SIZE :] == whole[layout.HEADER_SIZE :]
    assert xdf.verify(path).findings == ()
    assert_same_table(read_all(path), *BATCHES)
    with xdf.append(path) as writer:
        writer.write(BATCHES[0])
    assert_same_table(read_all(path), *BATCHES, BATCHES[0])


@pytest.mark.parametrize("slots", [(0,), (1,), (0, 1)])
def test_slots_behind_which_an_interrupted_writer_left_something(path: Path, slots: tuple[int, ...]) -> None:
    path.write_bytes(path.read_bytes() + b"half a block" * 1000)
    damage(path, *(layout.SLOT_OFFSETS[slot] + 9 for slot in slots))
    with pytest.raises(xdf.XdfFormatError):
        xdf.open(path)
    assert xdf.repair(path).action == "in place"
    assert_same_table(read_all(path), *BATCHES)


def test_a_commit_that_only_its_damaged_slot_knew_is_found(path: Path) -> None:
    """The slot is torn, and something behind the closing copy hides it: commit 2 must not vanish."""
    path.write_bytes(path.read_bytes() + bytes(5000))
    damage(path, layout.SLOT_OFFSETS[0] + 9)  # that of commit 2
    report = xdf.repair(path)
    assert report.before.commit == 2
    assert_same_table(read_all(path), *BATCHES)


def test_what_was_never_committed_does_not_come_back(path: Path) -> None:
    """An append that was killed between its closing copy and its slot has not happened."""
    committed = path.read_bytes()
    with xdf.append(path) as writer:
        writer.write(BATCHES[0])
    raw = bytearray(path.read_bytes())
    raw[: layout.HEADER_SIZE] = committed[: layout.HEADER_SIZE]
    path.write_bytes(raw)
    damage(path, 0)
    assert xdf.repair(path).action == "in place"
    assert_same_table(read_all(path), *BATCHES)


@pytest.mark.parametrize("remedy", ["missing", "block", "column"])
def test_damaged_chunks(path: Path, remedy: str) -> None:
    raw = damage(path, middle_of_chunk(path, 1, "noise"), middle_of_chunk(path, 3, "weather"))
    report = xdf.repair(path, damaged=remedy)  # type: ignore[arg-type]
    assert path.read_bytes() == raw
    assert report.action == "new file"
    assert report.output == path.with_name("a.repaired.xdf")
    assert xdf.verify(report.output).is_sound
    table = read_all(report.output)
    messages = [finding.message for finding in report.left_out]
    if remedy == "block":
        assert messages == ["the 300 rows of block 1", "the 300 rows of block 3"]
        assert_same_table(table, BATCHES[0], BATCHES[2])
    elif remedy == "column":
        assert messages == ["column 'noise'", "column 'weather'"]
        rest = [name for name in BATCHES[0].schema.names if name not in ("noise", "weather")]
        assert_same_table(table, *(batch.select(rest) for batch in BATCHES))
    else:
        assert messages == [
            "the values of column 'noise' in the 300 rows of block 1 are missing",
            "the values of column 'weather' in the 300 rows of block 3 are missing",
        ]
        for name in BATCHES[0].schema.names:
            for number, batch in enumerate(BATCHES):
                found = table.column(name).slice(300 * number, 300)
                if (number, name) in [(1, "noise"), (3, "weather")]:
                    assert found.null_count == 300
                else:
                    assert_same(found, batch.column(name))
    assert all(f"left out: {message}" in str(report) for message in messages)


def test_labels_and_levels_survive(path: Path) -> None:
    with xdf.edit(path) as editor:
        editor.set_field("small", description="a small number", low=-1.0, value_codes=[1.0], value_labels=["one"])
        editor.set_field("weather", ordered=True)
    with xdf.open(path) as file:
        before = file.schema
    damage(path, middle_of_chunk(path, 1, "text"))
    with xdf.open(xdf.repair(path).output) as file:
        assert file.schema == before


def test_every_type_can_be_missing(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_arrays([array_of(name) for name in TYPES], names=list(TYPES))
    for number, name in enumerate(TYPES):
        path = write_file(tmp_path / f"{number}.xdf", batch, batch)
        damage(path, middle_of_chunk(path, 0, name))
        report = xdf.repair(path)
        assert len(report.left_out) == 1
        table = read_all(report.output)
        assert table.column(name).slice(0, 4).null_count == 4
        assert_same(table.column(name).slice(4), batch.column(name))
        assert xdf.verify(report.output).is_sound


def test_a_block_of_which_nothing_is_sound_is_left_out(path: Path) -> None:
    damage(path, *(middle_of_chunk(path, 2, name) for name in BATCHES[0].schema.names))
    report = xdf.repair(path)
    assert [finding.message for finding in report.left_out] == ["the 300 rows of block 2"]
    assert_same_table(read_all(report.output), BATCHES[0], BATCHES[1], BATCHES[3])


def test_a_damaged_footer_falls_back_to_the_commit_before_in_a_new_file(path: Path) -> None:
    with xdf.open(path) as file:
        size = file.size_on_disk
    raw = damage(path, size - layout.COMMIT_SIZE - 100)
    report = xdf.repair(path)
    assert path.read_bytes() == raw
    assert report.action == "new file"
    assert "commit 2 cannot be read" in report.left_out[0].message
    assert_same_table(read_all(report.output), *BATCHES[:2])


def test_a_truncated_file_falls_back_to_the_commit_before(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    report = xdf.repair(path)
    assert_same_table(read_all(report.output), *BATCHES[:2])


def page_of(path: Path, kind: layout.PageKind) -> int:
    with xdf.open(path) as file:
        page = file._footer.pages_of(kind)[-1]
    return page.offset + page.length // 2


def test_blocks_whose_index_is_damaged_are_found_with_the_help_of_older_commits(path: Path) -> None:
    with xdf.append(path) as writer:
        for batch in BATCHES[:3]:
            writer.write(batch)
            writer.commit()
    damage(path, page_of(path, layout.PageKind.INDEX))
    report = xdf.repair(path)
    assert_same_table(read_all(report.output), *BATCHES, *BATCHES[: report.n_blocks - 4])
    assert report.n_blocks >= 4


def test_levels_whose_page_is_damaged(path: Path) -> None:
    damage(path, page_of(path, layout.PageKind.LEVELS))
    report = xdf.repair(path)
    assert "the texts of 5 factor levels" in report.left_out[0].message
    levels = [f"(level {code}, text lost)" for code in range(5)]
    with xdf.open(report.output) as file:
        assert list(file.schema.field("weather").levels or ()) == levels
        table = file.to_arrow()
    texts = BATCHES[0].column("weather").dictionary.to_pylist()
    found = [None if text is None else texts[levels.index(text)] for text in table.column("weather").to_pylist()[:300]]
    assert found == BATCHES[0].column("weather").to_pylist()
    rest = [name for name in BATCHES[0].schema.names if name != "weather"]
    assert_same_table(table.select(rest), *(batch.select(rest) for batch in BATCHES))
    assert xdf.verify(report.output).is_sound


def test_levels_that_an_older_commit_tells(tmp_path: Path) -> None:
    schema = xdf.Schema((xdf.factor_field("f", []), xdf.factor_field("g", [])))
    path = tmp_path / "l.xdf"
    with xdf.create(path, schema) as writer:
        writer.write(pa.record_batch({"f": ["a", "b"], "g": ["x", "x"]}))
        writer.commit()
        writer.write(pa.record_batch({"f": ["b", "c"], "g": ["y", "x"]}))
        writer.write(pa.record_batch({"f": ["a", "d"], "g": ["x", "x"]}))
    damage(path, page_of(path, layout.PageKind.LEVELS))
    report = xdf.repair(path)
    assert "the texts of 3 factor levels" in report.left_out[0].message
    with xdf.open(report.output) as file:
        assert file.to_arrow().to_pydict() == {
            "f": ["a", "b", "b", "(level 2, text lost)", "a", "(level 3, text lost)"],
            "g": ["x", "x", "(level 1, text lost)", "x", "x", "x"],
        }


def test_nothing_to_recover(tmp_path: Path) -> None:
    path = write_file(tmp_path / "n.xdf", BATCHES[0])
    size = path.stat().st_size
    raw = damage(path, size - layout.COMMIT_SIZE - 100)
    with pytest.raises(xdf.XdfFormatError, match=r"n.xdf: nothing can be recovered. .*commit 1 cannot be read"):
        xdf.repair(path)
    path = write_file(tmp_path / "i.xdf", BATCHES[0])
    damage(path, page_of(path, layout.PageKind.INDEX))
    with pytest.raises(
        xdf.XdfFormatError, match=r"i.xdf: nothing can be recovered. .*nothing tells where block 0 lies"
    ):
        xdf.repair(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["i.xdf", "n.xdf"]
    assert (tmp_path / "n.xdf").read_bytes() == raw
    (tmp_path / "t.xdf").write_text("a,b\n")
    with pytest.raises(xdf.XdfFormatError, match="it looks like a text file"):
        xdf.repair(tmp_path / "t.xdf")


def test_refusals(path: Path, tmp_path: Path) -> None:
    damage(path, middle_of_chunk(path, 0, "text"))
    with pytest.raises(xdf.XdfSchemaError, match="damaged must be one of 'missing', 'block', 'column'; got 'rows'"):
        xdf.repair(path, damaged="rows")  # type: ignore[arg-type]
    (tmp_path / "a.repaired.xdf").write_text("mine")
    with pytest.raises(xdf.XdfExistsError, match=r"a.repaired.xdf: the file is already there"):
        xdf.repair(path)
    assert (tmp_path / "a.repaired.xdf").read_text() == "mine"
    with pytest.raises(FileNotFoundError):
        xdf.repair(tmp_path / "missing.xdf")
    batch = pa.record_batch({"x": [1.5]})
    lone = write_file(tmp_path / "lone.xdf", batch, batch)
    damage(lone, middle_of_chunk(lone, 0, "x"))
    assert xdf.repair(lone).n_rows == 1


def test_no_column_is_sound(tmp_path: Path) -> None:
    batch = pa.record_batch({"x": [1.5, 2.5], "y": [1.5, 2.5]})
    path = write_file(tmp_path / "no.xdf", batch, batch)
    damage(path, middle_of_chunk(path, 0, "x"), middle_of_chunk(path, 1, "y"))
    with pytest.raises(xdf.XdfFormatError, match="no column is sound in every block; leave out something else"):
        xdf.repair(path, damaged="column")


def test_a_report_as_plain_values(path: Path) -> None:
    damage(path, middle_of_chunk(path, 0, "text"))
    plain = json.loads(json.dumps(xdf.repair(path).to_dict()))
    assert plain["action"] == "new file"
    assert plain["left_out"][0]["column"] == "text"
    assert plain["before"]["n_damaged_chunks"] == 1


def test_random_damage_never_brings_wrong_rows(tmp_path: Path) -> None:
    """Whatever is damaged: what repair writes is sound, and holds no value that was not there."""
    whole = write_file(tmp_path / "whole.xdf", *BATCHES[:2])
    with xdf.append(whole) as writer:
        writer.write(BATCHES[2])
    raw = whole.read_bytes()
    chance = random.Random(7)
    known = {
        name: {value for batch in BATCHES for value in batch.column(name).to_pylist()} for name in ("noise", "when")
    }
    outcomes = set()
    for number in range(40):
        path = tmp_path / f"{number}.xdf"
        damaged = bytearray(raw)
        for _ in range(chance.choice([1, 1, 3])):
            start = chance.choice([chance.randrange(len(raw)), chance.randrange(layout.HEADER_SIZE)])
            length = min(chance.choice([1, 16, 512]), len(raw) - start)
            damaged[start : start + length] = chance.randbytes(length)
        path.write_bytes(damaged)
        try:
            report = xdf.repair(path)
        except xdf.XdfFormatError:
            outcomes.add("refused")
            continue
        outcomes.add(report.action)
        assert xdf.verify(report.output).is_sound
        with xdf.open(report.output) as file:
            for block in range(file.n_blocks):
                for name, values in known.items():
                    found = file.read_block_arrow(block, [name]).column(0).to_pylist()
                    assert set(found) <= values | {None}
    assert {"none", "in place", "new file"} <= outcomes


def test_where_nothing_can_be_written(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound file needs no writing, and a damaged one can be repaired to another folder."""

    def refuse(file: Path, *_: object, **__: object) -> None:
        raise xdf.XdfWriteError(f"{file}: the system refused to write: Read-only file system")

    monkeypatch.setattr(repairing, "lock_output", refuse)
    assert xdf.repair(path).action == "none"
    damage(path, layout.SLOT_OFFSETS[0] + 9)
    with pytest.raises(xdf.XdfWriteError, match=r"Read-only file system\. To repair a copy, name an output elsewhere"):
        xdf.repair(path)
    assert xdf.repair(path, tmp_path / "elsewhere.xdf").left_out == ()
    monkeypatch.setattr(repairing, "create_output", refuse)
    with pytest.raises(xdf.XdfWriteError, match=r"b\.xdf: .* Name an output elsewhere for what is sound"):
        xdf.repair(path, tmp_path / "b.xdf")
