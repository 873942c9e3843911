"""Write docs/parity-nist.md: certified digits of rxcore, of R's lm and of statsmodels on the NIST sets.

Run from the root of the repository: python tests/parity/nist_report.py
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import nist_data as nist  # noqa: E402

import rxcore  # noqa: E402

STORED: dict[str, Any] = json.loads((HERE / "r" / "nist.json").read_text())
TARGET = HERE.parents[1] / "docs" / "parity-nist.md"

_INTRODUCTION = """# NIST's reference datasets

Digits that agree with the values certified by the National Institute of Standards and Technology (StRD): minus the
decimal logarithm of the relative error, the worst over all coefficients and over all standard errors; at most 15, as
many as are certified. Written by `tests/parity/nist_report.py`, which says how; `tests/parity/test_parity_nist.py`
solves every regression in fractions as well, and finds each certified digit again.

The second column is the most that any program can reach that reads the data as doubles: the model solved in fractions,
after every value and every power of x was rounded to a double. Where another program has a digit more than that, its
own rounding happened to make up for the rounding of the data.
"""

_BETWEEN = """
R's `lm` drops the last power of Filip at its default tolerance (1e-7); "all columns" is `lm(tol = 1e-13)`, which keeps
it. statsmodels solves by a pseudoinverse that treats Filip as of lower rank. rxcore keeps every column of Filip: it
sums the cross-products in double-double when little is left of a column, and drops only what the rounding of the
values themselves could explain.

## Mean and standard deviation

Through `rx_summary`.

"""


@dataclass(frozen=True)
class Digits:
    """The fewest certified digits of the estimates, and of their standard errors."""

    estimates: float
    errors: float

    @classmethod
    def of(cls, regression: nist.Regression, estimates: Any, errors: Any) -> Digits:
        return cls(_fewest(estimates, regression.estimates), _fewest(errors, regression.errors))

    def __str__(self) -> str:
        return f"{_cut(self.estimates)} / {_cut(self.errors)}"


def _fewest(values: Any, certified: tuple[str, ...]) -> float:
    known = [math.nan if value is None else float(value) for value in values]
    return min(nist.log_relative_error(got, wanted) for got, wanted in zip(known, certified, strict=True))


def _cut(digits: float) -> str:
    return f"{math.floor(digits * 10) / 10:.1f}"


def ours(regression: nist.Regression) -> Digits:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = rxcore.rx_lin_mod(regression.formula, nist.frame(regression.name), report_progress=0)
    return Digits.of(regression, model.coefficients, model.std_errors)


def of_r(regression: nist.Regression, kind: str) -> Digits:
    stored = STORED[kind][regression.name]
    return Digits.of(regression, stored["estimates"], stored["errors"])


def of_doubles(regression: nist.Regression) -> Digits:
    estimates, squares = nist.solve_exactly(*nist.design_of_doubles(regression))
    return Digits.of(regression, estimates, [math.sqrt(square) for square in squares])


def of_statsmodels(regression: nist.Regression) -> Digits:
    import statsmodels.formula.api as formulas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says so itself of Filip
        fitted = formulas.ols(regression.formula.replace("^", "**"), nist.frame(regression.name)).fit()
    return Digits.of(regression, fitted.params, fitted.bse)


def summary_of(one: nist.Univariate) -> tuple[float, float]:
    """Our digits of the mean and of the standard deviation."""
    statistics = ["Mean", "StdDev"]
    result = rxcore.rx_summary("~y", nist.frame(one.name), summary_stats=statistics, report_progress=0)
    row = result.summary_data_frame.iloc[0]
    return nist.log_relative_error(row["Mean"], one.mean), nist.log_relative_error(row["StdDev"], one.deviation)


def summary_of_r(one: nist.Univariate) -> tuple[float, float]:
    stored = STORED["univariate"][one.name]
    return nist.log_relative_error(stored["mean"], one.mean), nist.log_relative_error(
        stored["deviation"], one.deviation
    )


def main() -> None:
    import statsmodels

    version = STORED["r_version"].split(" (")[0]
    lines = [
        "| set | the data as doubles, exactly | rxcore | `lm` | `lm`, all columns | statsmodels |",
        "|---|---|---|---|---|---|",
    ]
    for one in nist.REGRESSIONS:
        cells = [of_doubles(one), ours(one), of_r(one, "lm"), of_r(one, "lm_tight"), of_statsmodels(one)]
        lines.append(f"| {one.name} | {' | '.join(map(str, cells))} |")
    table = ["| set | rxcore | R |", "|---|---|---|"]
    for other in nist.UNIVARIATE:
        mine, theirs = summary_of(other), summary_of_r(other)
        table.append(f"| {other.name} | {' / '.join(map(_cut, mine))} | {' / '.join(map(_cut, theirs))} |")
    versions = f"{version}, statsmodels {statsmodels.__version__}"
    heading = f"\n## Linear regression\n\nCoefficients / standard errors. {versions}.\n\n"
    TARGET.write_text(_INTRODUCTION + heading + "\n".join(lines) + "\n" + _BETWEEN + "\n".join(table) + "\n")
    print(f"{TARGET.name}: {len(lines) - 2} regressions, {len(table) - 2} univariate sets")


if __name__ == "__main__":
    main()
