"""What a generalized linear model is asked for beside its fit: other covariances, the cells of a cube, its data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rxcore.analyses.covariance import FittedModel, RobustCovariance, robust_covariance
from rxcore.analyses.cross_products import (
    after_response,
    centred_products,
    collect,
    column_sums,
    degrees_of_freedom,
    squared_weights,
    with_numbers,
)
from rxcore.analyses.glm_passes import GlmRequest
from rxcore.analyses.modelling import cube_frame
from rxcore.design import Design
from rxcore.kernels import cross_product as kernels
from rxcore.kernels.glm import BINOMIAL_LOGIT
from rxcore.runner import Runner
from rxcore.solvers.irls import Fit
from rxcore.updaters.cross_product import CrossProduct, CrossProducts
from rxcore.updaters.glm import GlmPass
from rxcore.variables import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Besides:
    """Each is None where it was not asked for.

    Attributes
    ----------
    robust : RobustCovariance
    counts : array (p,)
        Sum of weights in each cell of a cube, NaN for other columns.
    count_frame : pandas.DataFrame
        The cells of a cube, with what they are predicted to be.
    cov_data : array
        Covariance of the kept columns behind the intercept.
    """

    robust: RobustCovariance | None = None
    counts: Floats | None = None
    count_frame: pd.DataFrame | None = None
    cov_data: Floats | None = None


def besides_of(request: GlmRequest, runner: Runner, design: Design, ended: Fit) -> Besides:
    """What the request asks for; a cube and the covariance of the data cost a pass of cross-products."""
    model = request.model
    robust = _robust(request, runner, design, ended)
    covariance = model.cov_data and design.intercept
    if not model.cube and not covariance:
        return Besides(robust)
    numbers = [v for v in (design.weight if model.pweights is not None else -1, design.offset) if v >= 0]
    updater, found = collect(runner, model, with_numbers(runner, design, numbers))
    cov_data, counts, frame = None, None, None
    if covariance:
        squares = squared_weights(updater, found) if model.pweights is not None else None
        kept = np.flatnonzero(ended.solution.kept[1:])
        products = centred_products(updater, found)[np.ix_(kept, kept)]
        cov_data = products / degrees_of_freedom(model, found, squares)
    if model.cube:
        counts = np.full(design.n_coefficients, np.nan)
        cells = design.term_of == 0
        counts[cells] = found.matrix[after_response(updater.design.first, updater.design)[: len(cells)][cells], 0]
        frame = _cells(request, design, ended, updater, found, counts)
    return Besides(robust, counts, frame, cov_data)


def _robust(request: GlmRequest, runner: Runner, design: Design, ended: Fit) -> RobustCovariance | None:
    """The covariance that the request asks for; only models of events know others than the classical one."""
    if not request.events:
        return None
    n_valid = float(ended.last.counts[kernels.N_VALID])
    n = ended.last.sum_of_weights if request.model.fweights is not None else n_valid
    final = GlmPass(design, BINOMIAL_LOGIT, design.to_basis(ended.coefficients))
    fitted = FittedModel(final, ended.solution.kept, ended.solution.inverse, n)
    return robust_covariance(runner, request.model, fitted)


def _cells(
    request: GlmRequest, design: Design, ended: Fit, updater: CrossProduct, found: CrossProducts, counts: Floats
) -> pd.DataFrame:
    """RevoScaleR's countDF: the factors of the cube, the response predicted for each cell, and its count.

    Beside other terms the prediction stands where every other column, and the offset, has its mean, if asked for.
    """
    cells = design.term_of == 0
    values: dict[str, Floats] = {}
    if cells.all() or request.model.cube_predictions:
        means = column_sums(updater, found) / found.matrix[0, 0]
        level = float(np.nansum((ended.coefficients * means[: len(cells)])[~cells]))
        if design.offset >= 0:
            level += float(means[-1])
        label = design.variables.variables[design.response].label
        values[label] = request.family.inverse_link(ended.coefficients + level)
    factors = [design.variables.variables[v] for v in design.terms[0].factors]
    return cube_frame(factors, {**values, "Counts": counts}, cells)
