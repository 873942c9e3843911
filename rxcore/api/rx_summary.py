"""rx_summary: describe columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rxcore.analyses.summary import STATISTICS, SummaryRequest, summarize
from rxcore.arguments import column_name, name_list, refuse_unbuilt, take_spellings
from rxcore.compute_context import RxComputeContext
from rxcore.results.summary import SummaryResults
from rxcore.runner import DataRequest


def rx_summary(
    formula: str,
    data: Any,
    by_group_out_file: Any = None,
    summary_stats: Sequence[str] | None = None,
    by_term: bool = True,
    pweights: str | None = None,
    fweights: str | None = None,
    row_selection: Any = None,
    transforms: Mapping[str, Any] | None = None,
    transform_objects: Mapping[str, Any] | None = None,
    transform_function: Callable[..., Any] | None = None,
    transform_variables: Sequence[str] | None = None,
    transform_packages: Sequence[str] | None = None,
    transform_environment: Any = None,
    overwrite: bool = False,
    use_sparse_cube: bool | None = None,
    remove_zero_counts: bool | None = None,
    blocks_per_read: int | None = None,
    rows_per_block: int = 100000,
    report_progress: int | None = None,
    verbose: int = 0,
    compute_context: RxComputeContext | str | None = None,
    **kwargs: Any,
) -> SummaryResults:
    """Describe columns: mean, standard deviation, range and missing values of numbers, counts of categories.

    Parameters
    ----------
    formula : str
        ``"~ ArrDelay + DayOfWeek + ArrDelay:DayOfWeek"``: a number gives a row of statistics, a factor (or text) its
        counts, number:factor statistics by category, factor:factor a table of counts. ``"~ ."`` is every column that is
        not text. The tilde may be left out. ``"y ~ x"`` says what ``"~ y:x"`` does.
    data : source, path, data frame or Arrow object
    summary_stats : list of str, optional
        Of Mean, StdDev, Min, Max, ValidObs, MissingObs, Sum; default all but Sum.
    by_term : bool, default True
        Leave missing values out term by term; False leaves out every row in which any term is missing.
    pweights, fweights : str, optional
        Column of probability or frequency weights. Rows whose weight is missing or zero are left out; ValidObs and
        MissingObs become SumOfWeights and MissingWeights.
    row_selection, transforms, transform_objects, transform_function, transform_variables, transform_packages
        See :func:`rx_lin_mod`.
    use_sparse_cube, remove_zero_counts : bool, optional
        Leave out categories without rows; by default they stay.
    report_progress : int, optional
        0 silent to 3 all timings; default ``RxOptions reportProgress``.
    compute_context : optional
        Overrides the current one for this call.
    by_group_out_file, transform_environment
        Not available in this version; another value than None is refused.
    overwrite, blocks_per_read, rows_per_block, verbose
        Accepted for compatibility; they change nothing.

    Returns
    -------
    SummaryResults
        Prints itself; ``.summary_data_frame`` is the frame, ``.categorical`` the tables.

    Raises
    ------
    ColumnNotFoundError, FormulaError, DesignError, MemoryBudgetError

    Notes
    -----
    Passes: one; one more for text columns without known levels. Memory: blocks in flight and 72 bytes for each
    category. The divisor of StdDev is n - 1; with fweights the sum of weights - 1; with pweights the sum of weights
    less (sum of squared weights / sum of weights), which treats them as reliability weights. Means and squares by the
    pairwise formula of Chan, Golub and LeVeque (1979), so a large mean costs no digits.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"x": [1.0, 2.0, None, 5.0]})
    >>> rx_summary("~ x", frame, report_progress=0).summary_data_frame["Mean"].round(4).tolist()
    [2.6667]
    """
    take_spellings("rx_summary", kwargs, {}, rx_summary)
    refuse_unbuilt(
        "rx_summary",
        by_group_out_file=(by_group_out_file, None),
        transform_environment=(transform_environment, None),
    )
    asked = name_list("rx_summary", "summary_stats", summary_stats) if summary_stats is not None else STATISTICS[:-1]
    sparse = remove_zero_counts if remove_zero_counts is not None else use_sparse_cube
    request = SummaryRequest(
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
        statistics=tuple(asked),
        by_term=by_term,
        pweights=column_name("rx_summary", "pweights", pweights),
        fweights=column_name("rx_summary", "fweights", fweights),
        remove_zero_counts=bool(sparse),
        compute_context=compute_context,
        report_progress=report_progress,
        params={"by_term": by_term, "summary_stats": list(asked)},
    )
    return summarize(request)
