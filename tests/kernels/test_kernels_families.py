"""Every family with every link: the compiled kernel row by row against textbook formulas, and at the far ends."""

from __future__ import annotations

import math

import naive_glm as slow
import numpy as np
import pyarrow as pa
import pytest
from scipy import special
from tolerances import BY_DIFFERENCE, FAMILY_KERNEL, FAMILY_TAILS, LARGE_COUNTS, POLYGAMMA

from rxcore import families
from rxcore.blocks import Block
from rxcore.design import DesignTerm, make_design
from rxcore.families import LINKS, Family
from rxcore.kernels import cross_product as counts_of
from rxcore.kernels import families as sums
from rxcore.updaters.glm import FamilyPass, GlmPassResult
from rxcore.variables import Variable, VariableSet

FAMILIES = [
    *(families.binomial(link) for link in LINKS["binomial"]),
    *(families.gaussian(link) for link in LINKS["gaussian"]),
    *(families.poisson(link) for link in LINKS["poisson"]),
    *(families.Gamma(link) for link in LINKS["Gamma"]),
    *(families.inverse_gaussian(link) for link in LINKS["inverse.gaussian"]),
    *(families.negative_binomial(0.8, link) for link in LINKS["negative.binomial"]),
    *(families.tweedie(power, link) for power in (0.0, 1.0, 1.3, 1.9, 2.0, 2.5, 3.0) for link in (0.0, 1.0 - power)),
    *(families.quasi(link, "mu(1-mu)") for link in LINKS["quasi"]),
    *(families.quasi("power(1/3)", variance) for variance in ("constant", "mu", "mu^2", "mu^3")),
]
N = 24


def one_pass(family: Family, y: np.ndarray, eta: np.ndarray, w: np.ndarray, **settings: object) -> GlmPassResult:
    """A pass where every row is a cell of its own, so that information and score are those of rows."""
    n = len(y)
    names = tuple(str(row) for row in range(n))
    codes = pa.DictionaryArray.from_arrays(pa.array(np.arange(n), pa.int32()), pa.array(names))
    table = pa.record_batch({"row": codes, "eta": pa.array(eta), "y": pa.array(y), "w": pa.array(w)})
    variables = VariableSet(
        (Variable("row", "row", levels=names), *(Variable(name, name) for name in ("eta", "y", "w")))
    )
    design = make_design(
        variables, [DesignTerm("row", (), (0,))], intercept=False, response=2, weight=3, offset=1
    )  # fmt: skip
    updater = FamilyPass(design, family, np.zeros(design.layout.n_basis), **settings)  # type: ignore[arg-type]
    return updater.finalize(updater.update(updater.init(), Block.from_arrow(table)))


