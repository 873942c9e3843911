"""Metadata files of composite sets that lie behind right checksums: refused in words, by the reader and by verify."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from composite_cases import write_set
from fuzz.anatomy import assemble, rows_of, stream_of
from fuzz.sets import dissect_metadata

import xdf
from xdf.format import FILES_SCHEMA, LEVELS_SCHEMA, PageKind

Rows = list[dict[str, Any]]


def block(n_columns_wide: int, levels: list[str]) -> pa.RecordBatch:
    """Sixty rows: a factor, and a text that takes so many letters."""
    noise = np.random.default_rng(n_columns_wide)
    letters = [bytes(noise.integers(97, 123, n_columns_wide, np.uint8)).decode() for _ in range(60)]
    return pa.record_batch({"k": pa.array([levels[row % len(levels)] for row in range(60)]), "text": letters})


def make(folder: Path) -> Path:
    """A set of two files: the first of two small blocks, the second of one large block, with a level of its own."""
    schema = xdf.Schema((xdf.factor_field("k", []), xdf.Field("text", pa.string())))
    with xdf.create_composite(folder, schema, blocks_per_file=2) as writer:
        for batch in (block(5, ["a"]), block(5, ["a", "b"]), block(500, ["c"])):
            writer.write(batch)
    return folder


def lie(folder: Path, kind: PageKind, schema: pa.Schema, change: Callable[[Rows], None]) -> None:
    """Change the rows of the one page of a kind, behind right checksums."""
    (path,) = (folder / "metadata").iterdir()
    whole = dissect_metadata(path.read_bytes())
    pages = []
    for page, content in whole.pages:
        if page["kind"] == kind:
            rows = rows_of(content)
            change(rows)
            content = stream_of(rows, schema)  # noqa: PLW2901
        pages.append((page, content))
    path.write_bytes(assemble(replace(whole, pages=tuple(pages))))


def refused(folder: Path, match: str) -> xdf.VerifyReport:
    with pytest.raises(xdf.XdfFormatError, match=match), xdf.open(folder) as file:
        file.to_arrow()
    report = xdf.verify(folder)
    assert not report.is_sound
    return report


def test_the_forger_changes_nothing_by_itself(tmp_path: Path) -> None:
    folder = make(tmp_path / "set")
    lie(folder, PageKind.FILES, FILES_SCHEMA, lambda rows: None)
    assert xdf.verify(folder).is_sound
    with xdf.open(folder) as file:
        assert file.to_arrow()["k"].to_pylist()[-1] == "c"


def test_blocks_that_are_said_to_lie_in_another_file(tmp_path: Path) -> None:
    """Found by review: an IndexError, because that file has fewer."""
    folder = make(tmp_path / "set")

    def swap(rows: Rows) -> None:
        for name in ("n_rows", "n_blocks"):
            rows[0][name], rows[1][name] = rows[1][name], rows[0][name]

    lie(folder, PageKind.FILES, FILES_SCHEMA, swap)
    report = refused(folder, "'set_1.xdfd' is not the one this set was committed with")
    assert {finding.part for finding in report.findings} == {"index", "counts"}


def test_a_level_that_stands_twice(tmp_path: Path) -> None:
    """Found by fuzzing: the reader refused a set that verify called sound."""
    folder = make(tmp_path / "set")
    lie(folder, PageKind.LEVELS, LEVELS_SCHEMA, lambda rows: rows[2].update(level="a"))
    report = refused(folder, "column 'k': factor level 'a' stands twice; levels must differ")
    assert [(finding.severity, finding.part) for finding in report.findings] == [
        ("damaged", "footer"),
        ("lost", "commit"),
    ]
    # Found by fuzzing: it closed a file twice, the second time perhaps another one.
    with pytest.raises(xdf.XdfFormatError, match="nothing tells how the files of this set belong together"):
        xdf.repair(folder)
    gc.collect()


def test_a_level_of_a_data_file_that_the_set_does_not_know(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", pa.record_batch({"k": pa.array(["a", "b"]).dictionary_encode()}))
    (path,) = (folder / "metadata").iterdir()
    whole = dissect_metadata(path.read_bytes())
    table = stream_of([{**rows_of(whole.tables[0])[0], "n_levels": 1}], pa.ipc.open_stream(whole.tables[0]).schema)
    pages = tuple(
        ({**page, "count": 1}, stream_of(rows_of(content)[:1], LEVELS_SCHEMA))
        if page["kind"] == PageKind.LEVELS
        else (page, content)
        for page, content in whole.pages
    )
    path.write_bytes(assemble(replace(whole, pages=pages, tables=(table, *whole.tables[1:]))))
    report = refused(folder, "column 'k': levels of 'set_1.xdfd' are missing")
    assert [finding.part for finding in report.findings] == ["counts", "levels"]
