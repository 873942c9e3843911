"""rx_lin_mod: linear regression."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rxcore.analyses.linear import fit_linear
from rxcore.analyses.modelling import ModelRequest
from rxcore.arguments import column_name, refuse_unbuilt, take_spellings
from rxcore.compute_context import RxComputeContext
from rxcore.options import RxOptions
from rxcore.results.linear import LinearResults
from rxcore.runner import DataRequest


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
    drop_main: bool = True,
    cov_coef: bool = False,
    cov_data: bool = False,
    blocks_per_read: int | None = 1,
    report_progress: int | None = None,
    verbose: int = 0,
    compute_context: RxComputeContext | str | None = None,
    coef_label_style: str | None = None,
    **kwargs: Any,
) -> LinearResults:
    """Fit a linear model on data of any size.

    Use it for a regression table of a numeric response: coefficients, standard errors, t and p values, R-squared, F.
    For a response of yes and no use :func:`rx_logit`.

    Parameters
    ----------
    formula : str
        ``"y ~ a + b:c + log(d)"``. Factors and text columns become categories; ``:`` and ``*`` interact, ``-1`` removes
        the intercept, ``F(x, low, high)`` makes a category of each integer, ``offset(x)`` is taken from the response
        and added again by predictions. Terms stay in the order typed.
    data : source, path, data frame or Arrow object
        ``RxXdfData`` and the other sources, a path, a pandas or polars frame, anything with ``__arrow_c_stream__``.
    pweights, fweights : str, optional
        Column of probability weights (zero or more) or of frequency weights (whole numbers: the row counts that often).
        Rows whose weight is missing or zero are left out. One of the two at most.
    cube : bool, default False
        With a factor (or an interaction of factors) as first term: no intercept, and a coefficient for every cell of
        it.
    row_selection : str, optional
        Expression; only rows where it is true are used.
    transforms : dict, optional
        New or changed columns, as expressions or functions.
    transform_objects, transform_function, transform_variables, transform_packages
        revoscalepy's transform function and what it is given.
    drop_first : bool, default False
        The reference of each factor is its last level; True takes the first.
    cov_coef : bool, default False
        Keep the covariance of the coefficients; :func:`rx_predict` needs it for standard errors.
    report_progress : int, optional
        0 silent to 3 all timings; default ``RxOptions reportProgress``.
    compute_context : optional
        Overrides the current one for this call.
    coef_label_style : str, optional
        ``"Revo"`` (``X=level``) or ``"R"`` (``Xlevel``); default ``RxOptions coefLabelStyle``.
    cube_predictions, cov_data, drop_main
        Not available in this version; another value than the default is refused.
    blocks_per_read, verbose
        Accepted for compatibility; they change nothing.

    Returns
    -------
    LinearResults
        Print it for the coefficients, ``.summary()`` for the table.

    Raises
    ------
    ColumnNotFoundError, FormulaError, DesignError
        When the formula does not fit the data, or no row is left.
    MemoryBudgetError
        When the plan cannot keep within ``RxOptions memoryBudget``; nothing was read then.

    Notes
    -----
    Passes: one; one more for text columns without known levels, and up to two where a variance inflation exceeds 1e6 or
    the numbers lie far from the first block's mean. Memory: the blocks in flight, and 8 bytes for each product of
    columns; factors are never expanded. Missing values: a row with any missing variable is left out. Weights: with
    fweights the number of observations is their sum, with pweights the number of rows. Matches R 4.x ``lm`` with
    ``contr.treatment`` based at the last level, to 1e-9 or better. A column that those before it explain is dropped,
    reported in ``aliased`` and printed as ``Dropped``. The same bits on any number of threads.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> rx_lin_mod("y ~ x", frame, report_progress=0).coefficients.round(6).to_dict()
    {'(Intercept)': -0.5, 'x': 1.4}
    """
    take_spellings("rx_lin_mod", kwargs, {}, rx_lin_mod)
    refuse_unbuilt(
        "rx_lin_mod",
        cube_predictions=(cube_predictions, False),
        cov_data=(cov_data, False),
        drop_main=(drop_main, True),
    )
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
        label_style=RxOptions.get_option("coefLabelStyle") if coef_label_style is None else coef_label_style,
        compute_context=compute_context,
        report_progress=report_progress,
        params={"pweights": pweights, "fweights": fweights, "cube": cube, "drop_first": drop_first},
    )
    return fit_linear(request)
