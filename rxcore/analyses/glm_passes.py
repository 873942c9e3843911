"""The passes of a generalized linear model over its data: which updater, what the rows must be, and what only one pass
need find.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from rxcore.analyses.modelling import ModelRequest, check_finite, check_rows
from rxcore.design import Design
from rxcore.errors import DataWarning, DesignError
from rxcore.families import Family
from rxcore.kernels import cross_product as kernels
from rxcore.kernels import families as sums
from rxcore.kernels.glm import BINOMIAL_LOGIT
from rxcore.runner import Runner
from rxcore.solvers.irls import Tolerances
from rxcore.updaters.glm import FamilyPass, GlmPass, GlmPassResult
from rxcore.variables import Floats


@dataclass(frozen=True, slots=True)
class GlmRequest:
    """A model request with what only iterations and families need.

    Attributes
    ----------
    events : bool
        A logistic model of events: any response but 0 is one, and shares are not possible.
    dispersion : float, optional
        Known beforehand instead of estimated.
    """

    model: ModelRequest
    family: Family
    tolerances: Tolerances
    initial_values: Any = None
    events: bool = False
    dispersion: float | None = None
    prints_aic: bool = False

    @property
    def trials(self) -> bool:
        """Whether weights count trials, as R's prior weights do."""
        return self.model.fweights is None

    @property
    def runs_away(self) -> bool:
        """Whether a cell without events has its maximum at minus infinity (log), or also at plus infinity (logit)."""
        log = self.family.link_name == "log" and self.family.variance_power not in (0.0, 2.0, 3.0)
        return log or self.family.link_name == "logit"


class Passes:
    """The passes of one fit: which updater, what the rows must be, and what only one pass need find."""

    def __init__(self, request: GlmRequest, runner: Runner, design: Design) -> None:
        self.request = request
        self.runner = runner
        self.design = design
        self.details: GlmPassResult | None = None
        self._null_mean = math.nan
        self._checked = False
        if not design.intercept:
            self._know_null(float(request.family.inverse_link(0.0)))

    def updater(self, beta: Floats, **settings: Any) -> GlmPass | FamilyPass:
        """The pass at coefficients of the shifted basis."""
        if self.request.events:
            return GlmPass(self.design, BINOMIAL_LOGIT, beta)
        family = settings.pop("family", self.request.family)
        return FamilyPass(self.design, family, beta, trials=self.request.trials, **settings)

    def run(self, beta: Floats) -> GlmPassResult:
        """One pass over all rows."""
        wants_details = self.details is None and not math.isnan(self._null_mean) and not self.request.events
        settings = {"null_mean": self._null_mean} if wants_details else {}
        found = self._run(self.updater(beta, **settings), "iteration")
        if wants_details:
            self.details = found
        return found

    def run_with_theta(self, beta: Floats, theta: float) -> GlmPassResult:
        """One pass over all rows for coefficients and theta of a negative binomial."""
        mean = 1.0 if math.isnan(self._null_mean) else self._null_mean
        family = self.request.family.with_theta(theta)
        found = self._run(self.updater(beta, family=family, null_mean=mean, with_theta=True), "iteration")
        self.details = None if mean != self._null_mean else found
        return found

    def begin(self) -> GlmPassResult:
        """One pass at means taken from the response."""
        family = self.request.family if self.request.family.has_theta else self.request.family.with_theta(1.0)
        zero = np.zeros(self.design.layout.n_basis)
        found = self._run(self.updater(zero, start=True, family=family), "starting pass")
        check_offset(self.request, self.design, found.score)
        return found

    def complete(self, beta: Floats) -> None:
        """Another pass where none of the iterations could find the details."""
        if self.details is None and not self.request.events:
            self.run(beta)

    def interior(self, found: GlmPassResult) -> Floats | None:
        """The intercept alone at the mean response: fitted values that are surely possible."""
        return constant(self.design, self.request.family, found.response_mean)

    def _know_null(self, mean: float) -> None:
        self._null_mean = mean if bool(self.request.family.valid_mean(mean)) else 0.5

    def _run(self, updater: GlmPass | FamilyPass, name: str) -> GlmPassResult:
        found: GlmPassResult = self.runner.run(updater, name)
        if not self._checked:
            _check(self.request, self.design, found)
            self._checked = True
        if math.isnan(self._null_mean) and not self.request.events:
            self._know_null(found.response_mean)
        return found


def constant(design: Design, family: Family, mean: float) -> Floats | None:
    """Coefficients that fit this mean everywhere; None without an intercept."""
    level = float(family.link(mean))
    if not design.intercept or not math.isfinite(level):
        return None
    values = np.zeros(design.n_coefficients)
    values[0] = level
    return values


def _check(request: GlmRequest, design: Design, found: GlmPassResult) -> None:
    model = request.model
    check_rows(model, design, found.counts, found.missing)
    check_finite(model, found.information)
    label = design.variables.variables[design.response].label
    if not request.events:
        _check_response(request, label, found)
    n_valid, n_events = int(found.counts[kernels.N_VALID]), int(found.counts[kernels.N_EVENTS])
    if request.events:
        check_offset(request, design, np.array([found.deviance]))
    if request.events and n_events in (0, n_valid):
        variable = design.variables.variables[design.response]
        value = variable.levels[int(n_events > 0)] if variable.levels else str(int(n_events > 0))
        raise DesignError(
            f"{model.caller}: response {label!r} has one value only ({value}) in {n_valid:,} rows; "
            "a logistic model needs both"
        )
    n_other = int(found.counts[kernels.N_OTHER_RESPONSE])
    if n_other:
        warnings.warn(
            f"{model.caller}: response {label!r} is neither 0 nor 1 in {n_other:,} rows; "
            "every value but 0 counts as an event",
            DataWarning,
            stacklevel=2,
        )


def check_offset(request: GlmRequest, design: Design, values: Floats) -> None:
    """Refuse sums that an infinite offset spoils: the logarithm of an exposure of zero."""
    if design.offset >= 0 and not np.isfinite(values).all():
        label = design.variables.variables[design.offset].label
        raise DesignError(
            f"{request.model.caller}: offset {label!r} holds infinite values, such as the logarithm of 0; exclude "
            "those rows with row_selection"
        )


def _check_response(request: GlmRequest, label: str, found: GlmPassResult) -> None:
    """Refuse responses that the family cannot have, and those that leave nothing to estimate."""
    model, family = request.model, request.family
    n_bad = int(found.counts[kernels.N_BAD_RESPONSE])
    if n_bad:
        strict = family.variance_power is not None and family.variance_power >= 2.0
        allowed = "from 0 to 1" if family.is_binomial else "above 0" if strict else "0 or more"
        hint = "; rows of exactly 0 fit a Tweedie family of power between 1 and 2" if strict else ""
        raise DesignError(
            f"{model.caller}: response {label!r} is not possible for family {family.label} in {n_bad:,} rows; it must "
            f"be {allowed}{hint}"
        )
    total = float(found.totals[sums.RESPONSE])
    if not math.isfinite(total):
        raise DesignError(
            f"{model.caller}: response {label!r} holds infinite values, or values so large that their sum overflows"
        )
    constant = 0 if total == 0.0 else 1 if family.is_binomial and total == found.sum_of_weights else None
    if constant is not None and family.variance_power != 0.0:
        raise DesignError(
            f"{model.caller}: response {label!r} has one value only ({constant}) in "
            f"{int(found.counts[kernels.N_VALID]):,} rows; family {family.label} has no finite estimate there"
        )
