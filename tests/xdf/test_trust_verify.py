from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pyarrow as pa
import pytest
from container_cases import TYPES, array_of, mixed_batch, write_file

import xdf
from xdf import format as layout
from xdf.journal import Journal
from xdf.snapshot import load_snapshot
from xdf.stats import ColumnStatistics

BATCHES = [mixed_batch(300, seed) for seed in range(3)]


def two_commits(path: Path, **options: object) -> Path:
    write_file(path, BATCHES[0], **options)
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    return path


def damage(path: Path, offset: int, bits: int = 4) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset] ^= bits
    path.write_bytes(raw)


def commit_of(path: Path) -> layout.Commit:
    with path.open("rb") as stream:
        return load_snapshot(stream.fileno(), path).commit


def parts(report: xdf.VerifyReport) -> list[tuple[str, str]]:
    return [(finding.severity, finding.part) for finding in report.findings]


@pytest.mark.parametrize("level", [0, 1])
def test_a_sound_file_of_every_type(tmp_path: Path, level: int) -> None:
    batch = pa.RecordBatch.from_arrays([array_of(name) for name in TYPES], names=list(TYPES))
    path = write_file(tmp_path / "s.xdf", batch, batch.slice(1, 2), batch.slice(0, 0), compression_level=level)
    before = path.read_bytes()
    seen = []
    report = xdf.verify(path, progress=lambda done, total: seen.append((done, total)))
    assert report.is_sound
    assert report.is_restorable
    assert report.findings == ()
    assert (report.n_rows, report.n_blocks, report.n_columns) == (6, 3, len(TYPES))
    assert report.n_chunks == 3 * len(TYPES)
    assert seen[-1][0] == seen[-1][1] > 0
    assert path.read_bytes() == before
    assert str(report).startswith(f"{path}: sound\n  commit 1: 6 rows, {len(TYPES)} columns, 3 blocks\n")


def test_statistics_with_infinities_and_big_integers_are_those_of_the_data(tmp_path: Path) -> None:
    batch = pa.record_batch(
        {
            "endless": [float("inf"), 1.0, float("-inf"), None],
            "one end": [float("inf"), 1.0, 2.0, float("nan")],
            "big": pa.array([2**63 - 1, -(2**63), 5, None]),
            "tiny": [1e-300, 2e-300, 3e-300, -1e-310],
            "huge": [1e308, -1e308, 1.7e308, 0.0],
        }
    )
    assert xdf.verify(write_file(tmp_path / "s.xdf", batch)).findings == ()


