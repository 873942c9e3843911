"""Beginnings, retreats from impossible fitted values, and theta, over passes made up by the test."""

from __future__ import annotations

import naive_glm as slow
import numpy as np
import pytest
from scipy import optimize, special
from test_solvers_irls import DESIGN
from tolerances import BY_OPTIMIZER, ZERO_SCORE

from rxcore import families
from rxcore.errors import DesignError
from rxcore.families import Family
from rxcore.kernels.cross_product import COUNTS, N_INVALID
from rxcore.kernels.families import DEVIANCE, TOTALS
from rxcore.solvers.irls import Begin, Fit, RunPass, Tolerances, fit
from rxcore.solvers.theta import LARGEST_THETA, fit_with_theta
from rxcore.updaters.glm import GlmPassResult

TIGHT = Tolerances(1e-12, 0.0, 60)


class Passes:
    """Passes of one family over an intercept and one number, with the points they were asked for."""

    def __init__(self, family: Family, x: np.ndarray, y: np.ndarray) -> None:
        self.family = family
        self.columns = np.column_stack([np.ones(len(x)), x])
        self.y = y
        self.points: list[np.ndarray] = []

    def at(self, eta: np.ndarray, family: Family, working: bool = False) -> GlmPassResult:
        mu, slope = family.inverse_link(eta), family.slope(eta)
        counts = np.zeros(COUNTS, np.int64)
        counts[N_INVALID] = np.sum(~family.valid_mean(mu))
        if counts[N_INVALID]:
            return GlmPassResult(
                np.eye(2), np.zeros(2), np.nan, len(eta), counts, np.zeros(2, np.int64), np.zeros(TOTALS)
            )
        weights = slope**2 / family.variance(mu)
        target = weights * ((self.y - mu) / slope + (eta if working else 0.0))
        totals = slow.totals(
            family, self.y, eta, np.ones(len(eta)), null_mean=1.0, with_theta=family.name == "negative.binomial"
        )  # fmt: skip
        information = self.columns.T @ (self.columns * weights[:, None])
        return GlmPassResult(
            information, self.columns.T @ target, float(totals[DEVIANCE]), float(len(eta)), counts,
            np.zeros(2, np.int64), totals,
        )  # fmt: skip

    def __call__(self, beta: np.ndarray) -> GlmPassResult:
        self.points.append(beta)
        return self.at(self.columns @ beta, self.family)

    def begin(self) -> Begin:
        def interior(_: GlmPassResult) -> np.ndarray:
            return np.array([float(self.family.link(self.y.mean())), 0.0])

        return Begin(lambda: self.at(self.family.link(self.y + 0.1), self.family, working=True), interior)

    def with_theta(self, beta: np.ndarray, theta: float) -> GlmPassResult:
        return self.at(self.columns @ beta, self.family.with_theta(theta))


def counts_of(family: Family, n: int = 300) -> Passes:
    rng = np.random.default_rng(4)
    x = rng.uniform(0.0, 2.0, n)
    y = rng.negative_binomial(2.0, 2.0 / (2.0 + np.exp(0.2 + 0.5 * x)))
    return Passes(family, x, y.astype(float))


@pytest.mark.parametrize("family", [families.poisson(), families.poisson("identity"), families.poisson("sqrt")])
def test_it_begins_from_the_response_and_ends_where_the_score_is_zero(family: Family) -> None:
    passes = counts_of(family)
    ended = fit(DESIGN, None, passes, TIGHT, begin=passes.begin(), separable=False, leaps=False)
    assert ended.converged
    np.testing.assert_allclose(passes(ended.coefficients).score, 0.0, atol=ZERO_SCORE)
    assert ended.iterations == len(passes.points)  # the starting pass counts, the check of the score too


def test_an_impossible_start_begins_anew() -> None:
    passes = counts_of(families.poisson("identity"))
    ended = fit(DESIGN, np.array([-5.0, 0.0]), passes, TIGHT, begin=passes.begin(), separable=False, leaps=False)
    assert ended.converged
    np.testing.assert_allclose(passes(ended.coefficients).score, 0.0, atol=ZERO_SCORE)


def test_without_a_beginning_an_impossible_start_is_an_error() -> None:
    with pytest.raises(DesignError, match="no coefficients were found for which every fitted value is possible"):
        fit(DESIGN, np.array([-5.0, 0.0]), counts_of(families.poisson("identity")), TIGHT)


def test_a_step_to_impossible_means_is_shortened_and_the_boundary_reported() -> None:
    x = np.linspace(0.0, 1.0, 50)
    passes = Passes(families.poisson("identity"), x, np.where(x > 0.5, 10.0, 0.0))
    ended = fit(DESIGN, None, passes, TIGHT, begin=passes.begin(), separable=False, leaps=False)
    assert ended.boundary
    assert not ended.converged
    assert passes.family.valid_mean(passes.columns @ ended.coefficients).all()


def fit_both(passes: Passes, tolerances: Tolerances = TIGHT, start: float = 1.0) -> tuple[Fit, float, bool]:
    begin = Begin(
        lambda: passes.at(np.log(passes.y + 0.1), passes.family.with_theta(1.0), working=True), lambda _: np.zeros(2)
    )

    def fit_from(at: np.ndarray | None, run: RunPass, left: Tolerances) -> Fit:
        return fit(DESIGN, at, run, left, begin=begin, separable=False, leaps=False)

    found = fit_with_theta(passes.with_theta, fit_from, None, tolerances, start)
    return found.ended, found.theta, found.unbounded


@pytest.mark.parametrize("start", [0.01, 1.0, 500.0])
def test_theta_is_where_the_likelihood_is_largest(start: float) -> None:
    passes = counts_of(families.negative_binomial())
    ended, theta, _ = fit_both(passes, start=start)
    assert ended.converged

    def minus_likelihood(values: np.ndarray) -> float:
        mu, t = np.exp(passes.columns @ values[:2]), np.exp(values[2])
        gammas = special.gammaln(passes.y + t) - special.gammaln(t)
        return -float(np.sum(gammas + t * np.log(t / (t + mu)) + passes.y * np.log(mu / (mu + t))))

    best = optimize.minimize(minus_likelihood, np.zeros(3), method="BFGS", options={"gtol": 1e-6}).x
    np.testing.assert_allclose([*ended.coefficients, np.log(theta)], best, rtol=BY_OPTIMIZER)
    assert ended.iterations <= 20


def test_theta_of_counts_that_are_not_overdispersed_is_unbounded() -> None:
    x = np.linspace(0.0, 1.0, 100)
    ended, theta, unbounded = fit_both(Passes(families.negative_binomial(), x, np.full(100, 3.0)))
    assert unbounded
    assert not ended.converged
    assert theta == LARGEST_THETA


def test_too_few_iterations_for_theta_are_reported() -> None:
    ended, _, _ = fit_both(counts_of(families.negative_binomial()), Tolerances(1e-12, 0.0, 3))
    assert not ended.converged
    assert ended.iterations == 3
