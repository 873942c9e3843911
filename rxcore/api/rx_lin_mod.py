"""rx_lin_mod: linear regression."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rxcore.analyses.covariance_choice import covariance_choice
from rxcore.analyses.linear import fit_linear
from rxcore.analyses.modelling import ModelRequest
from rxcore.arguments import column_name, take_spellings
from rxcore.compute_context import RxComputeContext
from rxcore.options import RxOptions
from rxcore.results.linear import LinearResults
from rxcore.results.linear_multiple import MultipleLinearResults
from rxcore.runner import DataRequest
from rxcore.step_control import RxStepControl, as_step_control


def rx_lin_mod(
    formula: str,
    data: Any,
    pweights: str | None = None,
    fweights: str | None = None,
    cube: bool = False,
    cube_predictions: bool = False,
    row_selection: Any = None,
    transforms: Mapping[str, Any] | None = None,
    transform_objects: Mapping[str, Any] | None = None,
    transform_function: Callable[..., Any] | None = None,
    transform_variables: Sequence[str] | None = None,
    transform_packages: Sequence[str] | None = None,
    drop_first: bool = False,
    drop_main: bool | None = None,
    cov_coef: bool = False,
    cov_data: bool = False,
    blocks_per_read: int | None = 1,
    report_progress: int | None = None,
    verbose: int = 0,
    compute_context: RxComputeContext | str | None = None,
    coef_label_style: str | None = None,
    variable_selection: RxStepControl | Mapping[str, Any] | None = None,
    vcov: Any = None,
    **kwargs: Any,
) -> LinearResults | MultipleLinearResults:
    """Fit a linear model on data of any size.

    Use it for a regression table of a numeric response: coefficients, standard errors, t and p values, R-squared, F.
    For a response of yes and no use :func:`rx_logit`.

    Parameters
    ----------
    formula : str
        ``"y ~ a + b:c + log(d)"``. Factors and text columns become categories; ``:`` and ``*`` interact, ``-1`` removes
        the intercept, ``F(x, low, high)`` makes a category of each integer, ``offset(x)`` is taken from the response
        and added again by predictions. Terms stay in the order typed. ``cbind(y1, y2) ~ a`` fits several responses from
        one pass, on the rows where none of them is missing.
    data : source, path, data frame or Arrow object
        ``RxXdfData`` and the other sources, a path, a pandas or polars frame, anything with ``__arrow_c_stream__``.
    pweights, fweights : str, optional
        Column of probability weights (zero or more) or of frequency weights (whole numbers: the row counts that often).
        Rows whose weight is missing or zero are left out. One of the two at most.
    cube : bool, default False
        With a factor (or an interaction of factors) as first term: no intercept, and a coefficient for every cell of
        it.
    cube_predictions : bool, default False
        With a cube: ``count_frame`` shows the prediction for each cell, every other column at its (weighted) mean. A
        cube without other terms shows it anyway: it is the coefficient.
    row_selection : str, optional
        Expression; only rows where it is true are used.
    transforms : dict, optional
        New or changed columns, as expressions or functions.
    transform_objects, transform_function, transform_variables, transform_packages
        revoscalepy's transform function and what it is given.
    drop_first : bool, default False
        The reference of each factor is its last level; True takes the first.
    drop_main : bool, optional
        True keeps columns in the order typed, so that a main effect typed after an interaction that explains it is
        dropped; False keeps main effects before interactions, as ``lm`` does. No matter for a cube. Default:
        ``RxOptions dropMain`` (True). Either way ``a*b`` keeps its main effects, as in RevoScaleR's published results.
    cov_coef : bool, default False
        Keep the covariance of the coefficients; :func:`rx_predict` needs it for standard errors.
    cov_data : bool, default False
        Keep the covariance of the kept columns behind the intercept (:func:`rx_cov_data`). As in RevoScaleR there is
        none for a cube or without an intercept.
    report_progress : int, optional
        0 silent to 3 all timings; default ``RxOptions reportProgress``.
    compute_context : optional
        Overrides the current one for this call.
    coef_label_style : str, optional
        ``"Revo"`` (``X=level``) or ``"R"`` (``Xlevel``); default ``RxOptions coefLabelStyle``.
    variable_selection : RxStepControl or dict, optional
        Select terms, from the cross-products of one pass over everything in scope; see :class:`RxStepControl`.
    vcov : str or dict, default "classical"
        Standard errors, tests and ``cov_coef`` for another variance than a constant one, by one more pass:
        ``"HC0"``, ``"HC1"``, ``"HC2"`` or ``"HC3"`` for a variance that differs from row to row, ``{"cluster":
        "store"}`` for rows that are related within the values of a column, ``{"cluster": ["firm", "year"]}`` for two
        columns at once. A cluster column is a factor, text, number or date with any number of values; a row where it is
        missing is left out of the fit.
    verbose : int, default 0
        1 prints the search of a `variable_selection`: every step and the changes in question there.
    blocks_per_read
        Accepted for compatibility; it changes nothing.

    Returns
    -------
    LinearResults
        Print it for the coefficients, ``.summary()`` for the table. For several responses a
        :class:`MultipleLinearResults` of them.

    Raises
    ------
    ColumnNotFoundError, FormulaError, DesignError
        When the formula does not fit the data, or no row is left; when HC2 or HC3 meet rows of leverage 1, where they
        are not defined, and when there is one cluster only.
    MemoryBudgetError
        When the plan cannot keep within ``RxOptions memoryBudget``; nothing was read then. The covariance pass is
        stopped when it finds more clusters than the budget holds.

    Warns
    -----
    DataWarning
        When a predictor was dropped, the response is constant, or the covariance of ``vcov`` is singular (more
        coefficients than clusters) or not positive (two ways, with few clusters).

    Notes
    -----
    Passes: one; one more for text columns without known levels, and up to two where a variance inflation exceeds 1e6 or
    the numbers lie far from the first block's mean. Small data, and numbers that others nearly explain, are summed once
    more in double-double (about ten times as slow a pass): the result is then that of exact arithmetic on the values
    given, and a column is dropped only where rounding of the values themselves could explain what is left of it (see
    ``docs/parity-nist.md``). Memory: the blocks in flight, and 8 bytes for each product of
    columns; factors are never expanded. Missing values: a row with any missing variable is left out. Weights: with
    fweights the number of observations is their sum, with pweights the number of rows. Matches R 4.x ``lm`` with
    ``contr.treatment`` based at the last level, to 1e-9 or better. A column that those before it explain is dropped,
    reported in ``aliased`` and printed as ``Dropped``. The same bits on any number of threads.

    ``vcov``: HC0 to HC3 equal R's ``sandwich::vcovHC``, clusters ``sandwich::vcovCL(type = "HC1")``, which multiplies
    by (n - 1) / (n - k) and by g / (g - 1) for g clusters (CR1); two columns are one's, plus the other's, less that of
    their combinations (Cameron, Gelbach and Miller 2011). t values have the residual degrees of freedom, as in
    ``lmtest::coeftest``, also with clusters (Stata takes g - 1), and F becomes the Wald test, as in
    ``lmtest::waldtest``. Frequency weights count a row as that many rows. Memory of clusters: 12 bytes for every number
    and every level that the rows of each have, and 16 to 40 for its name.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> rx_lin_mod("y ~ x", frame, report_progress=0).coefficients.round(6).to_dict()
    {'(Intercept)': -0.5, 'x': 1.4}
    >>> rx_lin_mod("y ~ x", frame, vcov="HC1", report_progress=0).coef_std_error.round(6).to_dict()
    {'(Intercept)': 0.264575, 'x': 0.084853}
    """
    take_spellings("rx_lin_mod", kwargs, {}, rx_lin_mod)
    request = ModelRequest(
        caller="rx_lin_mod",
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
        pweights=column_name("rx_lin_mod", "pweights", pweights),
        fweights=column_name("rx_lin_mod", "fweights", fweights),
        cube=cube,
        drop_first=drop_first,
        cov_coef=cov_coef,
        cube_predictions=cube_predictions,
        drop_main=bool(RxOptions.get_option("dropMain")) if drop_main is None else drop_main,
        cov_data=cov_data,
        selection=as_step_control("rx_lin_mod", variable_selection),
        label_style=RxOptions.get_option("coefLabelStyle") if coef_label_style is None else coef_label_style,
        vcov=covariance_choice("rx_lin_mod", vcov),
        compute_context=compute_context,
        report_progress=report_progress,
        params={"pweights": pweights, "fweights": fweights, "cube": cube, "drop_first": drop_first},
    )
    model = fit_linear(request)
    if verbose and isinstance(model, LinearResults) and model.steps is not None:
        sys.stdout.write(model.steps.trace() + "\n")
    return model
