"""Row selections that leave blocks of an .xdf file unread: the same bits, and less is read."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rxcore
import xdf
from rxcore.options import options
from rxcore.sources.transformed import wrap
from rxcore.sources.xdf import XdfSource
from xdf.decoders import decode_column

BLOCK, N_BLOCKS = 50, 12
DAYS = [f"day {number}" for number in range(4)]


def table() -> pa.Table:
    """Columns that grow from block to block, with missing values of every kind here and there."""
    n = BLOCK * N_BLOCKS
    random = np.random.default_rng(11)
    number = np.arange(n)
    missing = random.random(n) < 0.05
    real = number / 7.0
    real[random.random(n) < 0.03] = np.nan
    real[2 * BLOCK : 3 * BLOCK] = np.nan
    return pa.table(
        {
            "small": pa.array(number // 10, pa.int16(), mask=missing),
            "big": pa.array(number + 10**12, mask=missing),
            "unsigned": pa.array(number.astype(np.uint64) + np.uint64(2**63)),
            "real": pa.array(real, mask=missing),
            "single": pa.array((number / 3).astype(np.float32)),
            "flag": pa.array(number > 400, mask=missing),
            "day": pa.array([None if gone else DAYS[i // 150] for i, gone in enumerate(missing)]).dictionary_encode(),
            "text": pa.array([f"text {i // 100}" for i in range(n)]),
            "date": pa.array([dt.date(2020, 1, 1) + dt.timedelta(days=i // 20) for i in range(n)]),
            "when": pa.array([dt.datetime(2020, 1, 1, 12) + dt.timedelta(hours=i) for i in range(n)]),  # noqa: DTZ001
            "zoned": pa.array(number * 3600, pa.timestamp("s", "UTC")),
            "y": pa.array(random.normal(size=n) + number / 100.0),
            "empty": pa.nulls(n, pa.float64()),
        }
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("skipping") / "grown.xdf"
    xdf.write(table(), path, rows_per_block=BLOCK)
    return path


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each chunk that is decoded from now on."""
    chunks: list[int] = []

    def counting(*given: Any) -> Any:
        chunks.append(1)
        return decode_column(*given)

    monkeypatch.setattr("xdf.reader.decode_column", counting)
    return chunks


def blocks_of(path: Path, selection: str, **more: Any) -> tuple[list[int], list[bool]]:
    """Rows selected in each block, and which of the blocks are not read."""
    source = wrap(XdfSource(path), row_selection=selection, caller="test", **more)
    parts = source.partitions(["y"])
    assert [part.first_block for part in parts] == list(range(N_BLOCKS))
    rows = [block.n_rows for part in parts for block in part.blocks()]
    return rows, [part.inner.is_ruled_out for part in parts]  # type: ignore[attr-defined]


SKIPPING = {
    "small > 50": 10,
    "50 < small": 10,
    "small >= 10 & small < 15": 11,
    "10 <= small < 15": 11,
    "small == 7.0": 11,
    "big > 1000000000550": 11,
    "big == 1000000000001": 11,
    "unsigned < 5000": 12,
    "small & small > 50": 10,
    "real < 10": 10,
    "single <= 16": 11,
    "flag": 8,
    "!flag": 3,
    "flag == TRUE": 8,
    "day == 'day 3'": 9,
    "day in ('day 0', 'day 3')": 6,
    "day != 'day 0'": 3,
    "small in (1, 58)": 10,
    "date < '2020-01-03'": 11,
    "date == '1999-12-31'": 12,
    "when > '2020-01-25 00:00'": 11,
    "is_na(empty) & small > 50": 10,
    "!is_na(empty)": 12,
    "is_na(real) & small < 20": 8,
    "small < 5 | small > 55": 10,
    "!(small < 55)": 11,
    "small > 100": 12,
    "small > 50 & log(y) > 0": 10,
    "I(small) > 50": 10,
    "small > NA": 12,
}
# What the statistics do not tell.
READING = ["text == 'text 0'", "small + 0 > 50", "small & flag | y > 0", "unsigned < 9223372036854775858",
           "zoned > '1970-01-20'", "y > 0", "abs(small) > 50", "TRUE", "ifelse(flag, TRUE, FALSE)", "day > 'day 2'",
           "is_na(day == 'x')"]  # fmt: skip


@pytest.mark.parametrize("selection", [*SKIPPING, *READING])
def test_the_same_rows_and_fewer_blocks(path: Path, selection: str) -> None:
    rows, skipped = blocks_of(path, selection)
    with options(footerStatistics=False):
        wanted, none = blocks_of(path, selection)
    assert rows == wanted
    assert not any(none)
    assert sum(skipped) == SKIPPING.get(selection, 0)


