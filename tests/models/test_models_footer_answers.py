"""Summaries from the footer: without reading data, and the same to the bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from made_flights import DAYS, made_flights

import rxcore
import xdf
from rxcore.options import options


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("footer") / "flights.xdf"
    rxcore.rx_import(made_flights(11_000), str(path), rows_per_read=1_000, report_progress=0)
    return path


@pytest.fixture(scope="module")
def factors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Factors with levels that some blocks lack, one that no row has, and rows without a level."""
    path = tmp_path_factory.mktemp("footer") / "factors.xdf"
    flights = made_flights(7_000)
    day = flights["day"].combine_chunks()
    missing = pa.array([number % 13 == 0 for number in range(7_000)])
    columns = {
        "day": pc.if_else(missing, None, day),
        "carrier": flights["carrier"],
        "block": pa.array([f"block {number // 1_000}" for number in range(7_000)]),
        "delay": flights["delay"],
    }
    levels = {"day": ["Never", *DAYS], "carrier": (), "block": ()}
    fields = [xdf.factor_field(name, levels[name]) for name in levels]
    with xdf.create(path, xdf.Schema((*fields, xdf.Field("delay", pa.int64())))) as writer:
        for batch in pa.table(columns).to_batches(1_000):
            writer.write(batch)
    return path


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of every positioned read from now on."""
    sizes: list[int] = []
    read = os.pread

    def counting(fd: int, size: int, offset: int) -> bytes:
        sizes.append(size)
        return read(fd, size, offset)

    monkeypatch.setattr(os, "pread", counting)
    return sizes


def summarize(path: Path, formula: str, **settings: Any) -> pd.DataFrame:
    return rxcore.rx_summary(formula, str(path), report_progress=0, **settings).summary_data_frame


@pytest.mark.parametrize("formula", ["~ delay", "~ delay + distance + hour + late + weight"])
def test_footer_and_pass_agree_to_the_bit(path: Path, formula: str) -> None:
    from_footer = summarize(path, formula)
    with options(footerStatistics=False):
        from_pass = summarize(path, formula)
    pd.testing.assert_frame_equal(from_footer, from_pass, check_exact=True)


def test_no_block_is_read(path: Path, bytes_read: list[int]) -> None:
    summarize(path, "~ delay + distance + hour")
    from_footer = sum(bytes_read)
    bytes_read.clear()
    with options(footerStatistics=False):
        summarize(path, "~ delay + distance + hour")
    assert from_footer < sum(bytes_read)
    bytes_read.clear()
    rxcore.rx_get_info(str(path))
    assert from_footer == sum(bytes_read), "opening the file is all that was read"


COUNTED = ["~ day", "~ delay + day + block", "~ carrier + day + delay + F(delay)", "~ day + day:carrier"]


@pytest.mark.parametrize("formula", COUNTED)
@pytest.mark.parametrize("removed", [False, True])
def test_counts_of_levels_agree(factors: Path, formula: str, removed: bool) -> None:
    """The last two hold something that only a pass tells."""
    from_footer = rxcore.rx_summary(formula, str(factors), report_progress=0, remove_zero_counts=removed)
    with options(footerStatistics=False):
        from_pass = rxcore.rx_summary(formula, str(factors), report_progress=0, remove_zero_counts=removed)
    assert str(from_footer) == str(from_pass)
    pd.testing.assert_frame_equal(from_footer.summary_data_frame, from_pass.summary_data_frame, check_exact=True)
    for left, right in zip(from_footer.categorical, from_pass.categorical, strict=True):
        pd.testing.assert_frame_equal(left.frame, right.frame, check_exact=True)
        assert (left.n_valid, left.n_missing) == (right.n_valid, right.n_missing)


def test_no_block_is_read_for_counts(factors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[int] = []
    monkeypatch.setattr(xdf.XdfFile, "_read_column", lambda self, block, position: blocks.append(block))
    summary = rxcore.rx_summary("~ day + carrier + block + delay", str(factors), report_progress=0)
    assert blocks == []
    assert summary.categorical[2].frame["Counts"].tolist() == [1000] * 7
    assert summary.categorical[0].n_missing == len(range(0, 7_000, 13))
    with options(footerStatistics=False), pytest.raises(AttributeError):
        rxcore.rx_summary("~ day", str(factors), report_progress=0)
    assert blocks


def test_two_hundred_blocks_answer_from_their_footer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the benchmark shows of a hundred million rows, byte by byte on a file as many blocks long."""
    flights = made_flights(2_000)
    fields = [xdf.factor_field(name, ()) if name in ("day", "carrier") else xdf.Field(name, flights.field(name).type)
              for name in flights.column_names]  # fmt: skip
    path = tmp_path / "long.xdf"
    with xdf.create(path, xdf.Schema(tuple(fields))) as writer:
        for batch in flights.to_batches(10):
            writer.write(batch)
    read: list[tuple[int, int]] = []
    pread = os.pread

    def noted(fd: int, length: int, offset: int) -> bytes:
        read.append((offset, offset + length))
        return pread(fd, length, offset)

    monkeypatch.setattr(os, "pread", noted)
    formula = "~ " + " + ".join(flights.column_names)
    summary = rxcore.rx_summary(formula, str(path), report_progress=0)
    with xdf.open(path) as file:
        assert file.n_blocks == 200
        cells = file._index.cells
        first, last = int(cells["offset"].min()), int((cells["offset"] + cells["length"]).max())
    assert read
    assert all(end <= first or start >= last for start, end in read)
    with options(footerStatistics=False):
        from_pass = rxcore.rx_summary(formula, str(path), report_progress=0)
    assert str(summary) == str(from_pass)
    assert any(start < last and end > first for start, end in read)


def test_files_that_do_not_count_take_a_pass(factors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = summarize(factors, "~ day + delay")
    monkeypatch.setattr("xdf.chunks.MOST_LEVELS", 4)
    copy = tmp_path / "copy.xdf"
    with xdf.open(factors) as file, xdf.create(copy, xdf.Schema(file.explicit_fields())) as writer:
        for number in range(file.n_blocks):
            writer.write(file.read_block_arrow(number))
    with xdf.open(copy) as file:
        assert file.level_counts("day") is None
    pd.testing.assert_frame_equal(summarize(copy, "~ day + delay"), wanted, check_exact=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"pweights": "weight"},
        {"by_term": False},
        {"row_selection": "hour > 12"},
        {"transforms": {"delay": "delay * 2"}},
    ],
)
def test_whatever_changes_the_rows_takes_a_pass(path: Path, settings: dict[str, Any]) -> None:
    with options(footerStatistics=False):
        wanted = summarize(path, "~ delay + distance", **settings)
    pd.testing.assert_frame_equal(summarize(path, "~ delay + distance", **settings), wanted, check_exact=True)
    plain = summarize(path, "~ delay + distance")
    assert not wanted.equals(plain)
