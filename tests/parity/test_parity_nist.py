"""NIST's reference datasets: certified digits of linear models and summaries, beside R's and what doubles allow."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import nist_data as nist
import nist_report as report
import numpy as np
import pandas as pd
import pytest
from tolerances import CERTIFIED_DIGITS_OF_CHANCE, HALF_A_UNIT

import rxcore
from rxcore.errors import DataWarning

REGRESSIONS = pytest.mark.parametrize("regression", nist.REGRESSIONS, ids=lambda one: str(one.name))
UNIVARIATE = pytest.mark.parametrize("one", nist.UNIVARIATE, ids=lambda one: str(one.name))


def assert_printed(value: Decimal, certified: str) -> None:
    """Within half a unit of the last digit that is printed."""
    wanted = Decimal(certified)
    unit = Decimal(1).scaleb(int(wanted.as_tuple().exponent))
    assert abs(value - wanted) <= unit * Decimal(HALF_A_UNIT), f"{value} is not printed {certified}"


def decimal(fraction: Fraction) -> Decimal:
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


@REGRESSIONS
def test_fractions_give_every_certified_digit(regression: nist.Regression) -> None:
    """So neither the data nor the certified values can have been mistyped."""
    columns, response = nist.design(regression)
    estimates, squares = nist.solve_exactly(columns, response)
    with localcontext() as context:
        context.prec = 60
        for value, certified in zip(estimates, regression.estimates, strict=True):
            assert_printed(decimal(value), certified)
        for square, certified in zip(squares, regression.errors, strict=True):
            assert_printed(decimal(square).sqrt(), certified)


@UNIVARIATE
def test_decimals_give_every_certified_digit(one: nist.Univariate) -> None:
    values = nist.rows(one.name)["y"]
    with localcontext() as context:
        context.prec = 60
        mean = sum(values, Decimal(0)) / len(values)
        variance = sum(((value - mean) ** 2 for value in values), Decimal(0)) / (len(values) - 1)
        assert_printed(mean, one.mean)
        assert_printed(variance.sqrt(), one.deviation)


@REGRESSIONS
def test_as_many_digits_as_lm(regression: nist.Regression) -> None:
    """As many as R's lm (with its tolerance turned down, so that it keeps Filip's columns), or all that the data have
    left once they are doubles.
    """
    got, lm = report.ours(regression), report.of_r(regression, "lm_tight")
    most = report.of_doubles(regression)
    assert got.estimates >= min(lm.estimates, most.estimates) - CERTIFIED_DIGITS_OF_CHANCE
    assert got.errors >= min(lm.errors, most.errors) - CERTIFIED_DIGITS_OF_CHANCE


@UNIVARIATE
def test_as_many_digits_as_r(one: nist.Univariate) -> None:
    for got, stored in zip(report.summary_of(one), report.summary_of_r(one), strict=True):
        assert got >= min(14.0, stored - CERTIFIED_DIGITS_OF_CHANCE)


def test_the_table_in_the_documents_is_what_is_measured() -> None:
    text = report.TARGET.read_text()
    for regression in nist.REGRESSIONS:
        row = next(line for line in text.splitlines() if line.startswith(f"| {regression.name} |"))
        assert row.split(" | ")[2] == str(report.ours(regression)), "run tests/parity/nist_report.py"
        assert row.split(" | ")[1] == str(report.of_doubles(regression))


def test_a_column_that_others_explain_is_dropped_beside_one_that_is_nearly_so() -> None:
    """Rank is told honestly: what only rounding of the values separates from the others goes, Filip's powers stay."""
    table = nist.frame("Filip")
    table["sum"] = 0.1 * table["x"] + 0.7 * table["x"] ** 2
    with pytest.warns(DataWarning, match="dropped 'sum'"):
        model = rxcore.rx_lin_mod(f"{nist.polynomial(10)} + sum", table, report_progress=0)
    assert model.rank == 11
    assert np.isnan(model.coefficients["sum"])


def test_a_single_precision_column_is_held_to_single_precision() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200), "y": rng.normal(size=200)})
    frame["sum"] = (frame["a"] + 0.3 * frame["b"]).astype(np.float32)
    with pytest.warns(DataWarning, match="dropped 'sum'"):
        rxcore.rx_lin_mod("y ~ a + b + sum", frame, report_progress=0)
    kept = rxcore.rx_lin_mod("y ~ a + b + sum", frame.assign(sum=frame["sum"].astype(float)), report_progress=0)
    assert kept.rank == 4, "a double that differs in its eighth digit differs"


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_the_precise_pass_sums_all_digits(scale: float) -> None:
    """Whole numbers about a far origin: cross-products equal integers, high and low half together."""
    from rxcore.blocks import Block
    from rxcore.design import DesignTerm, make_design
    from rxcore.updaters.cross_product import CrossProduct
    from rxcore.updaters.precise_product import PreciseProduct
    from rxcore.variables import Variable, VariableSet
    from xdf.columns import Column

    rng = np.random.default_rng(11)
    x = scale * rng.integers(10**14, 2 * 10**14, 700).astype(np.float64)
    y = rng.integers(-(10**15), 10**15, 700).astype(np.float64)
    variables = VariableSet((Variable("x", "x"), Variable("y", "y")))
    design = make_design(variables, [DesignTerm("x", (0,), ())], intercept=True, response=1)
    updater = PreciseProduct(CrossProduct(design.with_origins(np.array([12345.0]))))
    found = updater.finalize(updater.update(updater.init(), Block(700, {"x": Column(x), "y": Column(y)})))
    assert found.low is not None
    exact = sum((int(a) - 12345) * int(b) for a, b in zip(x, y, strict=True))
    assert Fraction(found.matrix[1, 2]) + Fraction(found.low[1, 2]) == pytest.approx(exact, rel=2.0**-98)
