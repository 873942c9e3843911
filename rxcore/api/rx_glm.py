"""rx_glm: generalized linear models."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rxcore.analyses.glm import fit_glm
from rxcore.analyses.glm_passes import GlmRequest
from rxcore.analyses.modelling import ModelRequest
from rxcore.arguments import column_name, refuse_unbuilt, take_spellings
from rxcore.compute_context import RxComputeContext
from rxcore.errors import OptionError
from rxcore.families import Family
from rxcore.family_text import as_family
from rxcore.options import RxOptions
from rxcore.results.glm import GlmResults
from rxcore.runner import DataRequest
from rxcore.solvers.irls import Tolerances
from rxcore.step_control import RxStepControl, as_step_control


def rx_glm(
    formula: str,
    data: Any,
    family: Family | str | Callable[..., Family] = "gaussian",
    pweights: str | None = None,
    fweights: str | None = None,
    offset: str | None = None,
    cube: bool = False,
    variable_selection: RxStepControl | Mapping[str, Any] | None = None,
    row_selection: Any = None,
    transforms: Mapping[str, Any] | None = None,
    transform_objects: Mapping[str, Any] | None = None,
    transform_function: Callable[..., Any] | None = None,
    transform_variables: Sequence[str] | None = None,
    transform_packages: Sequence[str] | None = None,
    transform_environment: Any = None,
    drop_first: bool = False,
    drop_main: bool | None = None,
    cov_coef: bool = False,
    compute_aic: bool = False,
    initial_values: Any = None,
    coef_label_style: str | None = None,
    blocks_per_read: int | None = None,
    max_iterations: int = 25,
    coefficient_tolerance: float = 1e-06,
    objective_function_tolerance: float = 1e-08,
    report_progress: int | None = None,
    verbose: int = 0,
    compute_context: RxComputeContext | str | None = None,
    dispersion: float | None = None,
    **kwargs: Any,
) -> GlmResults:
    """Fit a generalized linear model on data of any size.

    Use it for counts, rates, positive amounts, shares of trials and claims with many zeros. For a response of yes and
    no :func:`rx_logit` is the same model with a table of z values.

    Parameters
    ----------
    formula : str
        As for :func:`rx_lin_mod`; ``offset(log(exposure))`` adds a term without a coefficient. The response of a
        binomial model is boolean, a factor of two levels (the second is the event), a share from 0 to 1 of the trials
        that the weights count, or ``cbind(successes, failures)``.
    data : source, path, data frame or Arrow object
    family : Family, str or callable, default "gaussian"
        A function of ``rxcore.families`` or what it gives (``poisson``, ``Gamma("log")``), a name (``"poisson"``), or
        R's notation as text: ``"binomial(link='probit')"``, ``"Tweedie(var.power=1.5, link.power=0)"``,
        ``"quasi(link=log, variance=mu^2)"``, ``"negative.binomial(theta=2)"``. ``"negative.binomial"`` alone estimates
        theta with the model.
    pweights, fweights : str, optional
        Column of prior weights (R's ``weights``: numbers of trials, or what the variance is divided by), or of
        frequency weights (the row counts that often). Rows whose weight is missing or zero are left out.
    offset : str, optional
        A column, or an expression such as ``"log(exposure)"``, added to the linear predictor without a coefficient;
        also as ``offset(...)`` in the formula. Several add up.
    row_selection, transforms, transform_objects, transform_function, transform_variables, transform_packages
        See :func:`rx_lin_mod`.
    drop_first : bool, default False
        The reference of each factor is its last level; True takes the first.
    cov_coef : bool, default False
        Keep the covariance of the coefficients; :func:`rx_predict` needs it for standard errors.
    compute_aic : bool, default False
        Print AIC and null deviance in the summary. They are attributes of the result in any case.
    initial_values : None, number or array
        Where to start. None: from the fit of the first block, else as NaN; NaN: from means that the response gives, as
        R does; a number: every coefficient; an array: one for each coefficient, dropped ones included.
    coef_label_style : str, optional
        ``"Revo"`` (``X=level``) or ``"R"`` (``Xlevel``); default ``RxOptions coefLabelStyle``.
    max_iterations : int, default 25
        At most this many passes.
    coefficient_tolerance : float, default 1e-6
        Stop when the largest change of a coefficient is at most this share of the largest coefficient. Also accepted as
        ``coefficent_tolerance`` and ``coeff_tolerance``.
    objective_function_tolerance : float, default 1e-8
        Stop when the deviance changes by at most this share.
    report_progress : int, optional
        0 silent to 3 all timings; default ``RxOptions reportProgress``.
    compute_context : optional
        Overrides the current one for this call.
    dispersion : float, optional
        Known dispersion; default 1 for binomial, poisson and negative binomial, else Pearson's chi-square over the
        residual degrees of freedom.
    cube : bool, default False
        With a factor (or an interaction of factors) as first term: no intercept, and a coefficient for every cell of
        it; ``count_frame`` has the cells, their means and counts.
    variable_selection : RxStepControl or dict, optional
        Select terms; see :class:`RxStepControl`. Every change in question is fitted, unless ``refit_each_step=False``.
    drop_main : bool, optional
        See :func:`rx_lin_mod`.
    verbose : int, default 0
        1 prints the search of a `variable_selection`.
    blocks_per_read
        Accepted for compatibility; it changes nothing.
    transform_environment
        Not available in this version; another value than None is refused.

    Returns
    -------
    GlmResults
        Print it for the coefficients, ``.summary()`` for the table.

    Raises
    ------
    OptionError
        For an unknown family, or a link that the family does not take.
    ColumnNotFoundError, FormulaError, DesignError
        When the formula does not fit the data, no row is left, the response is not possible for the family, or no
        coefficients give possible fitted values.
    MemoryBudgetError
        When the plan cannot keep within ``RxOptions memoryBudget``.

    Warns
    -----
    ConvergenceWarning
        When the predictors separate the response (naming the coefficients without a finite maximum), the tolerances
        were not met, or the iterations stopped at the edge of what the link allows.

    Notes
    -----
    Fisher scoring (iteratively reweighted least squares), started from the fit of the first block, so that two to four
    passes over all the data are usual; with an offset and an intercept the null deviance costs two to four more. A
    step that raises the deviance, or leads to impossible fitted values, is halved. Standard errors, dispersion and
    deviance are those of the last pass, as in R's ``glm``; p values are of the t distribution, as RevoScaleR prints
    them. Memory, missing values and dropped columns as for :func:`rx_lin_mod`. Matches R 4.x ``glm``, ``MASS::glm.nb``
    and RevoScaleR's ``rxGlm``; with ``coefficient_tolerance=1e-10, objective_function_tolerance=0`` to 1e-8 or better.
    The same bits on any number of threads. McCullagh and Nelder, *Generalized Linear Models*, 2nd edition (1989).

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": [1, 3, 2, 7, 9, 12], "x": [1.0, 2.0, 2.5, 4.0, 5.0, 5.5]})
    >>> model = rx_glm("y ~ x", frame, family="poisson", report_progress=0)
    >>> model.coefficients.round(4).to_dict()
    {'(Intercept)': -0.1734, 'x': 0.4858}
    """
    spellings = dict.fromkeys(("coefficent_tolerance", "coeff_tolerance"), "coefficient_tolerance")
    spelled = take_spellings("rx_glm", kwargs, spellings, rx_glm)
    refuse_unbuilt("rx_glm", transform_environment=(transform_environment, None))
    if int(max_iterations) < 1:
        raise OptionError(f"rx_glm: max_iterations is {max_iterations!r}; it must be 1 or more")
    if dispersion is not None and not (math.isfinite(dispersion) and dispersion > 0.0):
        raise OptionError(f"rx_glm: dispersion is {dispersion!r}; it must be a number above 0, or None")
    chosen = as_family(family, "rx_glm")
    model = ModelRequest(
        caller="rx_glm",
        formula=formula,
        data=DataRequest(
            data,
            row_selection,
            transforms,
            transform_objects,
            transform_function,
            transform_variables,
            transform_packages,
        ),
        pweights=column_name("rx_glm", "pweights", pweights),
        fweights=column_name("rx_glm", "fweights", fweights),
        offset=column_name("rx_glm", "offset", offset),
        cube=cube,
        drop_first=drop_first,
        drop_main=bool(RxOptions.get_option("dropMain")) if drop_main is None else drop_main,
        cov_coef=cov_coef,
        selection=as_step_control("rx_glm", variable_selection),
        label_style=RxOptions.get_option("coefLabelStyle") if coef_label_style is None else coef_label_style,
        compute_context=compute_context,
        report_progress=report_progress,
        params={
            "family": chosen.text, "pweights": pweights, "fweights": fweights, "offset": offset,
            "drop_first": drop_first, "max_iterations": int(max_iterations),
        },
    )  # fmt: skip
    tolerance = float(spelled.get("coefficient_tolerance", coefficient_tolerance))
    tolerances = Tolerances(tolerance, float(objective_function_tolerance), int(max_iterations))
    fitted = fit_glm(GlmRequest(model, chosen, tolerances, initial_values, False, dispersion, compute_aic))
    if verbose and fitted.steps is not None:
        sys.stdout.write(fitted.steps.trace() + "\n")
    return fitted
