"""Summaries from the footer: without reading data, and the same to the bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_flights import made_flights

import rxcore
from rxcore.options import options


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("footer") / "flights.xdf"
    rxcore.rx_import(made_flights(11_000), str(path), rows_per_read=1_000, report_progress=0)
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
