"""Our side of the benchmarks. Each function runs in a process of its own; see ``rxcore.measure``.

Every function notes a number that the contenders must agree on (``check``), so that speed is not compared between
different answers.
"""

from __future__ import annotations

from pathlib import Path

from bench.models import LINEAR, LOGIT, SUMMARY_COLUMNS
from rxcore import (
    RxOptions,
    RxParquetData,
    RxTextData,
    RxXdfData,
    rx_import,
    rx_lin_mod,
    rx_logit,
    rx_predict,
    rx_summary,
)
from rxcore.measure import Laps

RxOptions.set_option("reportProgress", 0)


def _data(path: str) -> RxXdfData | RxParquetData:
    return RxXdfData(path) if path.endswith(".xdf") else RxParquetData(path)


def import_text(laps: Laps, path: str, output: str) -> None:
    """Text to .xdf with factors."""
    with laps("import"):
        rx_import(RxTextData(path, strings_as_factors=True), output, overwrite=True)
    laps.note(output_bytes=Path(output).stat().st_size)


def summary(laps: Laps, path: str) -> None:
    """Mean, deviation, minimum, maximum, valid and missing of six columns; from the footer where there is one."""
    with laps("summary"):
        result = rx_summary("~ " + " + ".join(SUMMARY_COLUMNS), _data(path))
    laps.note(check=float(result.summary_data_frame["StdDev"].iloc[0]))


def summary_by_pass(laps: Laps, path: str) -> None:
    """The same from the rows, as peers must."""
    RxOptions.set_option("footerStatistics", False)
    summary(laps, path)


def linear(laps: Laps, path: str) -> None:
    """The linear model, standard errors included."""
    with laps("fit"):
        model = rx_lin_mod(LINEAR, _data(path))
    laps.note(check=float(model.residual_squares))


def logit(laps: Laps, path: str) -> None:
    """The logistic model, standard errors included."""
    with laps("fit"):
        model = rx_logit(LOGIT, _data(path))
    laps.note(check=float(model.deviance), iterations=int(model.iterations))


def predict(laps: Laps, path: str, output: str) -> None:
    """The linear model, and its predictions to a new file."""
    with laps("fit"):
        model = rx_lin_mod(LINEAR, _data(path))
    with laps("predict"):
        rx_predict(model, _data(path), RxXdfData(output), overwrite=True)
    laps.note(output_bytes=Path(output).stat().st_size)
