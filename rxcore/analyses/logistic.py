"""Logistic regression: the generalized linear model of events, with a kernel and a printed layout of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from rxcore.analyses.covariance import described
from rxcore.analyses.glm import fit_request, shared_fields, warn_glm
from rxcore.analyses.glm_passes import GlmRequest
from rxcore.analyses.modelling import ModelRequest
from rxcore.families import binomial
from rxcore.results.logistic import LogisticResults
from rxcore.solvers.irls import Tolerances


@dataclass(frozen=True, slots=True)
class LogisticRequest:
    """A model request with what only iterations need."""

    model: ModelRequest
    tolerances: Tolerances
    initial_values: Any = None


def fit_logistic(request: LogisticRequest) -> LogisticResults:
    """Fit a logistic model by maximum likelihood."""
    as_glm = GlmRequest(request.model, binomial(), request.tolerances, request.initial_values, events=True)
    fitted = fit_request(as_glm)
    solution, robust = fitted.ended.solution, fitted.besides.robust
    covariance = solution.inverse if robust is None else robust.matrix
    errors = np.full(len(fitted.ended.coefficients), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors[solution.kept] = np.sqrt(np.diag(covariance))
        statistics = fitted.ended.coefficients / errors
    warn_glm(as_glm, fitted)
    shared = shared_fields(as_glm, fitted)
    return LogisticResults(
        **shared,
        std_errors=errors,
        z_values=statistics,
        p_values=2.0 * special.ndtr(-np.abs(statistics)),
        aic=shared["deviance"] + 2.0 * solution.rank,
        cov_coef=covariance if request.model.cov_coef else None,
        **described(robust),
    )
