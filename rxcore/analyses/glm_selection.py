"""Selection of terms of generalized linear models: each change in question is fitted, or ranked by one pass more."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd

from rxcore.analyses.modelling import ModelRequest, design_for
from rxcore.analyses.scope import SearchScope, scope_for
from rxcore.analyses.selection import LinearModels, describe
from rxcore.design import Design
from rxcore.errors import DesignError
from rxcore.results.steps import StepPath
from rxcore.runner import Runner
from rxcore.solvers.normal_equations import Basis, in_model_basis, score_in_model_basis
from rxcore.solvers.stepwise import Terms, Worth, Yardstick, search
from rxcore.solvers.subsets import Subset
from rxcore.updaters.glm import GlmPassResult
from rxcore.variables import Floats

FittedT = TypeVar("FittedT")


@dataclass(frozen=True, slots=True)
class Engine(Generic[FittedT]):
    """How the models of a search are fitted.

    Attributes
    ----------
    fit : callable
        Fits a design from given coefficients, or from its own start (None).
    coefficients : callable
        Of a fitted model, over its design.
    worth : callable
        Of a fitted model.
    look : callable
        One pass at coefficients of a design: score and information.
    n : callable
        Observations of a fitted model.
    known_dispersion : bool
    """

    fit: Callable[[Design, Floats | None], FittedT]
    coefficients: Callable[[FittedT], Floats]
    worth: Callable[[FittedT], Worth]
    look: Callable[[Design, Floats], GlmPassResult]
    n: Callable[[FittedT], float]
    known_dispersion: bool


class RefittedModels(Generic[FittedT]):
    """Models of the terms in scope, fitted when they are asked about."""

    def __init__(self, design: Design, base: Terms, engine: Engine[FittedT]) -> None:
        self.design = design
        self.engine = engine
        self.current = base
        self._fitted: dict[Terms, FittedT] = {}
        self.fitted(base)

    def fitted(self, terms: Terms) -> FittedT:
        """The model of these terms, started from the current one."""
        if terms not in self._fitted:
            design = self.design.with_terms([self.design.terms[t] for t in sorted(terms)])
            if not self._fitted:
                self._fitted[terms] = self.engine.fit(design, None)
            else:
                with warnings.catch_warnings():
                    # What is odd about the rows was said at the first fit; the model found speaks for itself.
                    warnings.simplefilter("ignore")
                    self._fitted[terms] = self.engine.fit(design, self._start(design))
        return self._fitted[terms]

    def _start(self, design: Design) -> Floats:
        """The current coefficients; new ones are zero, so that fitted values stay possible."""
        known = dict(zip(self._names(self.current), self.engine.coefficients(self.fitted(self.current)), strict=True))
        return np.nan_to_num(np.array([known.get(name, 0.0) for name in design.names], np.float64))

    def _names(self, terms: Terms) -> list[str]:
        """Names of the columns of a model, in its order."""
        return [self.design.names[m] for m in np.flatnonzero(self.columns_of(terms))]

    def columns_of(self, terms: Terms) -> Any:
        """Which columns in scope a model has."""
        return np.array([term < 0 or term in terms for term in self.design.term_of], np.bool_)

    def over_scope(self, terms: Terms) -> Floats:
        """Coefficients over all columns in scope: 0 where a term is absent, NaN where dropped."""
        values = np.zeros(self.design.n_coefficients)
        values[self.columns_of(terms)] = self.engine.coefficients(self.fitted(terms))
        return values

    def move(self, terms: Terms) -> Worth:
        """Fit the model of these terms and make it the current one."""
        worth = self.engine.worth(self.fitted(terms))
        self.current = terms
        return worth

    def look(self, candidates: Sequence[Terms]) -> list[Worth]:
        """What these models are worth, each fitted."""
        return [self.engine.worth(self.fitted(terms)) for terms in candidates]


class RankedModels(RefittedModels[FittedT]):
    """Models fitted when they are reached, and ranked before by score and Wald statistics at the current one.

    Both come from one pass over everything in scope: least squares of the working response, in which a column enters or
    leaves by a sweep.
    """

    def look(self, candidates: Sequence[Terms]) -> list[Worth]:
        """What these models are worth, as far as the current one can tell."""
        now = self.engine.worth(self.fitted(self.current))
        models = LinearModels(self.design, self._working())
        before = models.move(self.current)
        found = []
        for worth in models.look(candidates):
            deviance = now.deviance + (worth.deviance - before.deviance)
            gain = (worth.deviance - before.deviance) / now.dispersion + 2.0 * (worth.rank - now.rank)
            found.append(Worth(deviance, worth.rank, now.aic + gain, now.dispersion))
        return found

    def _working(self) -> Subset:
        """Information over all columns in scope, and the working response, as a cross-product to sweep."""
        design = self.design
        beta = np.nan_to_num(self.over_scope(self.current))
        pass_result = self.engine.look(design, beta)
        basis = Basis(design.first, design.second, design.factor)
        high, low = in_model_basis(pass_result.information, basis)
        score, _ = score_in_model_basis(pass_result.score, basis)
        right = score + high @ beta
        size = design.n_coefficients
        full, rest = np.zeros((size + 1, size + 1)), np.zeros((size + 1, size + 1))
        full[:size, :size], rest[:size, :size] = high, low
        full[:size, size] = full[size, :size] = right
        # Only differences of what is left count, wherever it starts.
        return Subset.empty(full, rest, basis, np.sqrt(np.diag(pass_result.information)))


def select_refitted(
    runner: Runner,
    request: ModelRequest,
    engine: Engine[FittedT],
    **settings: bool,
) -> tuple[FittedT, StepPath]:
    """Search from the formula of the request; the model found, and the path to it.

    ``settings`` are those of :func:`design_for`.
    """
    control = request.selection
    assert control is not None
    scope = scope_for(runner, request)
    _, design = design_for(runner, replace(request, formula=scope.upper_formula), **settings)
    kind = RankedModels if control.refit_each_step is False else RefittedModels
    models = kind(design, scope.lattice.base, engine)
    first = models.fitted(scope.lattice.base)
    _check_criterion(request, scope, engine.worth(first))
    test = control.test or ("Chisq" if engine.known_dispersion else "F")
    yardstick = Yardstick(engine.n(first), control.scale, control.k, False, engine.known_dispersion, test)
    steps = search(scope.lattice, control, models, yardstick)
    coefficients = None
    if control.keep_step_coefs:
        values = {str(place): models.over_scope(step.terms) for place, step in enumerate(steps)}
        coefficients = pd.DataFrame({"Coefficient": list(design.names), **values})
    return models.fitted(steps[-1].terms), describe(scope, control, yardstick, steps, coefficients)


def _check_criterion(request: ModelRequest, scope: SearchScope, worth: Worth) -> None:
    control = request.selection
    if control is not None and control.step_criterion == "AIC" and not np.isfinite(worth.aic):
        raise DesignError(
            f"{request.caller}: {scope.formula(scope.lattice.base)!r} has no AIC: this family has no likelihood. Use "
            "step_criterion='SigLevel'"
        )
