"""Composite sets through the rx_ functions: written, described, analysed, the same bits as a single file."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from made_flights import made_flights

import rxcore
import xdf
from rxcore import RxXdfData, rx_get_info, rx_get_var_info, rx_import, rx_lin_mod, rx_logit, rx_predict, rx_summary
from rxcore.errors import OptionError, OutputExistsError, SourceError
from rxcore.options import options
from rxcore.sources.resolve import as_source
from rxcore.sources.xdf import XdfPartition

ROWS = 500


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return made_flights(5_250)


@pytest.fixture
def both(table: pa.Table, tmp_path: Path) -> tuple[str, str]:
    """The same blocks as a file and as a set."""
    for name in ("one.xdf", "many"):
        rx_import(table, str(tmp_path / name), rows_per_read=ROWS, report_progress=0)
    return str(tmp_path / "one.xdf"), str(tmp_path / "many")


def files(folder: str | Path) -> list[str]:
    return sorted(path.name for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("output", "arguments", "folder"),
    [
        ("sales", {}, "sales"),
        ("sales.xdf", {"create_composite_set": True}, "sales"),
        ("sales", {"create_composite_set": True}, "sales"),
        (RxXdfData("sales.xdf", create_composite_set=True), {}, "sales"),
        (RxXdfData("sales"), {}, "sales"),
        (RxXdfData("sales.xdf"), {"create_composite_set": True}, "sales"),
        ("sales.xdf", {}, None),
        ("sales.xdf", {"create_composite_set": False}, None),
        (RxXdfData("sales.xdf", create_composite_set=True), {"create_composite_set": False}, None),
    ],
    ids=str,
)
def test_how_a_set_is_asked_for(
    table: pa.Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: Any,
    arguments: dict[str, Any],
    folder: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    made = rx_import(table, output, rows_per_read=1000, report_progress=0, **arguments)
    assert [path.name for path in tmp_path.iterdir()] == [folder or "sales.xdf"]
    assert made.file == str(tmp_path / (folder or "sales.xdf")) or made.file == (folder or "sales.xdf")
    assert len(made) == 5_250
    if folder is not None:
        # 6 blocks, 3 to a file by default
        assert files(folder) == ["sales.xdfm", "sales_1.xdfd", "sales_2.xdfd"]
    if isinstance(output, RxXdfData) and arguments.get("create_composite_set") is None:
        assert len(output) == 5_250  # what was written to is read from


@pytest.mark.parametrize(("given", "count"), [(1, 6), (2, 3), (4, 2), (None, 2)])
def test_blocks_of_each_file(table: pa.Table, tmp_path: Path, given: int | None, count: int) -> None:
    path = str(tmp_path / "set")
    rx_import(table, path, rows_per_read=1000, blocks_per_composite_file=given, report_progress=0)
    assert rx_get_info(path).num_composite_files == count
    output = RxXdfData(path, blocks_per_composite_file=1)
    rx_import(table, output, rows_per_read=1000, overwrite=True, report_progress=0)
    assert rx_get_info(path).num_composite_files == 6


def test_outputs_that_are_none(table: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(
        OptionError, match=r"rx_import: blocks_per_composite_file must be a whole number of at least 1; got 0"
    ):
        rx_import(table, str(tmp_path / "set"), blocks_per_composite_file=0)
    with pytest.raises(
        OptionError, match=r"output_file must be an .xdf file .* or a path without a suffix for a composite set"
    ):
        rx_import(table, str(tmp_path / "set.csv"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(OutputExistsError, match="exists; pass overwrite=True"):
        rx_import(table, str(tmp_path / "mine"), report_progress=0)
    with pytest.raises(OutputExistsError, match="this folder holds other things"):
        rx_import(table, str(tmp_path / "mine"), overwrite=True, report_progress=0)
    assert files(tmp_path) == ["thesis.tex"]


def test_a_set_is_not_replaced_unasked(table: pa.Table, tmp_path: Path) -> None:
    path = str(tmp_path / "set")
    rx_import(table, path, report_progress=0)
    with pytest.raises(OutputExistsError, match=r"set' exists; pass overwrite=True to replace it, or append='rows'"):
        rx_import(table, path, report_progress=0)
    rx_import(table, path, overwrite=True, number_rows=10, report_progress=0)
    assert len(RxXdfData(path)) == 10
    rx_import(path, path, overwrite=True, report_progress=0)  # onto itself
    assert len(RxXdfData(path)) == 10


def test_rows_are_appended(table: pa.Table, tmp_path: Path) -> None:
    path = str(tmp_path / "set")
    for start in range(0, 5_250, 1_750):
        rx_import(table.slice(start, 1_750), path, rows_per_read=ROWS, append="rows", report_progress=0)
    rx_import(table, str(tmp_path / "one.xdf"), report_progress=0)
    info = rx_get_info(path, get_block_sizes=True)
    assert (info.num_rows, info.num_blocks, info.num_composite_files) == (5_250, 12, 6)
    assert info.rows_per_block == [500, 500, 500, 250] * 3
    pd.testing.assert_frame_equal(
        rxcore.rx_read_xdf(path, report_progress=0, max_rows_by_cols=-1),
        rxcore.rx_read_xdf(str(tmp_path / "one.xdf"), report_progress=0, max_rows_by_cols=-1),
    )


def test_a_failed_append_leaves_the_set(table: pa.Table, tmp_path: Path) -> None:
    path = str(tmp_path / "set")
    rx_import(table, path, report_progress=0)
    before = files(path)
    with pytest.raises(SourceError, match=r"append: the new rows do not have column"):
        rx_import(pa.table({"x": [1]}), path, append="rows", report_progress=0)
    assert files(path) == before


def test_information(both: tuple[str, str]) -> None:
    one, many = (rx_get_info(path, get_var_info=True, num_rows=3) for path in both)
    lines = str(many).splitlines()
    assert lines[:6] == [
        f"File name:{both[1]}",
        "Number of composite data files:4.0",
        "Number of observations:5250.0",
        f"Number of variables:{float(many.num_vars)}",
        "Number of blocks:11.0",
        "Compression type:zstd",
    ]
    assert lines[6:] == str(one).splitlines()[5:]
    assert many["numCompositeFiles"] == 4
    assert one.num_composite_files is None
    assert str(rx_get_var_info(both[1])) == str(rx_get_var_info(both[0]))
    assert "Number of composite" not in str(one)


def test_the_same_bits_as_one_file(both: tuple[str, str]) -> None:
    one, many = both
    for n_threads in (1, 3):
        with options(numCoresToUse=n_threads):
            linear = [
                rx_lin_mod("delay ~ day + carrier + distance + hour:carrier", data, cov_coef=True, report_progress=0)
                for data in (one, many)
            ]
            logistic = [
                rx_logit("late ~ day + carrier + distance", data, cov_coef=True, report_progress=0)
                for data in (one, many)
            ]
            summary = [
                rx_summary("~ delay + distance + delay:carrier", data, report_progress=0) for data in (one, many)
            ]
        for first, second in (linear, logistic):
            assert first.coefficients.to_numpy().tobytes() == second.coefficients.to_numpy().tobytes()
            assert list(first.coefficients.index) == list(second.coefficients.index)
            assert np.ascontiguousarray(first.cov_coef).tobytes() == np.ascontiguousarray(second.cov_coef).tobytes()
        assert (
            summary[0].frame.drop(columns="Name").to_numpy(float).tobytes()
            == summary[1].frame.drop(columns="Name").to_numpy(float).tobytes()
        )


def test_the_footer_answers_for_sets_too(both: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A summary of plain columns reads no block of a set."""
    expected = str(rx_summary("~ delay + distance", both[0], report_progress=0).frame)

    def refuse(*_: Any) -> Any:
        raise AssertionError("a block was read")

    monkeypatch.setattr(xdf.XdfSet, "_read_column", refuse)
    assert str(rx_summary("~ delay + distance", both[1], report_progress=0).frame) == expected


