"""How many rows have each level of a factor, as the footer says: right after everything that changes a file."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from container_cases import mixed_batch, write_file
from hypothesis import given, settings
from hypothesis import strategies as st

import xdf
from xdf.format import COUNTS_SCHEMA, PageKind
from xdf.level_counts import count_codes, table_of_block

BATCHES = [mixed_batch(300, seed) for seed in range(4)]
FACTORS = xdf.Schema((xdf.factor_field("k", []), xdf.Field("x", pa.int64()), xdf.factor_field("m", ["no", "yes"])))


def rows(texts: list[str | None]) -> pa.RecordBatch:
    others = pa.array(["yes" if text == "a" else None for text in texts], pa.string())
    return pa.record_batch({"k": pa.array(texts, pa.string()), "x": range(len(texts)), "m": others})


def check(path: Path) -> None:
    """The counts of the footer are those of the data, of each block and of all."""
    with xdf.open(path) as file:
        for field in file.schema:
            if not field.is_factor:
                assert file.level_counts(field.name) is None
                continue
            assert field.levels is not None
            total: Counter[str] = Counter()
            for block in range(file.n_blocks):
                column = file.read_block_arrow(block, [field.name]).column(0)
                found = Counter(column.drop_null().cast(pa.string()).to_pylist())
                stated = file.level_counts(field.name, block)
                assert stated is not None
                assert [found[level] for level in field.levels] == stated.tolist()
                total += found
            all_of_them = file.level_counts(field.name)
            assert all_of_them is not None
            assert [total[level] for level in field.levels] == all_of_them.tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-1, 40)), st.sampled_from([np.int8, np.int16, np.int32]), st.booleans())
def test_codes_are_counted(codes: list[int], kind: type[np.signedinteger], far: bool) -> None:
    values = np.array(codes, kind)
    if far and kind is np.int32:
        values = np.where(values < 0, values, values + np.int32(10**6))
    found = count_codes(values)
    assert dict(zip(found.codes.tolist(), found.counts.tolist(), strict=True)) == dict(
        sorted(Counter(values[values >= 0].tolist()).items())
    )
    assert (found.codes.dtype, found.counts.dtype) == (np.int32, np.int64)


def test_counts_follow_the_data_through_everything(tmp_path: Path) -> None:
    path = tmp_path / "c.xdf"
    with xdf.create(path, FACTORS) as writer:
        writer.write(rows(["b", "a", None, "b"]))
        writer.commit()
        writer.write(rows([]))
        writer.write(rows([None, None]))
    check(path)
    for texts in (["c", "a"], ["d"], ["a", None, "c", "c"]):
        with xdf.append(path) as appending:
            appending.write(rows(list(texts)))
    check(path)
    with xdf.edit(path) as editor:
        editor.set_field("k", levels={"a": "A"})
        editor.rename({"k": "kind", "m": "k"})
    check(path)
    with xdf.open(path) as file:
        assert file.level_counts("kind").tolist() == [2, 3, 3, 1]  # type: ignore[union-attr]
        assert file.level_counts("kind", 2).tolist() == [0, 0, 0, 0]  # type: ignore[union-attr]
    assert xdf.compact(path).rewritten
    check(path)
    assert xdf.verify(path).findings == ()
    xdf.repair(path, tmp_path / "r.xdf")
    check(tmp_path / "r.xdf")


def test_sets_count_with_the_levels_of_the_set(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with xdf.create_composite(folder, FACTORS, blocks_per_file=1) as writer:
        writer.write(rows(["b", "a", None, "b"]))
        parts = writer.reserve(3)
        for part, texts in zip(parts, (["d", "c", "a"], ["c", "e", "b", "b"], [None]), strict=True):
            with part.open() as one:
                one.write(rows(list(texts)))
    check(folder)
    with xdf.append(folder) as appending:
        appending.write(rows(["e", "f"]))
    with xdf.edit(folder) as editor:
        editor.set_field("k", levels={"a": "A"})
    check(folder)
    assert xdf.verify(folder).findings == ()
    with patch("xdf.composite_compact.DEFAULT_BLOCKS_PER_FILE", 5):
        xdf.compact(folder)
    check(folder)


def test_a_set_that_says_other_counts_than_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with xdf.create_composite(folder, FACTORS) as writer:
        writer.write(rows(["b", "a"]))
    wrong = pa.table([[0, 0], [0, 0], [0, 1], [2, 0]], schema=COUNTS_SCHEMA).slice(0, 1)
    with xdf.edit(folder) as editor:
        editor._journal._counts = [wrong]
        editor._journal._pages = [page for page in editor._journal._pages if page.kind != PageKind.COUNTS]
        editor.rename({"x": "y"})
    (finding,) = xdf.verify(folder).findings
    assert (finding.part, finding.file) == ("counts", "set_1.xdfd")


def test_many_levels_in_a_block_are_not_counted(tmp_path: Path) -> None:
    texts = [f"level {number}" for number in range(1000)]
    path = tmp_path / "many.xdf"
    with xdf.create(path, xdf.Schema((xdf.factor_field("k", []),))) as writer:
        writer.write(pa.record_batch({"k": texts}))
        writer.write(pa.record_batch({"k": [*texts, "one more"]}))
        writer.write(pa.record_batch({"k": ["one more"]}))
    with xdf.open(path) as file:
        assert file.level_counts("k", 0).sum() == 1000  # type: ignore[union-attr]
        assert file.level_counts("k", 1) is None
        assert file.level_counts("k", 2).tolist() == [*[0] * 1000, 1]  # type: ignore[union-attr]
        assert file.level_counts("k") is None
    assert xdf.verify(path).is_sound


def test_no_block_is_read_for_counts_and_no_count_for_opening(tmp_path: Path) -> None:
    path = write_file(tmp_path / "b.xdf", *BATCHES)
    read: list[tuple[int, int]] = []
    pread = os.pread

    def noted(fd: int, length: int, offset: int) -> bytes:
        read.append((offset, length))
        return pread(fd, length, offset)

    with patch("os.pread", noted), xdf.open(path) as file:
        pages = file._footer.pages_of(PageKind.COUNTS)
        places = {(page.offset, page.length) for page in pages}
        assert not places & set(read)
        file.level_counts("weather")
        assert places <= set(read)
        lowest = min(page.offset for page in file._footer.pages)
        assert all(offset >= lowest or offset < 4096 for offset, _ in read)


def test_damaged_counts_are_named_and_repaired(tmp_path: Path) -> None:
    path = write_file(tmp_path / "d.xdf", *BATCHES)
    with xdf.open(path) as file:
        (page,) = file._footer.pages_of(PageKind.COUNTS)
    raw = bytearray(path.read_bytes())
    raw[page.offset + page.length // 2] ^= 4
    path.write_bytes(raw)
    with xdf.open(path) as file:
        assert file.to_arrow().num_rows == 1200
        with pytest.raises(xdf.XdfFormatError, match=r"d.xdf: the counts of factor levels are damaged: "):
            file.level_counts("weather")
    with pytest.raises(xdf.XdfFormatError, match="the counts of factor levels are damaged"):
        xdf.append(path)
    report = xdf.verify(path)
    assert [(one.severity, one.part) for one in report.findings] == [("damaged", "counts")]
    repaired = xdf.repair(path)
    assert repaired.left_out == ()
    assert xdf.verify(repaired.output).is_sound
    check(repaired.output)


LIES = {
    "another number": ([0, 0], [0, 1], [1, 2], None),
    "do not ascend": ([0, 0], [1, 0], [1, 2], "they do not ascend by block, column and level"),
    "no such block": ([0, 1], [0, 1], [2, 1], "some belong to no block or to no factor"),
    "no factor": ([0, 0], [0, 1], [2, 1], "some belong to no block or to no factor"),
    "no such level": ([0, 0], [0, 9], [2, 1], "some belong to no level"),
    "none": ([0, 0], [0, 1], [3, 0], "some are impossible"),
    "too few": ([0, 0], [0, 1], [1, 1], "those of a chunk do not add up to its rows"),
}


@pytest.mark.parametrize("case", LIES)
def test_counts_that_lie(tmp_path: Path, case: str) -> None:
    blocks, codes, counts, message = LIES[case]
    field = 1 if case == "no factor" else 0
    wrong = pa.table([blocks, [field, field], codes, counts], schema=COUNTS_SCHEMA)
    path = tmp_path / "l.xdf"
    with xdf.create(path, FACTORS) as writer:
        writer.write(rows(["b", "a", None, "b"]))
        writer._journal._counts = [wrong]
    with xdf.open(path) as file:
        if message is None:
            assert file.level_counts("k") is not None
        else:
            with pytest.raises(xdf.XdfFormatError, match=message):
                file.level_counts("k")
    report = xdf.verify(path)
    assert not report.is_sound
    assert {finding.part for finding in report.findings} == {"counts"}
    check(xdf.repair(path).output)


def test_a_table_of_no_factor_is_empty() -> None:
    assert table_of_block(3, {}).num_rows == 0


def test_counts_grow_like_other_pages(tmp_path: Path) -> None:
    path = write_file(tmp_path / "g.xdf", BATCHES[0].slice(0, 20))
    for number in range(1, 15):
        with xdf.append(path) as writer:
            writer.write(BATCHES[0].slice(20 * number, 20))
    with xdf.open(path) as file:
        assert 1 <= len(file._footer.pages_of(PageKind.COUNTS)) <= 5
    check(path)
