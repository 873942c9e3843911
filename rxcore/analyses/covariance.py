"""Standard errors that do not take the variance for constant: heteroskedasticity-consistent and clustered covariances,
from one pass at the fitted coefficients.

With B the inverse information (the bread), x a row's columns, u its weighted score residual, h its leverage, n rows and
k coefficients, the covariance is B M B, where M is

- HC0: the sum of u**2 x x'; HC1: n / (n - k) times that;
- HC2, HC3: with u**2 / (1 - h) and u**2 / (1 - h)**2 in its place (MacKinnon and White 1985);
- clustered: (n - 1) / (n - k) times the sum over clusters of s s', s the sum of the u x of a cluster, times
  g / (g - 1) for g clusters (Liang and Zeger 1986; CR1). Of two columns: one's, plus the other's, less that of their
  combinations, each with its own g (Cameron, Gelbach and Miller 2011).

These are the definitions of R's ``sandwich``: ``vcovHC`` and ``vcovCL(type = "HC1")``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rxcore.analyses.covariance_choice import CLASSICAL, CLUSTERED, LEVERAGE_POWERS
from rxcore.design import Design
from rxcore.errors import DataWarning, DesignError
from rxcore.options import RxOptions
from rxcore.runner import Runner
from rxcore.updaters.cluster_keys import n_parts
from rxcore.updaters.cluster_scores import ClusterScores
from rxcore.updaters.glm import GlmPass
from rxcore.updaters.meat import Meat
from rxcore.variables import Floats
from xdf.schema import Field

if TYPE_CHECKING:
    from rxcore.analyses.modelling import ModelRequest

# More clusters or rows than any data have: nothing is known.
_UNKNOWN = 2**40

# Correlations of coefficients whose eigenvalues span more than this are rounding where they are smallest.
_SINGULAR = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """What a covariance needs to know of a fit.

    Attributes
    ----------
    model : GlmPass
        The pass at the fitted coefficients.
    kept : array of bool (p,)
    bread : array (rank, rank)
        Inverse information of the kept coefficients, not scaled by any dispersion.
    n : float
        Rows, or the sum of frequency weights.
    """

    model: GlmPass
    kept: npt.NDArray[np.bool_]
    bread: Floats
    n: float

    @property
    def rank(self) -> int:
        return len(self.bread)

    def in_basis(self, rows: Floats) -> Floats:
        """Combinations of kept coefficients, a row for each, as combinations of basis columns."""
        design = self.model.design
        first, second, factor = design.first[self.kept], design.second[self.kept], design.factor[self.kept]
        placed = np.zeros((design.layout.n_basis, rows.shape[1]))
        np.add.at(placed, first, rows)
        moved = second >= 0
        np.add.at(placed, second[moved], rows[moved] * factor[moved, None])
        return placed


@dataclass(frozen=True, slots=True, eq=False)
class RobustCovariance:
    """A covariance of the kept coefficients, how it is called, and how many clusters each column has."""

    matrix: Floats
    kind: str
    clusters: tuple[str, ...] = ()
    n_clusters: tuple[int, ...] = ()


def robust_covariance(runner: Runner, request: ModelRequest, fitted: FittedModel) -> RobustCovariance | None:
    """The covariance that the request asks for; None when it is the classical one, which needs no pass.

    Raises
    ------
    DesignError
        When a leverage of 1 leaves HC2 or HC3 undefined, when there is one cluster only, or no residual degree of
        freedom.
    MemoryBudgetError
        When the scores of all clusters do not fit.
    """
    choice = request.vcov
    if choice.kind == CLASSICAL:
        return None
    if fitted.n <= fitted.rank:
        raise DesignError(
            f"{request.caller}: vcov={choice.kind!r} needs more rows than coefficients; got {fitted.n:g} rows and "
            f"{fitted.rank} coefficients"
        )
    if choice.kind == CLUSTERED:
        meat, n_clusters = _clustered_meat(runner, request, fitted)
    else:
        meat, n_clusters = _row_meat(runner, request, fitted), ()
    half = fitted.in_basis(fitted.bread)
    matrix = half.T @ meat @ half
    matrix = (matrix + matrix.T) / 2.0
    negative = np.diag(matrix) < 0.0
    if negative.any():
        names = [name for name, keep in zip(fitted.model.design.names, fitted.kept, strict=True) if keep]
        shown = ", ".join(repr(name) for name, bad in zip(names, negative, strict=True) if bad)
        warnings.warn(
            f"{request.caller}: clustered in two ways the variance comes out negative for {shown}, and their standard "
            "errors are missing; there are too few clusters. Cluster by one column",
            DataWarning,
            stacklevel=5,
        )
    return RobustCovariance(matrix, choice.kind, choice.clusters, n_clusters)


def _row_meat(runner: Runner, request: ModelRequest, fitted: FittedModel) -> Floats:
    kind = request.vcov.kind
    power = LEVERAGE_POWERS[kind]
    bread = fitted.in_basis(fitted.in_basis(fitted.bread).T) if power else np.zeros((0, 0))
    repeated = request.fweights is not None
    found = runner.run(Meat(fitted.model, bread, power, repeated), "covariance pass")
    if found.n_determined:
        raise DesignError(
            f"{request.caller}: vcov={kind!r} is not defined: {found.n_determined:,} rows have leverage 1: each alone "
            "determines a coefficient, as the only row of a level does. Use 'HC1', or leave such rows out"
        )
    return found.matrix * (fitted.n / (fitted.n - fitted.rank)) if kind == "HC1" else found.matrix


def _clustered_meat(runner: Runner, request: ModelRequest, fitted: FittedModel) -> tuple[Floats, tuple[int, ...]]:
    clusters = request.vcov.clusters
    found = runner.run(_cluster_updater(runner, request, fitted), "covariance pass")
    total = np.zeros_like(found[0].matrix)
    for part, sign in zip(found, (1.0, 1.0, -1.0), strict=False):
        if part.n_clusters < 2:
            raise DesignError(
                f"{request.caller}: cluster column {clusters[found.index(part)]!r} has one value only; clustered "
                "standard errors need two clusters or more"
            )
        total += sign * part.n_clusters / (part.n_clusters - 1.0) * part.matrix
    total *= (fitted.n - 1.0) / (fitted.n - fitted.rank)
    return total, tuple(part.n_clusters for part in found[: len(clusters)])


def _cluster_updater(runner: Runner, request: ModelRequest, fitted: FittedModel) -> ClusterScores:
    """The updater, told how large a state the memory budget allows."""
    columns = [runner.source.schema.field(name) for name in request.vcov.clusters]
    n_rows = runner.source.n_rows

    def updater(most_nbytes: int) -> ClusterScores:
        return ClusterScores(
            fitted.model,
            request.vcov.clusters,
            tuple(n_parts(column.is_factor or column.is_string) for column in columns),
            _most_clusters(columns),
            _UNKNOWN if n_rows is None else n_rows,
            most_nbytes,
            request.caller,
        )

    plan = runner.plan(updater(0), "covariance pass")
    room = int(RxOptions.get_option("memoryBudget")) - plan.projected_nbytes
    return updater(max(room, 0) // plan.n_states)


def _most_clusters(columns: Sequence[Field]) -> int:
    """How many combinations there can be, where levels or types tell."""
    most = 1
    for column in columns:
        most *= _UNKNOWN if column.levels is None else max(len(column.levels), 1)
    return min(most, _UNKNOWN)


def described(robust: RobustCovariance | None) -> dict[str, Any]:
    """What a result says of its covariance."""
    if robust is None:
        return {}
    return {"vcov_type": robust.kind, "clusters": robust.clusters, "n_clusters": robust.n_clusters}


def wald_f(request: ModelRequest, design: Design, coefficients: Floats, robust: RobustCovariance) -> np.float64:
    """F of the hypothesis that all coefficients but the intercept are zero (of a cube: that its cells are equal and the
    others zero). NaN where there is none to test, or the covariance is not positive definite: g clusters of one column
    tell about g - 1 combinations of coefficients only.
    """
    contrasts = _contrasts(request, design, ~np.isnan(coefficients))
    if not len(contrasts):
        return np.float64(np.nan)
    distance = contrasts @ coefficients[~np.isnan(coefficients)]
    matrix = contrasts @ robust.matrix @ contrasts.T
    variances = np.diag(matrix)
    enough = len(robust.n_clusters) != 1 or robust.n_clusters[0] > len(contrasts)
    if enough and np.all(variances > 0.0):
        size = np.sqrt(variances)
        values, vectors = np.linalg.eigh(matrix / np.outer(size, size))
        if values[0] > _SINGULAR * values[-1]:
            return np.float64(np.sum((vectors.T @ (distance / size)) ** 2 / values) / len(values))
    of = f" of {' and '.join(f'{count:,}' for count in robust.n_clusters)} clusters" if robust.n_clusters else ""
    warnings.warn(
        f"{request.caller}: there is no F test: the covariance{of} is not positive definite for "
        f"{len(contrasts)} coefficients",
        DataWarning,
        stacklevel=5,
    )
    return np.float64(np.nan)


def _contrasts(request: ModelRequest, design: Design, kept: npt.NDArray[np.bool_]) -> Floats:
    contrasts = np.eye(int(kept.sum()))
    if request.cube:
        cells = np.flatnonzero(design.term_of[kept] == 0)
        contrasts[cells, cells[-1]] = -1.0
        return np.delete(contrasts, cells[-1], axis=0)
    return contrasts[1:] if design.intercept else contrasts