def rows_for(family: Family, seed: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Possible responses and linear predictors, ties with the mean among them, and weights."""
    rng = np.random.default_rng(seed)
    mu = rng.uniform(0.05, 0.95, N) if family.is_binomial else rng.uniform(0.2, 5.0, N)
    eta = family.link(mu)
    w = rng.uniform(0.2, 3.0, N)
    if family.is_binomial:
        return np.where(rng.random(N) < 0.5, rng.integers(0, 2, N).astype(float), rng.random(N)), eta, w
    if family.name == "negative.binomial" or family.variance_power == 1.0:
        return rng.poisson(mu).astype(float), eta, w
    y = rng.gamma(2.0, mu / 2.0)
    if family.variance_power is not None and 1.0 < family.variance_power < 2.0:
        y[::3] = 0.0
    return y, eta, w


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family.text}-{family.variance_power}")
def test_rows_agree_with_the_textbook(family: Family) -> None:
    y, eta, w = rows_for(family)
    found = one_pass(family, y, eta, w, null_mean=0.6, with_theta=family.name == "negative.binomial")
    expected = [slow.row(family, *row) for row in zip(y, eta, w, strict=True)]
    np.testing.assert_allclose(np.diag(found.information)[1:], [row[0] for row in expected], rtol=FAMILY_KERNEL)
    np.testing.assert_allclose(
        found.score[1:], [row[1] for row in expected], rtol=FAMILY_KERNEL, atol=FAMILY_KERNEL
    )  # fmt: skip
    totals = slow.totals(family, y, eta, w, null_mean=0.6, with_theta=family.name == "negative.binomial")
    np.testing.assert_allclose(found.totals, totals, rtol=FAMILY_KERNEL, atol=FAMILY_KERNEL)
    assert found.valid
    assert not found.counts[counts_of.N_BAD_RESPONSE]


def test_numpy_forms_of_links_are_each_others_inverse() -> None:
    for family in FAMILIES:
        mu = np.array([0.01, 0.3, 0.5, 0.99]) if family.is_binomial else np.array([0.1, 1.0, 7.0])
        eta = family.link(mu)
        np.testing.assert_allclose(family.inverse_link(eta), mu, rtol=FAMILY_KERNEL)
        step = 1e-6 * np.maximum(np.abs(eta), 1.0)
        by_difference = (family.inverse_link(eta + step) - family.inverse_link(eta - step)) / (2.0 * step)
        np.testing.assert_allclose(family.slope(eta), by_difference, rtol=BY_DIFFERENCE)
        np.testing.assert_allclose(family.unit_deviance(mu, mu), 0.0, atol=FAMILY_KERNEL)
        assert family.valid_mean(mu).all()


def test_probit_keeps_its_digits_in_the_tails() -> None:
    eta = np.array([-30.0, -12.0, -5.0, -1.0, 0.5, 5.0, 12.0, 30.0])
    density = -0.5 * eta**2 - 0.5 * math.log(2.0 * math.pi)
    for y in (0.0, 1.0):
        found = one_pass(families.binomial("probit"), np.full(8, y), eta, np.ones(8))
        tail = special.log_ndtr(eta if y else -eta)
        weights = np.exp(2.0 * density - special.log_ndtr(eta) - special.log_ndtr(-eta))
        np.testing.assert_allclose(np.diag(found.information)[1:], weights, rtol=FAMILY_TAILS)
        np.testing.assert_allclose(found.score[1:], (1 if y else -1) * np.exp(density - tail), rtol=FAMILY_TAILS)
        assert found.deviance == pytest.approx(-2.0 * tail.sum(), rel=FAMILY_TAILS)


@pytest.mark.parametrize("link", ["logit", "cloglog", "cauchit"])
def test_other_links_keep_theirs(link: str) -> None:
    eta = np.array([-30.0, -12.0, -3.0, -1.0, 0.5, 1.5, 3.0])
    rate = np.exp(eta)
    tails = {
        "logit": (special.expit(eta), special.expit(-eta)),
        "cloglog": (-np.expm1(-rate), np.exp(-rate)),
        "cauchit": (np.arctan2(1.0, -eta) / np.pi, np.arctan2(1.0, eta) / np.pi),
    }
    for y, tail in zip((1.0, 0.0), tails[link], strict=True):
        found = one_pass(families.binomial(link), np.full(7, y), eta, np.ones(7))
        assert found.deviance == pytest.approx(-2.0 * np.log(tail).sum(), rel=FAMILY_TAILS)
        slope = families.binomial(link).slope(eta)
        np.testing.assert_allclose(found.score[1:], (slope if y else -slope) / tail, rtol=FAMILY_TAILS)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "cauchit"])
def test_no_linear_predictor_is_too_far_for_a_probability(link: str) -> None:
    eta = np.array([-1e6, -800.0, -40.0, 40.0, 800.0, 1e6])
    for y in (0.0, 1.0):
        found = one_pass(families.binomial(link), np.full(6, y), eta, np.ones(6))
        assert found.valid
        assert np.isfinite(found.deviance)
        assert np.isfinite(found.information).all()
        assert np.isfinite(found.score).all()


def test_a_deviance_of_large_counts_close_to_their_mean() -> None:
    mu, apart = 1e9, 1e3
    # y log(y/mu) - (y - mu) = mu * (r**2 / 2 - r**3 / 6 + ...) with r = (y - mu) / mu
    r = apart / mu
    found = one_pass(families.poisson("identity"), np.array([mu + apart]), np.array([mu]), np.ones(1))
    assert found.deviance == pytest.approx(2.0 * mu * (r**2 / 2.0 - r**3 / 6.0), rel=LARGE_COUNTS)


def test_impossible_means_are_counted_and_carry_no_weight() -> None:
    cases = [
        (families.poisson("identity"), [-1.0, 0.0, 2.0], 2),
        (families.binomial("log"), [-1.0, 0.0, 0.5], 2),
        (families.binomial("identity"), [0.5, 1.0, -0.1], 2),
        (families.Gamma(), [-1.0, 0.0, 2.0], 2),
        (families.inverse_gaussian(), [-1.0, 0.0, 2.0], 2),
        (families.poisson("sqrt"), [-1.0, 0.0, 2.0], 2),
        (families.poisson(), [-1.0, 800.0, 2.0], 1),
        (families.gaussian("inverse"), [-1.0, 0.0, 2.0], 1),
    ]
    for family, eta, n_invalid in cases:
        found = one_pass(family, np.array([1.0, 1.0, 1.0]), np.array(eta), np.ones(3))
        assert found.counts[counts_of.N_INVALID] == n_invalid, family.text
        assert not found.valid
        assert np.isfinite(found.information).all()
        assert np.isfinite(found.score).all()
        assert (np.diag(found.information)[1:] == 0.0).sum() == n_invalid, family.text


@pytest.mark.parametrize(
    ("family", "responses", "n_bad"),
    [
        (families.binomial(), [-0.1, 0.0, 0.5, 1.0, 1.1], 2),
        (families.poisson(), [-1.0, 0.0, 0.5, 1.0, 2.0], 1),
        (families.Gamma("log"), [-1.0, 0.0, 0.5, 1.0, 2.0], 2),
        (families.inverse_gaussian("log"), [-1.0, 0.0, 0.5, 1.0, 2.0], 2),
        (families.tweedie(1.5, 0.0), [-1.0, 0.0, 0.5, 1.0, 2.0], 1),
        (families.tweedie(2.5, 0.0), [-1.0, 0.0, 0.5, 1.0, 2.0], 2),
        (families.negative_binomial(1.0), [-1.0, 0.0, 0.5, 1.0, 2.0], 1),
        (families.gaussian(), [-1.0, 0.0, 0.5, 1.0, 2.0], 0),
    ],
    ids=lambda value: value.text if isinstance(value, Family) else "",
)
def test_impossible_responses_are_counted(family: Family, responses: list[float], n_bad: int) -> None:
    found = one_pass(family, np.array(responses), np.full(5, -0.5), np.ones(5))
    assert found.counts[counts_of.N_BAD_RESPONSE] == n_bad


def test_frequency_weights_count_rows_not_trials() -> None:
    family = families.binomial()
    found = one_pass(family, np.array([0.25]), np.array([0.3]), np.array([4.0]), null_mean=0.5, trials=False)
    mu = special.expit(0.3)
    assert found.totals[sums.LIKELIHOOD] == pytest.approx(math.log(mu) + 3.0 * math.log(1.0 - mu), rel=FAMILY_KERNEL)
    assert found.totals[sums.SATURATED] == 0.0


@pytest.mark.parametrize("theta", [0.01, 1.0, 7.5, 300.0])
@pytest.mark.parametrize("y", [0.0, 1.0, 17.0, 64.0, 65.0, 1000.0, 2.5])
def test_gamma_steps(y: float, theta: float) -> None:
    logarithm, first, second = _steps(y, theta)
    assert logarithm == pytest.approx(
        special.gammaln(theta + y) - special.gammaln(theta), rel=POLYGAMMA, abs=FAMILY_KERNEL
    )
    assert first == pytest.approx(special.digamma(theta + y) - special.digamma(theta), rel=POLYGAMMA, abs=FAMILY_KERNEL)
    expected = special.polygamma(1, theta) - special.polygamma(1, theta + y)
    assert second == pytest.approx(expected, rel=POLYGAMMA, abs=FAMILY_KERNEL)


def _steps(y: float, theta: float) -> tuple[float, float, float]:
    from rxcore.kernels.families import gamma_steps

    return gamma_steps(y, theta)  # type: ignore[no-any-return]