def test_a_damaged_chunk_is_named_with_block_column_and_bytes(tmp_path: Path) -> None:
    path = two_commits(tmp_path / "d.xdf")
    with xdf.open(path) as file:
        entry = file._index.entry(1, 4)
    damage(path, entry.offset + entry.length // 2)
    report = xdf.verify(path)
    assert not report.is_sound
    assert not report.is_restorable
    (finding,) = report.findings
    assert (finding.severity, finding.part, finding.block, finding.column) == ("damaged", "chunk", 1, "noise")
    assert (finding.offset, finding.length) == (entry.offset, entry.length)
    assert (report.n_damaged_chunks, report.n_chunks) == (1, 18)
    assert "d.xdf: damaged; repair writes a new file with what is sound" in str(report)
    assert f"(column 'noise', block 1, bytes {entry.offset:,} to {entry.offset + entry.length:,})" in str(report)


@pytest.mark.parametrize("slot", [0, 1])
def test_a_damaged_slot_is_restorable(tmp_path: Path, slot: int) -> None:
    path = two_commits(tmp_path / "d.xdf")
    damage(path, layout.SLOT_OFFSETS[slot] + 30)
    report = xdf.verify(path)
    assert parts(report) == [("damaged", "slot")]
    assert report.is_restorable
    assert report.commit == 2
    assert "damaged, and can be repaired without loss" in str(report)
    assert f"commit slot {slot} holds no commit" in str(report)


def test_both_slots_damaged(tmp_path: Path) -> None:
    path = two_commits(tmp_path / "d.xdf")
    for offset in layout.SLOT_OFFSETS:
        damage(path, offset + 3)
    with pytest.raises(xdf.XdfFormatError, match="a commit record in the header is damaged"):
        xdf.open(path)
    report = xdf.verify(path)
    assert parts(report) == [("damaged", "slot")] * 2
    assert (report.commit, report.n_rows, report.is_restorable) == (2, 600, True)


@pytest.mark.parametrize("offset", [0, 9, 13, 17, 21])
def test_a_damaged_header_is_restorable(tmp_path: Path, offset: int) -> None:
    path = two_commits(tmp_path / "d.xdf")
    damage(path, offset)
    with pytest.raises(xdf.XdfFormatError):
        xdf.open(path)
    report = xdf.verify(path)
    assert parts(report) == [("damaged", "header")]
    assert (report.commit, report.is_restorable) == (2, True)


def test_the_closing_copy(tmp_path: Path) -> None:
    path = two_commits(tmp_path / "d.xdf")
    damage(path, path.stat().st_size - 10)
    report = xdf.verify(path)
    assert parts(report) == [("damaged", "closing copy")]
    assert report.is_restorable


def test_a_damaged_footer_shows_the_commit_before(tmp_path: Path) -> None:
    path = two_commits(tmp_path / "d.xdf")
    commit = commit_of(path)
    damage(path, commit.footer_offset + commit.footer_length // 2)
    report = xdf.verify(path)
    assert parts(report) == [("lost", "commit")]
    assert (report.commit, report.n_rows) == (1, 300)
    assert "commit 2 cannot be read: the zstd frame does not decode" in str(report)


def test_a_truncated_file_shows_the_commit_before(tmp_path: Path) -> None:
    path = two_commits(tmp_path / "d.xdf")
    raw = path.read_bytes()
    path.write_bytes(raw[:-1])
    report = xdf.verify(path)
    assert parts(report) == [("lost", "commit")]
    assert f"commit 2 cannot be read: it needs {len(raw):,} bytes, {len(raw) - 1:,} are there. Commit 1 can" in str(
        report
    )


def test_a_file_of_which_no_commit_is_left(tmp_path: Path) -> None:
    path = write_file(tmp_path / "d.xdf", BATCHES[0])
    commit = commit_of(path)
    damage(path, commit.footer_offset + commit.footer_length // 2)
    report = xdf.verify(path)
    assert (report.commit, report.n_rows) == (None, 0)
    assert parts(report)[-1] == ("lost", "commit")
    assert "damaged, nothing can be read" in str(report)


def test_a_damaged_page_of_the_index_is_told_by_older_commits(tmp_path: Path) -> None:
    path = write_file(tmp_path / "d.xdf", BATCHES[0], BATCHES[1])
    with xdf.append(path) as writer:
        writer.write(BATCHES[2])
        writer.write(BATCHES[2])
    with xdf.open(path) as file:
        (page,) = file._footer.pages_of(layout.PageKind.INDEX)
    damage(path, page.offset + page.length // 2)
    report = xdf.verify(path)
    assert parts(report) == [("damaged", "index"), ("lost", "index"), ("note", "commit")]
    assert "nothing tells where blocks 2 to 3 lie" in str(report)
    assert "other commits than 2 tell where 2 blocks lie" in str(report)
    assert (report.n_rows, report.n_blocks) == (600, 2)


def test_what_is_not_damage(tmp_path: Path) -> None:
    path = two_commits(tmp_path / "n.xdf")
    raw = path.read_bytes()
    path.write_bytes(raw + b"half a block")
    report = xdf.verify(path)
    assert report.is_sound
    assert parts(report) == [("note", "tail")]
    assert "12 bytes behind the last commit, of a writer that is still busy or was interrupted" in str(report)
    stream = bytearray(raw)
    for offset in layout.SLOT_OFFSETS:
        stream[offset : offset + layout.COMMIT_SIZE] = bytes(layout.COMMIT_SIZE)
    path.write_bytes(stream)
    report = xdf.verify(path)
    assert report.is_sound
    assert parts(report) == [("note", "slot")]


def test_a_file_is_verified_while_it_is_appended_to(tmp_path: Path) -> None:
    path = write_file(tmp_path / "n.xdf", BATCHES[0])
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
        report = xdf.verify(path)
        assert report.is_sound
        assert report.n_rows == 300


LIES = {
    "n_valid": ("small", -1),
    "minimum": ("small", 1.0),
    "maximum": ("noise", 1e-9),
    "mean": ("noise", 1e-6),
    "centered_squares": ("whole", 10.0),
}


@pytest.mark.parametrize("name", LIES)
def test_statistics_that_are_not_those_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    column, change = LIES[name]
    number = BATCHES[0].schema.names.index(column)
    real = Journal.add_block

    def lie(self: Journal, n_rows: int, chunks: list[object], *rest: object) -> None:
        chunk = chunks[number]
        values = {field: getattr(chunk.statistics, field) for field in ColumnStatistics.__slots__}  # type: ignore[attr-defined]
        values[name] += change
        if name == "n_valid":
            values["n_missing"] -= change
        chunks[number] = type(chunk)(**{**as_dict(chunk), "statistics": ColumnStatistics(**values)})
        real(self, n_rows, chunks, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add_block", lie)
        path = write_file(tmp_path / "l.xdf", BATCHES[0])
    report = xdf.verify(path)
    (finding,) = report.findings
    assert (finding.part, finding.column) == ("statistics", column)
    assert f"its bytes are sound, but {name} is " in finding.message
    assert report.n_damaged_chunks == 0
    repaired = xdf.repair(path)
    assert xdf.verify(repaired.output).is_sound
    assert repaired.left_out == ()


def as_dict(chunk: object) -> dict[str, object]:
    return {name: getattr(chunk, name) for name in type(chunk).__slots__}  # type: ignore[attr-defined]


def test_foreign_missing_and_newer_files(tmp_path: Path) -> None:
    text = tmp_path / "t.xdf"
    text.write_text("a,b\n1,2\n")
    with pytest.raises(
        xdf.XdfFormatError, match=r"t.xdf: this is not an .xdf file of this package; it looks like a te"
    ):
        xdf.verify(text)
    with pytest.raises(FileNotFoundError):
        xdf.verify(tmp_path / "missing.xdf")
    with pytest.raises(xdf.XdfFormatError, match="this is a folder"):
        xdf.verify(tmp_path)
    path = write_file(tmp_path / "new.xdf", BATCHES[0])
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, 8, 7)
    struct.pack_into("<I", raw, 20, layout.zlib.crc32(raw[:20]))
    path.write_bytes(raw)
    with pytest.raises(xdf.XdfVersionError, match=r"new.xdf: written in format version 7"):
        xdf.verify(path)


def test_a_report_as_plain_values(tmp_path: Path) -> None:
    path = two_commits(tmp_path / "d.xdf")
    damage(path, layout.SLOT_OFFSETS[0] + 30)
    plain = json.loads(json.dumps(xdf.verify(path).to_dict()))
    assert plain["path"] == str(path)
    assert plain["is_restorable"]
    assert plain["findings"][0]["part"] == "slot"


def test_long_lists_are_cut(tmp_path: Path) -> None:
    batch = pa.record_batch({f"x{number}": [1.5, 2.5] for number in range(80)})
    path = write_file(tmp_path / "d.xdf", batch)
    with xdf.open(path) as file:
        offsets = [file._index.entry(0, number).offset for number in range(80)]
    for offset in offsets:
        damage(path, offset + 12)
    assert str(xdf.verify(path)).endswith("... and 30 more")


def test_any_single_bit_that_matters_is_noticed(tmp_path: Path) -> None:
    """A reader that gives right data and a verifier that is content may differ only about bytes nobody needs."""
    path = two_commits(tmp_path / "b.xdf")
    whole = path.read_bytes()
    chance = random.Random(5)
    for _ in range(60):
        place = chance.randrange(len(whole))
        raw = bytearray(whole)
        raw[place] ^= 1 << chance.randrange(8)
        path.write_bytes(raw)
        report = xdf.verify(path)
        try:
            with xdf.open(path) as file:
                file.to_arrow()
            readable = True
        except xdf.XdfError:
            readable = False
        assert readable or not report.is_sound
        if report.is_sound:
            assert path.read_bytes() == bytes(raw)
