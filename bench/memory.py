"""Peak memory of each of our steps at few and many rows: flat, or it fails. ``python -m bench.memory``.

A step passes when its peak is under the limit with every size and changes by no more than 15 % between them. Fewer than
some three million rows do not yet fill the pipelines that read ahead, so smaller sizes say nothing.
"""

from __future__ import annotations

import argparse
import sys

from bench.data import WORK, bench_file
from rxcore.measure import run_fresh

SMALL = 10_000
LIMIT_MB = 600
TOLERANCE = 0.15


def peaks(rows: int) -> dict[str, float]:
    """Peak memory of each step in megabytes, each in a fresh process."""
    text, table = str(bench_file(rows, "csv")), str(bench_file(rows, "xdf"))
    steps: dict[str, dict[str, object]] = {
        "import_text": {"path": text, "output": str(WORK / "made.xdf")},
        "summary": {"path": table},
        "linear": {"path": table},
        "logit": {"path": table},
        "predict": {"path": table, "output": str(WORK / "predicted.xdf")},
    }
    measured = {}
    for step, arguments in steps.items():
        laps = run_fresh(f"bench.ours:{step}", arguments, quiet=True).laps
        measured[step] = max(lap.peak_bytes for lap in laps) / 1e6
    return measured


def main() -> None:
    """Print one line for each step; end with an error when one fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[3_000_000, 30_000_000])
    sizes = parser.parse_args().rows
    peaks(SMALL)  # compiles kernels that changed since they were last used, which costs memory of its own
    measured = [peaks(rows) for rows in sizes]
    print(f"{'peak MB of':<14}" + "".join(f"{rows:>14,}" for rows in sizes) + "  verdict")
    failed = False
    for step in measured[0]:
        values = [peak[step] for peak in measured]
        flat = max(values) <= min(values) * (1 + TOLERANCE)
        small = max(values) <= LIMIT_MB
        verdict = "flat" if flat and small else "NOT FLAT" if not flat else f"OVER {LIMIT_MB} MB"
        failed |= not (flat and small)
        print(f"{step:<14}" + "".join(f"{value:>14.0f}" for value in values) + f"  {verdict}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
