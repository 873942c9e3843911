"""Newton's method for generalized linear models over passes that somebody else runs. Testable without any data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rxcore.design import Design
from rxcore.errors import DesignError
from rxcore.solvers.normal_equations import Basis, Solution, in_model_basis, score_in_model_basis, solve
from rxcore.updaters.glm import GlmPassResult
from rxcore.variables import Floats

RunPass = Callable[[Floats], GlmPassResult]
"""From coefficients of the shifted basis to what one pass over the data finds there."""

_MOST_HALVINGS = 10
# Back from fitted values that the family cannot have, further: there is nothing to gain from stopping short of that.
_MOST_RETREATS = 30

# A cell without any event has its maximum at minus infinity, which Newton's method nears by one unit a pass. What it
# looks like: score and information of equal size, twice in a row. Then it may leap; were it wrong, the deviance would
# rise and the step be halved.
RUNAWAY_LEAST, RUNAWAY_MOST = 0.9999, 1.25
RUNAWAY_LEAP = 10.0

# A deviance of this much for each observation means that every one is fitted all but perfectly.
SEPARATED_DEVIANCE = 1e-8


@dataclass(frozen=True, slots=True)
class Begin:
    """Where to begin when no coefficients are known, or those given mean impossible fitted values.

    ``run`` passes over the data at means taken from the response (R's ``mustart``). ``interior``, given that pass,
    names coefficients whose fitted values are surely possible, towards which a first step too far is shortened; None
    where there are none.
    """

    run: Callable[[], GlmPassResult]
    interior: Callable[[GlmPassResult], Floats | None]


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
    ``boundary``: the steps ended where fitted values would become impossible, short of a maximum.
    """

    coefficients: Floats
    solution: Solution
    last: GlmPassResult
    iterations: int
    converged: bool
    boundary: bool = False


def fit(
    design: Design, start: Floats | None, run_pass: RunPass, tolerances: Tolerances, *,
    kept: npt.NDArray[np.bool_] | None = None, penalty: Floats | None = None, begin: Begin | None = None,
    separable: bool = True, leaps: bool = True,
) -> Fit:  # fmt: skip
    """Iterate from ``start`` (model coefficients, NaN or zero where unknown) until a tolerance is met.

    Parameters
    ----------
    design : Design
    start : array (p,) or None
        None begins as ``begin`` says.
    run_pass : callable
        Runs one pass at coefficients of the shifted basis.
    tolerances : Tolerances
    kept : array of bool (p,), optional
        Columns decided before.
    penalty : array (p,), optional
        Ridge penalty: half of ``penalty[j] * beta[j] ** 2`` is added for each coefficient.
    begin : Begin, optional
        For families and links where not every linear predictor is possible.
    separable : bool
        Whether a deviance of next to nothing means that the predictors separate the response.
    leaps : bool
        Whether a cell without events has its maximum at infinity: links that reach their limits there only.

    Raises
    ------
    DesignError
        When no coefficients with possible fitted values can be found to begin with.

    Notes
    -----
    A step that raises the deviance is halved, up to ten times; one that leads to impossible fitted values, up to thirty
    times. Which columns depend on others is decided in the first pass, where no fitted value is extreme yet, and kept.
    A deviance of next to nothing ends the iterations: the predictors separate the response, and the coefficients would
    only grow. A cell that shows twice that it holds no event, or nothing else, leaps towards its infinite maximum,
    which would cost a pass for each unit.
    """
    walk = _Walk(np.zeros(design.n_coefficients) if start is None else np.nan_to_num(start))
    if start is None:
        walk.begin_anew(design, begin)
    last: tuple[Floats, Solution, GlmPassResult] | None = None
    while True:
        walk.iteration += 1
        found = run_pass(design.to_basis(walk.beta))
        objective = found.deviance + (0.0 if penalty is None else float(penalty @ walk.beta**2))
        if not found.valid:
            if last is None and not walk.begun:
                walk.begin_anew(design, begin)
            elif not walk.retreat(tolerances):
                if last is None:
                    raise DesignError(_NO_START)
                beta, solution, found = last
                coefficients = np.where(solution.kept, beta, np.nan)
                return Fit(coefficients, solution, found, walk.iteration, False, boundary=True)
            continue
        if walk.worse(objective, tolerances):
            continue
        solution = _step(design, found, walk.beta, kept, penalty)
        if kept is None:
            kept = solution.kept
            if np.any(walk.beta[~kept]):
                # A start may give values to columns that turn out to depend on others: without them it is another
                # point.
                walk.beta = np.where(kept, walk.beta, 0.0)
                continue
        last = (walk.beta, solution, found)
        runs = _runs_away(design, found, kept) if leaps else walk.runs
        converged = walk.advance(solution, objective, tolerances, runs, penalty is None and leaps)
        separated = separable and found.deviance <= SEPARATED_DEVIANCE * found.sum_of_weights
        if converged or separated or walk.iteration >= tolerances.max_iterations:
            at = walk.beta if not walk.retreats else last[0]
            coefficients = np.where(solution.kept, at, np.nan)
            return Fit(
                coefficients, solution, found, walk.iteration,
                converged and not separated and not walk.retreats, boundary=converged and walk.retreats > 0,
            )  # fmt: skip
        walk.retreats = walk.halvings = 0


_NO_START = (
    "no coefficients were found for which every fitted value is possible; give initial_values, or use a link that "
    "allows every linear predictor"
)


class _Walk:
    """Where the iterations stand: the point, the step that led to it, and what was seen on the way."""

    def __init__(self, beta: Floats) -> None:
        self.beta = beta
        self.step = np.zeros_like(beta)
        self.previous = np.inf
        self.iteration = 0
        self.halvings = 0
        self.retreats = 0
        self.begun = False
        self.runs = np.zeros_like(beta)
        self.leapt = np.zeros(len(beta), np.bool_)

    def begin_anew(self, design: Design, begin: Begin | None) -> None:
        """Take the first point from means that the response alone gives."""
        if begin is None:
            raise DesignError(_NO_START)
        self.begun = True
        self.iteration += 1
        found = begin.run()
        interior = begin.interior(found)
        if found.valid:
            self.beta = np.nan_to_num(_step(design, found, np.zeros_like(self.beta), None, None).coefficients)
        elif interior is None:
            raise DesignError(_NO_START)
        else:
            self.beta = interior
        self.step = np.zeros_like(self.beta) if interior is None else self.beta - interior

    def retreat(self, tolerances: Tolerances) -> bool:
        """Halve the step that led to impossible fitted values; False when that is no use any more."""
        if self.retreats >= _MOST_RETREATS or self.iteration >= tolerances.max_iterations or not self.step.any():
            return False
        self.retreats += 1
        self._halve()
        return True

    def worse(self, objective: float, tolerances: Tolerances) -> bool:
        """Whether the objective rose, and the step was halved for it."""
        rose = not objective <= self.previous * (1.0 + 1e-10)
        again = self.iteration > 1 and self.halvings < _MOST_HALVINGS and self.iteration < tolerances.max_iterations
        if rose and again:
            self.halvings += 1
            self._halve()
        return rose and again

    def _halve(self) -> None:
        self.step = self.step / 2.0
        self.beta = self.beta - self.step

    def advance(
        self, solution: Solution, objective: float, tolerances: Tolerances, runs: Floats, may_leap: bool
    ) -> bool:
        """Take a Newton step; whether a tolerance was met."""
        self.step = np.nan_to_num(solution.coefficients)
        before, self.runs = self.runs, runs
        largest = float(np.max(np.abs(self.beta + self.step), initial=0.0))
        small_step = float(np.max(np.abs(self.step), initial=0.0)) <= tolerances.coefficient * largest
        flat = abs(self.previous - objective) <= tolerances.deviance * abs(objective)
        if may_leap:
            leap = np.where((self.runs == before) & ~self.leapt, self.runs, 0.0)
            self.leapt |= leap != 0.0
            self.step = self.step + leap * RUNAWAY_LEAP
        self.beta = self.beta + self.step
        self.previous = objective
        return bool(small_step or flat)


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
