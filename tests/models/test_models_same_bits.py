"""The same blocks give the same bits: from every source, on any number of threads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.orc
import pyarrow.parquet
import pytest
from made_flights import made_flights
from tolerances import AGAINST_FRACTIONS

import rxcore
from rxcore.options import options

ROWS_PER_BLOCK = 1_000
LINEAR = "delay ~ day + carrier + distance + hour + hour:carrier"
LOGISTIC = "late ~ day + carrier + distance + hour"


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return made_flights(10_500)


def csv(table: pa.Table, folder: Path) -> Any:
    path = folder / "flights.csv"
    pyarrow.csv.write_csv(table, path)
    return str(path)


def parquet(table: pa.Table, folder: Path) -> Any:
    path = folder / "flights.parquet"
    pyarrow.parquet.write_table(table, path, row_group_size=ROWS_PER_BLOCK)
    return str(path)


def orc(table: pa.Table, folder: Path) -> Any:
    path = folder / "flights.orc"
    pyarrow.orc.write_table(table, path)
    return str(path)


def xdf(table: pa.Table, folder: Path) -> Any:
    path = folder / "flights.xdf"
    rxcore.rx_import(table, str(path), rows_per_read=ROWS_PER_BLOCK, report_progress=0)
    return str(path)


def composite(table: pa.Table, folder: Path) -> Any:
    path = folder / "flights"
    rxcore.rx_import(table, str(path), rows_per_read=ROWS_PER_BLOCK, blocks_per_composite_file=2, report_progress=0)
    return str(path)


SOURCES: dict[str, Callable[[pa.Table, Path], Any]] = {
    "csv": csv,
    "parquet": parquet,
    "orc": orc,
    "xdf": xdf,
    "composite": composite,
    "table": lambda table, folder: table,
    "pandas": lambda table, folder: table.to_pandas(),
    "polars": lambda table, folder: pl.from_arrow(table),
    "reader": lambda table, folder: table.to_reader(777),
}


def fingerprint(*arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, np.float64).tobytes())
    return digest.hexdigest()


def fits(data: Callable[[], Any]) -> str:
    linear = rxcore.rx_lin_mod(LINEAR, data(), cov_coef=True, report_progress=0)
    logistic = rxcore.rx_logit(LOGISTIC, data(), cov_coef=True, report_progress=0)
    summary = rxcore.rx_summary("~ delay + distance + delay:carrier + day", data(), report_progress=0)
    statistics = summary.categorical[0].frame[["Means", "StdDev", "Min", "Max", "ValidObs"]]
    return fingerprint(
        linear.coefficients, linear.std_errors, linear.cov_coef,
        [linear.r_squared, linear.f_value, linear.condition_number],
        logistic.coefficients, logistic.std_errors, logistic.cov_coef, [logistic.deviance],
        summary.frame.drop(columns="Name").to_numpy(), statistics.to_numpy(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def reference(table: pa.Table) -> str:
    with options(rowsPerBlock=ROWS_PER_BLOCK, numCoresToUse=1):
        return fits(lambda: table)


@pytest.mark.parametrize("n_threads", [1, 2, 7])
@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_every_source_and_number_of_threads(
    kind: str, n_threads: int, table: pa.Table, reference: str, tmp_path: Path
) -> None:
    with options(rowsPerBlock=ROWS_PER_BLOCK, numCoresToUse=n_threads):
        if kind == "reader":
            got = fits(lambda: SOURCES[kind](table, tmp_path))
        else:
            data = SOURCES[kind](table, tmp_path)
            got = fits(lambda: data)
    assert got == reference


def test_other_blocks_agree_to_rounding(table: pa.Table) -> None:
    """Not bits: another cut is another order of sums. This also shows that the test above compares something."""
    estimates = []
    for rows in (999, 1_000, 20_000):
        with options(rowsPerBlock=rows):
            model = rxcore.rx_logit(LOGISTIC, table, report_progress=0, coefficient_tolerance=1e-12)
        estimates.append(model.coefficients.to_numpy())
    assert len({fingerprint(values) for values in estimates}) > 1
    np.testing.assert_allclose(estimates[1], estimates[0], rtol=AGAINST_FRACTIONS)
    np.testing.assert_allclose(estimates[2], estimates[0], rtol=AGAINST_FRACTIONS)


def test_whole_numbers_give_the_same_bits_in_any_cut(table: pa.Table) -> None:
    """Sums of whole numbers about a short origin are exact, so that even their order does not matter."""
    prints = set()
    for rows in (999, 1_000, 20_000):
        with options(rowsPerBlock=rows):
            model = rxcore.rx_lin_mod("delay ~ carrier + distance", table, report_progress=0)
        prints.add((round(float(model.coefficients["distance"]), 12), model.n_valid))
    assert len(prints) == 1
