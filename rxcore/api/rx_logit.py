"""rx_logit: logistic regression."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rxcore.analyses.covariance_choice import covariance_choice
from rxcore.analyses.logistic import LogisticRequest, fit_logistic
from rxcore.analyses.modelling import ModelRequest
from rxcore.arguments import column_name, refuse_unbuilt, take_spellings
from rxcore.compute_context import RxComputeContext
from rxcore.errors import OptionError
from rxcore.options import RxOptions
from rxcore.results.logistic import LogisticResults
from rxcore.runner import DataRequest
from rxcore.solvers.irls import Tolerances
from rxcore.step_control import RxStepControl, as_step_control


def rx_logit(
    formula: str,
    data: Any,
    pweights: str | None = None,
    fweights: str | None = None,
    cube: bool = False,
    cube_predictions: bool = False,
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
    cov_data: bool = False,
    initial_values: Any = None,
    coef_label_style: str | None = None,
    blocks_per_read: int | None = None,
    max_iterations: int | None = None,
    coefficent_tolerance: float = 1e-06,
    gradient_tolerance: float = 1e-06,
    objective_function_tolerance: float = 1e-08,
    report_progress: int | None = None,
    verbose: int = 0,
    compute_context: RxComputeContext | str | None = None,
    vcov: Any = None,
    offset: str | None = None,
    **kwargs: Any,
) -> LogisticResults:
    """Fit a logistic model on data of any size.

    Use it for the odds of a response of yes and no: coefficients, standard errors, z and p values, deviance.

    Parameters
    ----------
    formula : str
        As for :func:`rx_lin_mod`. The response is boolean, a number 0 or 1, or a factor (or text) of two levels of
        which the second is the event. Another number than 0 counts as 1, with a warning.
    data : source, path, data frame or Arrow object
    pweights, fweights : str, optional
        Column of probability or frequency weights; see :func:`rx_lin_mod`.
    row_selection, transforms, transform_objects, transform_function, transform_variables, transform_packages
        See :func:`rx_lin_mod`.
    drop_first : bool, default False
        The reference of each factor is its last level; True takes the first.
    cov_coef : bool, default False
        Keep the covariance of the coefficients; :func:`rx_predict` needs it for standard errors.
    initial_values : None, number or array
        Where to start. None: from the fit of the first block, else from zero; NaN: from zero; a number: every
        coefficient; an array: one for each coefficient, dropped ones included.
    max_iterations : int, optional
        At most this many passes; None is 25.
    coefficent_tolerance : float, default 1e-6
        Stop when the largest change of a coefficient is at most this share of the largest coefficient. The spelling is
        revoscalepy's; ``coefficient_tolerance`` is accepted too.
    objective_function_tolerance : float, default 1e-8
        Stop when the deviance changes by at most this share.
    coef_label_style : str, optional
        ``"Revo"`` (``X=level``) or ``"R"`` (``Xlevel``); default ``RxOptions coefLabelStyle``.
    report_progress : int, optional
        0 silent to 3 all timings; default ``RxOptions reportProgress``.
    compute_context : optional
        Overrides the current one for this call.
    vcov : str or dict, default "classical"
        ``"HC0"`` to ``"HC3"``, ``{"cluster": "store"}`` or ``{"cluster": ["firm", "year"]}``; see :func:`rx_lin_mod`.
    offset : str, optional
        A column or expression added to the log odds without a coefficient; also as ``offset(...)`` in the formula.
    cube : bool, default False
        With a factor (or an interaction of factors) as first term: no intercept, and a coefficient for every cell of
        it; ``count_frame`` has the cells and their counts, and without other terms their chances.
    cube_predictions : bool, default False
        With a cube: ``count_frame`` shows the chance in each cell where every other column has its (weighted) mean.
    cov_data : bool, default False
        Keep the covariance of the kept columns behind the intercept (:func:`rx_cov_data`), for one more pass. As in
        RevoScaleR there is none for a cube or without an intercept.
    drop_main : bool, optional
        See :func:`rx_lin_mod`.
    variable_selection : RxStepControl or dict, optional
        Select terms; see :class:`RxStepControl`. Every change in question is fitted, unless ``refit_each_step=False``.
    verbose : int, default 0
        1 prints the search of a `variable_selection`.
    blocks_per_read
        Accepted for compatibility; it changes nothing.
    gradient_tolerance
        Obsolete in the original too; ignored.
    transform_environment
        Not available in this version; another value than None is refused.

    Returns
    -------
    LogisticResults
        Print it for the coefficients, ``.summary()`` for the table.

    Raises
    ------
    ColumnNotFoundError, FormulaError, DesignError
        When the formula does not fit the data, no row is left, or the response has one value only; for ``vcov`` see
        :func:`rx_lin_mod`.
    MemoryBudgetError
        When the plan cannot keep within ``RxOptions memoryBudget``.

    Warns
    -----
    ConvergenceWarning
        When the predictors separate the response (naming the coefficients without a finite maximum), or the tolerances
        were not met.

    Notes
    -----
    Newton's method (iteratively reweighted least squares), started from the fit of the first block, so that two to four
    passes over all the data are usual; with an offset and an intercept the null deviance costs two to four more. The
    coefficients reported are one free step beyond the last pass; the standard errors and the deviance are those of the
    last pass, as in R's ``glm`` (with the default tolerances the errors are good to about 1e-7; ask for
    ``coefficent_tolerance=1e-10, objective_function_tolerance=0`` to have 1e-9). Memory, missing values and dropped
    columns as for :func:`rx_lin_mod`. Matches R 4.x ``glm(family = binomial)`` to 1e-9 or better at equal tolerances.
    The same bits on any number of threads. ``vcov`` other than classical takes one more pass and equals R's
    ``sandwich::vcovHC(fit, type)`` and ``sandwich::vcovCL(fit, cluster, type = "HC1")``. Other links, and shares of
    trials: :func:`rx_glm`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": [0, 1, 0, 1, 1, 0], "x": [1.0, 2.0, 3.0, 4.0, 5.0, 2.5]})
    >>> rx_logit("y ~ x", frame, report_progress=0).converged
    True
    """
    spelled = take_spellings("rx_logit", kwargs, {"coefficient_tolerance": "coefficent_tolerance"}, rx_logit)
    coefficient_tolerance = float(spelled.get("coefficent_tolerance", coefficent_tolerance))
    refuse_unbuilt("rx_logit", transform_environment=(transform_environment, None))
    most = 25 if max_iterations is None else int(max_iterations)
    if most < 1:
        raise OptionError(f"rx_logit: max_iterations is {max_iterations!r}; it must be 1 or more")
    model = ModelRequest(
        caller="rx_logit",
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
        pweights=column_name("rx_logit", "pweights", pweights),
        fweights=column_name("rx_logit", "fweights", fweights),
        offset=column_name("rx_logit", "offset", offset),
        cube=cube,
        cube_predictions=cube_predictions,
        drop_first=drop_first,
        drop_main=bool(RxOptions.get_option("dropMain")) if drop_main is None else drop_main,
        cov_coef=cov_coef,
        cov_data=cov_data,
        selection=as_step_control("rx_logit", variable_selection),
        label_style=RxOptions.get_option("coefLabelStyle") if coef_label_style is None else coef_label_style,
        vcov=covariance_choice("rx_logit", vcov),
        compute_context=compute_context,
        report_progress=report_progress,
        params={"pweights": pweights, "fweights": fweights, "drop_first": drop_first, "max_iterations": most},
    )
    tolerances = Tolerances(coefficient_tolerance, float(objective_function_tolerance), most)
    fitted = fit_logistic(LogisticRequest(model, tolerances, initial_values))
    if verbose and fitted.steps is not None:
        sys.stdout.write(fitted.steps.trace() + "\n")
    return fitted
