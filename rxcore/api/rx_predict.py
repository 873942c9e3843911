"""rx_predict: score data with a fitted model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rxcore.analyses.predict import PredictRequest, models_of, predict
from rxcore.analyses.scoring import Wanted
from rxcore.api.data_sources import RxXdfData, output_target
from rxcore.arguments import name_list, take_spellings
from rxcore.compute_context import RxComputeContext
from rxcore.errors import OptionError, SourceError
from rxcore.runner import DataRequest
from xdf.foreign import first_bytes
from xdf.legacy.layout import is_legacy

# Cells of a data frame made from a file, as rx_data_step has it; beyond it the frame stops with a warning.
MAX_ROWS_BY_COLS = 3_000_000


def rx_predict(model_object: Any = None, data: Any = None, output_data: Any = None, **kwargs: Any) -> Any:
    """Score data with a fitted model: :func:`rx_predict_default` for linear and logistic models.

    Parameters
    ----------
    model_object : LinearResults or LogisticResults
    data : source, path, data frame or Arrow object
    output_data : RxXdfData or path, optional
    **kwargs
        Arguments of :func:`rx_predict_default`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> model = rx_lin_mod("y ~ x", frame, report_progress=0)
    >>> rx_predict(model, frame, report_progress=0)["y_Pred"].round(3).tolist()
    [0.9, 2.3, 3.7, 5.1]
    """
    return rx_predict_default(model_object, data, output_data, **kwargs)


def rx_predict_default(
    model_object: Any = None,
    data: Any = None,
    output_data: Any = None,
    compute_standard_errors: bool = False,
    interval: str = "none",
    confidence_level: float = 0.95,
    compute_residuals: bool = False,
    type: str | None = None,
    write_model_vars: bool = False,
    extra_vars_to_write: Sequence[str] | None = None,
    remove_missings: bool = False,
    append: str | None = None,
    overwrite: bool = False,
    check_factor_levels: bool = True,
    predict_var_names: Sequence[str] | str | None = None,
    residual_var_names: Sequence[str] | str | None = None,
    interval_var_names: Sequence[str] | None = None,
    std_errors_var_names: Sequence[str] | str | None = None,
    blocks_per_read: int | None = 0,
    report_progress: int | None = None,
    verbose: int = 0,
    xdf_compression_level: int = 0,
    compute_context: RxComputeContext | str | None = None,
    max_rows_by_cols: int | None = MAX_ROWS_BY_COLS,
    residual_type: str = "usual",
    unseen_levels: str | None = None,
    **kwargs: Any,
) -> Any:
    """Predictions, residuals, standard errors and intervals of a fitted model, block by block.

    Parameters
    ----------
    model_object : LinearResults or LogisticResults
        What :func:`rx_lin_mod`, :func:`rx_logit` or another fit returned, or :func:`rx_unserialize_model` read.
    data : source, path, data frame or Arrow object
        Must hold the model's predictors (and the columns of its offset); the response only when residuals are asked
        for.
    output_data : RxXdfData or path, optional
        A .xdf file for the result. None returns a data frame of the new columns (the original appends them to an .xdf
        input instead; here the input changes only when asked). The file that is read may be named with
        ``overwrite=True``: the new columns are then added to it, in one atomic replacement; columns of the same names
        are replaced.
    compute_standard_errors : bool, default False
        Column ``<response>_StdErr``, on the scale of `type` (for a response by the delta method). The model must have
        been fitted with ``cov_coef=True``; whichever covariance it has (classical, robust, clustered) is used.
    interval : {"none", "confidence", "prediction"}
        Columns ``<response>_Lower`` and ``<response>_Upper``; "prediction" for linear models only. For rows with
        weights the variance of a new observation is that of weight 1, as in R.
    confidence_level : float, default 0.95
    compute_residuals : bool, default False
        Column ``<response>_Resid``. Rows whose response is missing get missing in every new column.
    type : {"response", "link"}, default "response"
        For a logistic model: probabilities or log odds. Residuals are on the response scale with either.
    write_model_vars : bool, default False
        Copy the response and the predictors to the output.
    extra_vars_to_write : list of str, optional
        Further columns to copy.
    remove_missings : bool, default False
        Leave out rows whose prediction is missing. Refused where the data are their own output.
    append : {"none", "rows"}, optional
        "rows" adds rows to the output file; one that is not there is made.
    overwrite : bool, default False
    check_factor_levels : bool, default True
        Refuse rows with factor levels that the model was not fitted with; False predicts missing for them. Levels are
        matched by value; their order does not matter. `unseen_levels` says the same with one choice more.
    predict_var_names, residual_var_names, std_errors_var_names, interval_var_names
        Names for the new columns, instead of ``<response>_Pred`` and so on; one for each response, and for intervals
        all lower limits before all upper ones.
    xdf_compression_level : int, default 0
        -1 to 9.
    max_rows_by_cols : int, default 3,000,000
        Most cells of a data frame made from a file; the rest of the rows is left out with a warning. A data frame as
        input has no limit.
    residual_type : {"usual", "pearson", "deviance"}, default "usual"
        Observed less predicted response; that over the root of the variance function; or the signed root of the row's
        deviance. The latter two carry the root of a probability weight, whose column must then be in the data. As R's
        ``residuals(type = "response" | "pearson" | "deviance")``.
    unseen_levels : {"error", "missing", "reference"}, optional
        What rows get whose factor level the model was not fitted with: nothing, by an error; missing; or the prediction
        of the reference level (the last one, the first with ``drop_first``). The latter two warn with the number of
        rows. Default: what `check_factor_levels` says.
    report_progress : int, optional
        0 silent to 3 all timings; default ``RxOptions reportProgress``.
    compute_context : optional
        Overrides the current one for this call.
    blocks_per_read, verbose
        Accepted for compatibility; they change nothing.

    Returns
    -------
    pandas.DataFrame or RxXdfData

    Raises
    ------
    ColumnNotFoundError, DesignError, OptionError, OutputExistsError

    Notes
    -----
    Passes: one. Memory: a few blocks. Missing values: a row with a missing predictor has a missing prediction. Limits
    are computed on the link scale, with the quantile of t where the dispersion was estimated (linear models) and of the
    normal distribution otherwise, and transformed, so that those of a probability lie within 0 and 1. Matches R 4.x
    ``predict`` with ``se.fit`` and ``interval`` to 1e-8 or better.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> model = rx_lin_mod("y ~ x", frame, cov_coef=True, report_progress=0)
    >>> list(rx_predict_default(model, frame, interval="confidence", report_progress=0).columns)
    ['y_Pred', 'y_Lower', 'y_Upper']
    >>> rx_predict_default(model, frame, compute_residuals=True, report_progress=0)["y_Resid"].round(3).tolist()
    [0.1, -0.3, 0.3, -0.1]
    """
    spellings = {"max_rows_by_columns": "max_rows_by_cols", "out_data": "output_data", "input_data": "data"}
    spelled = take_spellings("rx_predict", kwargs, spellings, rx_predict_default)
    output_data = spelled.get("output_data", output_data)
    data = spelled.get("data", data)
    models = models_of(model_object)
    if type not in (None, "response", "link"):
        raise OptionError(f"rx_predict: type is {type!r}; allowed are 'response' and 'link'")
    if append not in (None, "none", "rows"):
        raise OptionError(f"rx_predict: append is {append!r}; allowed are 'none' and 'rows'")
    output, blocks_per_file = _output_path(output_data)
    policy = ("error" if check_factor_levels else "missing") if unseen_levels is None else unseen_levels
    request = PredictRequest(
        models=models,
        data=DataRequest(data),
        wanted=Wanted(
            standard_errors=compute_standard_errors,
            interval=interval,
            confidence_level=float(confidence_level),
            residual_type=residual_type if compute_residuals else None,
            response_scale=type != "link",
            unseen_levels=policy,
        ),
        output=output,
        blocks_per_file=blocks_per_file,
        onto_input=output is not None and overwrite and append != "rows" and _same_file(data, output),
        write_model_variables=write_model_vars,
        extra_variables=name_list("rx_predict", "extra_vars_to_write", extra_vars_to_write),
        remove_missings=remove_missings,
        append=append or "none",
        overwrite=overwrite,
        names=_names(predict_var_names, residual_var_names, std_errors_var_names, interval_var_names),
        compression_level=xdf_compression_level,
        compute_context=compute_context,
        report_progress=report_progress,
        max_cells=None if isinstance(data, pd.DataFrame) else spelled.get("max_rows_by_cols", max_rows_by_cols),
    )
    frame = predict(request)
    return frame if output is None else RxXdfData(output)


def _names(predicted: Any, residual: Any, error: Any, interval: Any) -> dict[str, tuple[str, ...]]:
    """The user's names by kind of column; of the interval all lower limits, then all upper ones."""
    names: dict[str, tuple[str, ...]] = {}
    for kind, argument, value in (
        ("predict", "predict_var_names", predicted),
        ("residual", "residual_var_names", residual),
        ("error", "std_errors_var_names", error),
    ):
        given = name_list("rx_predict", argument, value)
        if given:
            names[kind] = given
    limits = name_list("rx_predict", "interval_var_names", interval)
    if len(limits) % 2:
        raise OptionError(f"rx_predict: interval_var_names needs two names, lower and upper; got {len(limits)}")
    if limits:
        names["lower"], names["upper"] = limits[: len(limits) // 2], limits[len(limits) // 2 :]
    return names


def _output_path(output: Any) -> tuple[str | None, int | None]:
    """Where to write, and how many blocks go to each data file of a composite set."""
    if output is None:
        return None, None
    return output_target("rx_predict", "output_data", output)


def _same_file(data: Any, output: str) -> bool:
    path = data.file if isinstance(data, RxXdfData) else data
    if not isinstance(path, str | os.PathLike) or not Path(output).exists() or not Path(path).exists():
        return False
    is_same = Path(path).samefile(output)
    if is_same and Path(output).is_file() and is_legacy(first_bytes(Path(output), 4)):
        raise SourceError(
            f"rx_predict: {output!r} is a file of RevoScaleR, which is only read. Convert it first: rx_import(old, new)"
        )
    return is_same
