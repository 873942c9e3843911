"""Newton's method for generalized linear models over passes that somebody else runs. Testable without any data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rxcore.design import Design
from rxcore.solvers.normal_equations import Basis, Solution, in_model_basis, score_in_model_basis, solve
from rxcore.updaters.glm import GlmPassResult
from rxcore.variables import Floats

RunPass = Callable[[Floats], GlmPassResult]
"""From coefficients of the shifted basis to what one pass over the data finds there."""

_MOST_HALVINGS = 10

# A cell without any event has its maximum at minus infinity, which Newton's method nears by one unit a pass. What it
# looks like: score and information of equal size, twice in a row. Then it may leap; were it wrong, the deviance would
# rise and the step be halved.
RUNAWAY_LEAST, RUNAWAY_MOST = 0.9999, 1.25
RUNAWAY_LEAP = 10.0

# A deviance of this much for each observation means that every one is fitted all but perfectly.
SEPARATED_DEVIANCE = 1e-8


@dataclass(frozen=True, slots=True)
class Tolerances:
    """When to stop: either ratio small enough, or too many iterations.

    ``coefficient``: largest change over largest coefficient. ``deviance``: change over the deviance.
    """

    coefficient: float = 1e-6
    deviance: float = 1e-8
    max_iterations: int = 25


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Where the iterations ended.

    ``solution`` holds the kept columns, the inverse information and the condition number at ``last``, the last pass;
    ``coefficients`` are one Newton step beyond the point of that pass, a step whose direction came with it for nothing.
    """

    coefficients: Floats
    solution: Solution
    last: GlmPassResult
    iterations: int
    converged: bool


def fit(
    design: Design, start: Floats, run_pass: RunPass, tolerances: Tolerances, *,
    kept: npt.NDArray[np.bool_] | None = None, penalty: Floats | None = None,
) -> Fit:  # fmt: skip
    """Iterate from ``start`` (model coefficients, NaN or zero where unknown) until a tolerance is met.

    Parameters
    ----------
    design : Design
    start : array (p,)
    run_pass : callable
        Runs one pass at coefficients of the shifted basis.
    tolerances : Tolerances
    kept : array of bool (p,), optional
        Columns decided before.
    penalty : array (p,), optional
        Ridge penalty: half of ``penalty[j] * beta[j] ** 2`` is added for each coefficient.

    Notes
    -----
    A step that raises the deviance is halved, up to ten times. Which columns depend on others is decided in the first
    pass, where no fitted value is extreme yet, and kept. A deviance of next to nothing ends the iterations: the
    predictors separate the response, and the coefficients would only grow. A cell that shows twice that it holds no
    event, or nothing else, leaps towards its infinite maximum, which would cost a pass for each unit.
    """
    beta = np.nan_to_num(start)
    previous = np.inf
    step = np.zeros_like(beta)
    runs = np.zeros_like(beta)
    leapt = np.zeros(len(beta), np.bool_)
    halvings = 0
    iteration = 0
    while True:
        iteration += 1
        found = run_pass(design.to_basis(beta))
        objective = found.deviance + (0.0 if penalty is None else float(penalty @ beta**2))
        worse = not objective <= previous * (1.0 + 1e-10)
        if worse and iteration > 1 and halvings < _MOST_HALVINGS and iteration < tolerances.max_iterations:
            halvings += 1
            step = step / 2.0
            beta = beta - step
            continue
        solution = _step(design, found, beta, kept, penalty)
        if kept is None:
            kept = solution.kept
            if np.any(beta[~kept]):
                # A start may give values to columns that turn out to depend on others: without them it is another
                # point.
                beta = np.where(kept, beta, 0.0)
                continue
        step = np.nan_to_num(solution.coefficients)
        before, runs = runs, _runs_away(design, found, kept)
        largest = float(np.max(np.abs(beta + step), initial=0.0))
        small_step = float(np.max(np.abs(step), initial=0.0)) <= tolerances.coefficient * largest
        flat = abs(previous - objective) <= tolerances.deviance * abs(objective)
        if penalty is None:
            leap = np.where((runs == before) & ~leapt, runs, 0.0)
            leapt |= leap != 0.0
            step = step + leap * RUNAWAY_LEAP
        beta = beta + step
        converged = bool(small_step or flat)
        separated = found.deviance <= SEPARATED_DEVIANCE * found.sum_of_weights
        if converged or separated or iteration >= tolerances.max_iterations:
            coefficients = np.where(solution.kept, beta, np.nan)
            return Fit(coefficients, solution, found, iteration, converged and not separated)
        previous = objective
        halvings = 0


def _runs_away(design: Design, found: GlmPassResult, kept: npt.NDArray[np.bool_]) -> Floats:
    """-1 or 1 for a cell whose fitted values are all small (or all close to one) and that seems to hold no event (or
    nothing else): its score is then minus (or plus) its information. 0 otherwise.
    """
    ratio = np.zeros(design.n_coefficients)
    cells = kept & (design.second < 0) & (design.first >= 1 + len(design.layout.numbers))
    places = design.first[cells]
    information = np.diag(found.information)[places]
    ratio[cells] = found.score[places] / np.where(information > 0.0, information, np.inf)
    size = np.abs(ratio)
    return np.where((size >= RUNAWAY_LEAST) & (size <= RUNAWAY_MOST), np.sign(ratio), 0.0)


def independent(design: Design, found: GlmPassResult) -> npt.NDArray[np.bool_]:
    """Which columns a pass keeps."""
    return _step(design, found, np.zeros(design.n_coefficients), None, None).kept


def _step(
    design: Design, found: GlmPassResult, beta: Floats, kept: npt.NDArray[np.bool_] | None, penalty: Floats | None
) -> Solution:
    """One Newton step: information times step = score."""
    size = design.n_coefficients
    basis = Basis(design.first, design.second, design.factor)
    high, low = np.zeros((size + 1, size + 1)), np.zeros((size + 1, size + 1))
    high[:size, :size], low[:size, :size] = in_model_basis(found.information, basis)
    score_high, score_low = score_in_model_basis(found.score, basis)
    if penalty is not None:
        np.fill_diagonal(high[:size, :size], np.diag(high)[:size] + penalty)
        score_high = score_high - penalty * beta
    high[:size, size], low[:size, size] = score_high, score_low
    high[size, :size], low[size, :size] = score_high, score_low
    magnitudes = np.sqrt(np.diag(found.information))
    return solve(high, low, design.order, basis, magnitudes, intercept=design.intercept, kept=kept)
