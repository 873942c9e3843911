"""The IRLS loop over passes made up by the test: no data source."""

from __future__ import annotations

import numpy as np
import pytest

from rxcore.design import DesignTerm, make_design
from rxcore.kernels.cross_product import COUNTS
from rxcore.kernels.families import TOTALS
from rxcore.solvers.irls import Tolerances, fit
from rxcore.updaters.glm import GlmPassResult
from rxcore.variables import Variable, VariableSet

DESIGN = make_design(
    VariableSet((Variable("x", "x"), Variable("y", "y"))), [DesignTerm("x", (0,), ())], intercept=True, response=1
)


class Logistic:
    """Passes over dense columns, counting how many."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.columns = np.column_stack([np.ones(len(x)), x])
        self.y = y
        self.passes = 0

    def __call__(self, beta: np.ndarray) -> GlmPassResult:
        self.passes += 1
        eta = self.columns @ beta
        mu = np.exp(-np.logaddexp(0.0, -eta))
        information = self.columns.T @ (self.columns * (mu * (1.0 - mu))[:, None])
        deviance = 2.0 * np.sum(np.logaddexp(0.0, np.where(self.y == 1, -eta, eta)))
        score = self.columns.T @ (self.y - mu)
        counts, missing = np.zeros(COUNTS, np.int64), np.zeros(2, np.int64)
        return GlmPassResult(information, score, float(deviance), float(len(eta)), counts, missing, np.zeros(TOTALS))


def problem(seed: int = 0) -> Logistic:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=400)
    return Logistic(x, (rng.random(400) < 1.0 / (1.0 + np.exp(0.5 - 1.5 * x))).astype(np.float64))


def test_it_ends_where_the_score_is_zero() -> None:
    passes = problem()
    ended = fit(DESIGN, np.zeros(2), passes, Tolerances(1e-10, 0.0))
    assert ended.converged
    np.testing.assert_allclose(passes(ended.coefficients).score, 0.0, atol=1e-10)


def test_the_coefficients_are_a_step_beyond_the_last_pass() -> None:
    loose = fit(DESIGN, np.zeros(2), problem(), Tolerances(1e-2, 0.0))
    tight = fit(DESIGN, np.zeros(2), problem(), Tolerances(1e-12, 0.0))
    # Newton's step squares the error.
    assert np.max(np.abs(loose.coefficients - tight.coefficients)) < 1e-4


def test_a_good_start_saves_passes() -> None:
    cold, warm = problem(), problem()
    ended = fit(DESIGN, np.zeros(2), cold, Tolerances())
    fit(DESIGN, ended.coefficients, warm, Tolerances())
    assert warm.passes < cold.passes


def test_a_step_too_far_is_halved() -> None:
    passes = problem()
    ended = fit(DESIGN, np.array([0.0, 8.0]), passes, Tolerances(1e-8, 0.0, 60))
    assert ended.converged
    np.testing.assert_allclose(passes(ended.coefficients).score, 0.0, atol=1e-6)


@pytest.mark.parametrize("most", [1, 3])
def test_too_few_iterations_are_reported(most: int) -> None:
    ended = fit(DESIGN, np.zeros(2), problem(), Tolerances(1e-12, 0.0, most))
    assert not ended.converged
    assert ended.iterations == most


def test_separation_ends_early_and_is_not_convergence() -> None:
    x = np.linspace(-1.0, 1.0, 50)
    passes = Logistic(x, (x > 0).astype(np.float64))
    ended = fit(DESIGN, np.zeros(2), passes, Tolerances(max_iterations=100))
    assert not ended.converged
    assert passes.passes < 40