def test_predictions_of_and_into_sets(both: tuple[str, str], tmp_path: Path) -> None:
    one, many = both
    model = rx_lin_mod("delay ~ day + distance", one, report_progress=0)
    output = RxXdfData(str(tmp_path / "scores"), blocks_per_composite_file=2)
    found = rx_predict(model, many, output, report_progress=0)
    single = rx_predict(model, one, str(tmp_path / "scores.xdf"), report_progress=0)
    assert rx_get_info(found).num_composite_files == 6
    with xdf.open(found.file) as ours, xdf.open(single.file) as theirs:
        assert ours.to_arrow() == theirs.to_arrow()
    with pytest.raises(OutputExistsError):
        rx_predict(model, many, output, report_progress=0)
    rx_predict(model, many, output, overwrite=True, report_progress=0)
    rx_predict(model, many, output, append="rows", report_progress=0)
    assert len(found) == 2 * 5_250


def test_blocks_number_through_the_set_as_one_file(both: tuple[str, str]) -> None:
    partitions = as_source(both[1], caller="test").partitions(["delay"])
    assert [(part.file, part.first_block, part.n_blocks) for part in partitions] == [
        (0, number, 1) for number in range(11)
    ]


def test_partitions_find_the_set_as_it_was(both: tuple[str, str], table: pa.Table) -> None:
    """Sent elsewhere, a partition opens the set there; rows that were added meanwhile change nothing."""
    parts = as_source(both[1], caller="test").partitions(["delay", "carrier"])
    expected = [next(iter(part.blocks())) for part in parts]
    sent = pickle.dumps(parts)
    rx_import(table, both[1], append="rows", rows_per_read=ROWS, report_progress=0)
    for part, block in zip(pickle.loads(sent), expected, strict=True):
        assert isinstance(part, XdfPartition)
        (found,) = part.blocks()
        assert found.start_row == block.start_row
        assert found.columns["delay"].values.tolist() == block.columns["delay"].values.tolist()
        assert found.columns["carrier"].values.tolist() == block.columns["carrier"].values.tolist()
    later = pickle.loads(pickle.dumps(as_source(both[1], caller="test").partitions(["delay"])))
    assert sum(block.n_rows for part in later for block in part.blocks()) == 2 * 5_250


def test_open_files_are_sources(both: tuple[str, str]) -> None:
    for path in both:
        with xdf.open(path) as file:
            assert as_source(file, caller="test").n_blocks == 11
            assert len(rx_summary("~ delay", file, report_progress=0).frame) == 1


def test_folders_without_a_set(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"this is a folder, not an \.xdf file, and no composite set is in it"):
        RxXdfData(str(tmp_path)).source()
    with pytest.raises(SourceError, match="does not exist"):
        RxXdfData(str(tmp_path / "missing")).source()