OPERATORS = st.sampled_from(["<", "<=", "==", "!=", ">=", ">"])
NUMBERS = st.one_of(
    st.integers(-1, 61), st.floats(-1, 90).map(lambda x: round(x, 3)), st.sampled_from([10**12 + 77, 2**63 + 9, "NA"])
)
DATES = st.dates(dt.date(2019, 12, 31), dt.date(2020, 2, 1))
COLUMNS = st.sampled_from(["small", "big", "unsigned", "real", "single", "empty"])
SIMPLE = st.one_of(
    st.builds("{} {} {}".format, COLUMNS, OPERATORS, NUMBERS),
    st.builds("{} {} {}".format, COLUMNS, OPERATORS, COLUMNS),
    st.builds("{} %in% c({}, {})".format, COLUMNS, st.integers(-1, 61), st.floats(0, 61)),
    st.builds("is_na({})".format, st.sampled_from(["small", "real", "day", "empty", "flag", "text"])),
    st.builds("day {} '{}'".format, OPERATORS, st.sampled_from([*DAYS, "other"])),
    st.builds("day %in% c('{}', '{}')".format, st.sampled_from([*DAYS, "other"]), st.sampled_from(DAYS)),
    st.builds("{} {} '{}'".format, st.sampled_from(["date", "when"]), OPERATORS, DATES),
    st.sampled_from(["flag", "!flag", "TRUE", "NA > 0", "log(y) > 0"]),
)  # fmt: skip
CONDITIONS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.builds("({}) & ({})".format, inner, inner),
        st.builds("({}) | ({})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=4,
)


@settings(max_examples=50, deadline=None)
@given(CONDITIONS)
def test_no_selected_row_is_ever_skipped(path: Path, selection: str) -> None:
    rows, skipped = blocks_of(path, selection)
    with options(footerStatistics=False):
        wanted, _ = blocks_of(path, selection)
    assert rows == wanted
    assert all(count == 0 for count, left_out in zip(wanted, skipped, strict=True) if left_out)


@pytest.mark.parametrize(
    ("transforms", "n_skipped"),
    [
        ({"small": "100 - small"}, 0),
        ({"big": "small"}, 12),
        ({"small": "big", "big": "small"}, 0),
        ({"copy": "small", "small": "copy"}, 10),
        ({"other": "small * 2"}, 10),
        ({"limit": "small", "small": "limit + 0"}, 0),
    ],
)
def test_columns_that_are_computed_on_the_way(path: Path, transforms: dict[str, str], n_skipped: int) -> None:
    selection = "small > 50" if "big" not in transforms else "big > 100"
    rows, skipped = blocks_of(path, selection, transforms=transforms)
    with options(footerStatistics=False):
        assert rows == blocks_of(path, selection, transforms=transforms)[0]
    assert sum(skipped) == n_skipped


def test_transform_objects_are_constants(path: Path) -> None:
    assert sum(blocks_of(path, "small > limit", transform_objects={"limit": 50})[1]) == 10
    assert sum(blocks_of(path, "date < first", transform_objects={"first": "2020-01-03"})[1]) == 11


def test_functions_of_the_user_see_every_block(path: Path) -> None:
    seen = []

    def note(data: pd.DataFrame) -> pd.DataFrame:
        seen.append(len(data))
        return data

    rows, skipped = blocks_of(path, "small > 50", transform_function=note, transform_variables=["small"])
    assert len(seen) == N_BLOCKS + 1, "and the trial"
    assert not any(skipped)
    assert sum(rows) > 0


def test_analyses_have_the_same_bits_and_read_less(path: Path, decoded: list[int]) -> None:
    def results() -> list[Any]:
        given: dict[str, Any] = {"row_selection": "small > 25 & small < 44", "report_progress": 0}
        summary = rxcore.rx_summary("~ y + real + day", str(path), **given)
        model = rxcore.rx_lin_mod("y ~ day + real", str(path), **given)
        return [summary.summary_data_frame, summary.categorical[0].frame, model.coefficients]

    found = results()
    n_read = len(decoded)
    decoded.clear()
    with options(footerStatistics=False):
        wanted = results()
    for left, right in zip(found, wanted, strict=True):
        assert pickle.dumps(np.asarray(left).tolist()) == pickle.dumps(np.asarray(right).tolist())
    assert n_read < len(decoded) / 2


@pytest.mark.parametrize("selection", ["small > 25 & small < 44", "small > 1000"])
def test_rows_that_are_written_are_the_same(path: Path, tmp_path: Path, selection: str) -> None:
    def imported(name: str) -> bytes:
        target = tmp_path / name
        rxcore.rx_import(str(path), str(target), row_selection=selection, report_progress=0)
        return target.read_bytes()

    found = imported("found.xdf")
    with options(footerStatistics=False):
        assert found == imported("wanted.xdf")


def test_a_skipped_partition_travels(path: Path) -> None:
    source = XdfSource(path)
    part = wrap(source, row_selection="small > 50", caller="test").partitions(["day", "y", "text"])[0]
    (block,) = pickle.loads(pickle.dumps(part)).blocks()
    assert block.n_rows == 0
    assert {name: len(column) for name, column in block.columns.items()} == {"day": 0, "y": 0, "text": 0}
    assert block.columns["day"].levels.to_pylist() == DAYS


def test_sets_skip_as_files_do(path: Path, tmp_path: Path) -> None:
    with xdf.open(path) as file, xdf.create_composite(tmp_path / "set", xdf.Schema(file.explicit_fields())) as writer:
        for number in range(file.n_blocks):
            writer.write(file.read_block_arrow(number))
    for selection, n_skipped in list(SKIPPING.items())[:16]:
        assert sum(blocks_of(tmp_path / "set", selection)[1]) == n_skipped
