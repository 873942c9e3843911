"""The main job on real data, as ``make demo`` shows it: import, describe, fit, score, with times and peak memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from rxcore.measure import Laps, run_fresh

LATE_MINUTES = 15
LINEAR_FORMULA = "arr_delay ~ day_of_week + carrier"
LOGIT_FORMULA = "late ~ day_of_week + carrier + hour + distance"


def run_demo(folder: Path) -> None:
    """Run every step in a process of its own, so that each peak is that step's; print what users see, then a table.

    Parameters
    ----------
    folder : Path
        Where flights.csv, flights.xdf and predictions.xdf go; made when it is not there. About 70 MB.

    Raises
    ------
    MeasuredStepError
        When a step fails; the message holds what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    steps: list[Callable[..., None]] = [prepare, import_text, describe, summarize, fit_linear, fit_and_score]
    measured = Laps()
    for step in steps:
        sys.stdout.flush()
        laps = run_fresh(f"rxcore.demo:{step.__name__}", {"folder": str(folder)})
        measured.laps += laps.laps
        measured.note(**laps.notes)
    n_rows = int(str(measured.notes["n_rows"]))
    _heading(f"Time and peak memory ({n_rows:,} rows, {os.cpu_count()} cores)")
    print(f"{'step':<42}{'seconds':>9}{'rows/s':>13}{'peak MB':>9}")
    for lap in measured.laps:
        print(f"{lap.name:<42}{lap.seconds:>9.2f}{n_rows / lap.seconds:>13,.0f}{lap.peak_bytes / 1e6:>9.0f}")
    print(
        "\nEach line but the last ran in a fresh process: peak MB is the whole of it, and seconds include loading the"
        "\nlibraries that the step is the first to need. The very first run on a machine also compiles the kernels and"
        f"\nkeeps them in the user's cache folder; run it again to see the times without that. The files: {folder}."
    )


def prepare(laps: Laps, folder: str) -> None:
    """Write flights.csv: the published flights, the day of the week, and whether the arrival was late."""
    from rxcore.samples import day_of_week, read_flights

    with laps("prepare flights.csv (pyarrow)"):
        table = read_flights()
        table = table.append_column("day_of_week", day_of_week(table).cast(pa.string()))
        table = table.append_column("late", pc.greater(table["arr_delay"], LATE_MINUTES))
        pyarrow.csv.write_csv(table, Path(folder) / "flights.csv", pyarrow.csv.WriteOptions(quoting_style="needed"))
    laps.note(n_rows=table.num_rows)


def import_text(laps: Laps, folder: str) -> None:
    """Text to .xdf."""
    from rxcore import RxTextData, rx_import
    from rxcore.samples import WEEKDAYS

    text, output = Path(folder) / "flights.csv", Path(folder) / "flights.xdf"
    _heading("rx_import: flights.csv -> flights.xdf")
    with laps("rx_import text -> .xdf"):
        rx_import(
            RxTextData(str(text)),
            str(output),
            column_info={"day_of_week": {"type": "factor", "levels": list(WEEKDAYS)}},
            strings_as_factors=True,
            rows_per_read=100_000,
            overwrite=True,
            report_progress=2,
        )
    print(f"{text.stat().st_size:,} bytes of text became {output.stat().st_size:,} bytes")


def describe(laps: Laps, folder: str) -> None:
    """What is in the file."""
    from rxcore import RxXdfData, rx_get_info

    _heading("rx_get_info(flights.xdf, get_var_info=True)")
    with laps("rx_get_info"):
        info = rx_get_info(RxXdfData(str(Path(folder) / "flights.xdf")), get_var_info=True)
    print(info)


def summarize(laps: Laps, folder: str) -> None:
    """Summary statistics of numbers, a factor, and a number by a factor."""
    from rxcore import RxXdfData, rx_summary

    formula = "~ arr_delay + dep_delay + air_time + distance + day_of_week + arr_delay:carrier"
    _heading(f'rx_summary("{formula}")')
    with laps("rx_summary"):
        result = rx_summary(formula, RxXdfData(str(Path(folder) / "flights.xdf")), report_progress=0)
    print(result)


def fit_linear(laps: Laps, folder: str) -> None:
    """Arrival delay by day of the week and carrier."""
    from rxcore import RxXdfData, rx_lin_mod

    _heading(f'rx_lin_mod("{LINEAR_FORMULA}")')
    with laps("rx_lin_mod"):
        model = rx_lin_mod(LINEAR_FORMULA, RxXdfData(str(Path(folder) / "flights.xdf")), report_progress=0)
    print(model.summary())


def fit_and_score(laps: Laps, folder: str) -> None:
    """Being late, and the probability of it for each flight. One process: predicting needs the model just fitted."""
    from rxcore import RxXdfData, rx_get_info, rx_logit, rx_predict

    flights = RxXdfData(str(Path(folder) / "flights.xdf"))
    scores = RxXdfData(str(Path(folder) / "predictions.xdf"))
    _heading(f'rx_logit("{LOGIT_FORMULA}")')
    with laps("rx_logit"):
        model = rx_logit(LOGIT_FORMULA, flights, report_progress=0)
    print(model.summary())
    _heading("rx_predict(model, flights.xdf, predictions.xdf)")
    with laps("rx_predict to .xdf (same process)"):
        rx_predict(
            model,
            flights,
            scores,
            extra_vars_to_write=["carrier", "day_of_week", "late"],
            overwrite=True,
            report_progress=0,
        )
    print(rx_get_info(scores, get_var_info=True, num_rows=5))


def _heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")
