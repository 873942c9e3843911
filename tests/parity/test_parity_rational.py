"""Badly conditioned models (the reference level has 29 flights) equal the same models solved in fractions.

R's ``lm`` keeps eight digits of them: its error is 3e-9 of a coefficient in the first model (one that is a fiftieth of
its standard error), and 1e-9 of a standard error in the second. Here every comparison is relative to the value itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rational
from tolerances import AGAINST_FRACTIONS

import rxcore
from rxcore.options import options


@pytest.fixture(scope="session")
def main_model(flights) -> dict[str, Any]:
    return rational.fit(*rational.main_columns(flights))


@pytest.fixture(scope="session")
def interaction_model(flights) -> dict[str, Any]:
    return rational.fit(*rational.interaction_columns(flights))


# One block, and seven.
@pytest.mark.parametrize("rows_per_block", [500_000, 50_000])
@pytest.mark.parametrize(
    ("formula", "fixture", "last_name"),
    [
        ("arr_delay ~ day_of_week + carrier + distance + hour", "main_model", "hour"),
        ("arr_delay ~ carrier*hour + dep_delay", "interaction_model", "dep_delay"),
    ],
    ids=["main", "interaction"],
)
def test_linear_model(request, flights, formula, fixture, last_name, rows_per_block):
    exact = request.getfixturevalue(fixture)
    with options(rowsPerBlock=rows_per_block):
        model = rxcore.rx_lin_mod(formula, flights, report_progress=0)
    assert model.kept_names[-1] == last_name
    kept = ~model.aliased
    assert model.coefficients[kept].to_numpy() == pytest.approx(np.array(exact["estimate"]), rel=AGAINST_FRACTIONS)
    assert model.std_errors[kept] == pytest.approx(np.array(exact["error"]), rel=AGAINST_FRACTIONS)
    for name in ("sigma", "residual_squares", "r_squared", "f_value", "condition_number"):
        assert getattr(model, name) == pytest.approx(exact[name], rel=AGAINST_FRACTIONS), name


def test_the_reference_itself_solves_what_can_be_solved_by_hand():
    # y = 1 + 2 x + (1, -1, -1, 1): slope and intercept are those, and the residuals are the bracket.
    columns = np.array([[1, 0], [1, 1], [1, 2], [1, 3]])
    found = rational.fit(columns, np.array([2, 2, 4, 8]))
    assert found["estimate"] == [1.0, 2.0]
    assert found["residual_squares"] == 4.0
    assert found["condition_number"] == 1.0
    assert found["error"] == [pytest.approx((14 / 20 * 2) ** 0.5), pytest.approx((2 / 5) ** 0.5)]
