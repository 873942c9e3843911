"""What the first minute feels like: importing, and the first small model, with and without compiled kernels.

``python -m bench.cold``. Without: the user's cache folder is an empty one, as on the day of installation.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from statistics import median

from bench.data import bench_file
from rxcore.measure import Laps, run_fresh

ROWS = 10_000
# What bounds regressions. Generous against a slow machine; the figures themselves are what one reads.
BUDGET_SECONDS = {"import rxcore": 0.2, "first model, compiled": 3.0, "first model, nothing compiled": 30.0}


def first_model(laps: Laps, path: str) -> None:
    """Import and fit, as a script does."""
    with laps("import"):
        from rxcore import RxOptions, RxXdfData, rx_lin_mod
    RxOptions.set_option("reportProgress", 0)
    with laps("fit"):
        rx_lin_mod("ArrDelay ~ DayOfWeek + CRSDepTime", RxXdfData(path))


def _import_seconds() -> float:
    # rxcore.measure imports rxcore itself, so this one clock runs in a bare interpreter.
    code = "import time; began = time.perf_counter(); import rxcore; print(time.perf_counter() - began)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print the figures; end with an error when one is over its budget."""
    path = str(bench_file(ROWS, "xdf"))
    figures = {"import rxcore": median(_import_seconds() for _ in range(5))}
    with tempfile.TemporaryDirectory() as empty:
        before = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = empty
        try:
            figures["first model, nothing compiled"] = _model_seconds(path)
            figures["first model, compiled"] = median(_model_seconds(path) for _ in range(3))
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before
    over = False
    for name, seconds in figures.items():
        over |= seconds > BUDGET_SECONDS[name]
        print(f"{name:<32}{seconds:>8.3f} s   budget {BUDGET_SECONDS[name]} s")
    sys.exit(over)


def _model_seconds(path: str) -> float:
    return sum(lap.seconds for lap in run_fresh("bench.cold:first_model", {"path": path}, quiet=True).laps)


if __name__ == "__main__":
    main()
