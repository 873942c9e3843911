"""rx_cov_cor, rx_cov, rx_cor, rx_sscp: covariances, correlations and cross-products of columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from rxcore.analyses.cov_cor import TYPES, CovCorRequest, covariances
from rxcore.analyses.modelling import ModelRequest
from rxcore.arguments import column_name, take_spellings
from rxcore.compute_context import RxComputeContext
from rxcore.results.cov_cor import CovCorResults
from rxcore.runner import DataRequest


def rx_cov_cor(
    formula: str,
    data: Any,
    pweights: str | None = None,
    fweights: str | None = None,
    row_selection: Any = None,
    transforms: Mapping[str, Any] | None = None,
    transform_objects: Mapping[str, Any] | None = None,
    transform_function: Callable[..., Any] | None = None,
    transform_variables: Sequence[str] | None = None,
    transform_packages: Sequence[str] | None = None,
    keep_all: bool = True,
    var_tol: float = 1e-12,
    type: str = "Cov",
    blocks_per_read: int | None = None,
    report_progress: int | None = None,
    verbose: int = 0,
    compute_context: RxComputeContext | str | None = None,
    **kwargs: Any,
) -> CovCorResults:
    """Covariance, correlation or cross-product matrix of columns of data of any size, with means and deviations.

    Use it for principal components, factor analysis or ridge regression, which need the matrix only. :func:`rx_cov`,
    :func:`rx_cor` and :func:`rx_sscp` return the bare matrix.

    Parameters
    ----------
    formula : str
        ``"~ a + log(b) + c:d + F"``, without a response. A factor or text column gives a column for each level.
    data : source, path, data frame or Arrow object
    pweights, fweights : str, optional
        Column of probability or frequency weights, one of the two at most. Rows whose weight is missing or zero are
        left out.
    row_selection, transforms, transform_objects, transform_function, transform_variables, transform_packages
        See :func:`rx_lin_mod`.
    keep_all : bool, default True
        Keep every column; False leaves out those that the ones before them explain, as the last level of a second
        factor, and those that hardly vary.
    var_tol : float, default 1e-12
        With ``keep_all=False``, a column whose variance is at most this is left out.
    type : str, default "Cov"
        ``"Cov"``, ``"Cor"`` or ``"SSCP"``, in any case. SSCP is the sum of weight * column * column, not centred, with
        the constant as the first column.
    report_progress : int, optional
        0 silent to 3 all timings; default ``RxOptions reportProgress``.
    compute_context : optional
        Overrides the current one for this call.
    blocks_per_read, verbose
        Accepted for compatibility; they change nothing.

    Returns
    -------
    CovCorResults
        Prints itself; ``.cov_cor`` is the matrix as a frame, with ``.std_devs``, ``.means``, ``.valid_obs``.

    Raises
    ------
    ColumnNotFoundError, FormulaError, DesignError, OptionError, MemoryBudgetError

    Warns
    -----
    DataWarning
        When a column has one value only, so that its correlations are missing.

    Notes
    -----
    Passes: one; one more for text columns without known levels, and one where numbers lie far from the first block's
    mean. Memory: the blocks in flight, and 8 bytes for each product of columns; factors are never expanded. Missing
    values: a row with any missing variable is left out. The divisor is n - 1; with fweights the sum of weights - 1;
    with pweights the sum of weights less (sum of squared weights / sum of weights), as R's ``cov.wt``. Products are
    formed about an origin near the mean, so that a large mean costs no digits. Matches R 4.x ``cov``, ``cor``,
    ``crossprod`` and RevoScaleR's ``rxCovCor``. The same bits on any number of threads.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 1.0, 4.0, 3.0]})
    >>> rx_cov_cor("~ a + b", frame, type="Cor", report_progress=0).cov_cor.loc["a", "b"].round(6)
    np.float64(0.6)
    """
    take_spellings("rx_cov_cor", kwargs, {}, rx_cov_cor)
    return _compute(
        "rx_cov_cor",
        type,
        formula,
        DataRequest(
            data,
            row_selection,
            transforms,
            transform_objects,
            transform_function,
            transform_variables,
            transform_packages,
        ),
        pweights=pweights,
        fweights=fweights,
        keep_all=keep_all,
        var_tol=var_tol,
        report_progress=report_progress,
        compute_context=compute_context,
    )


def rx_cov(formula: str, data: Any, **arguments: Any) -> pd.DataFrame:
    """Covariance matrix of columns.

    Parameters
    ----------
    formula : str
        As for :func:`rx_cov_cor`.
    data : source, path, data frame or Arrow object
    **arguments
        The other arguments of :func:`rx_cov_cor`, except `type`.

    Returns
    -------
    pandas.DataFrame

    Notes
    -----
    Passes, memory, missing values, weights and errors as for :func:`rx_cov_cor`.

    Examples
    --------
    >>> import pandas as pd
    >>> rx_cov("~ a + b", pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 3.0, 5.0]}), report_progress=0).loc["a", "b"]
    np.float64(2.0)
    """
    return _bare("rx_cov", "Cov", formula, data, arguments)


def rx_cor(formula: str, data: Any, **arguments: Any) -> pd.DataFrame:
    """Correlation matrix of columns.

    Parameters
    ----------
    formula : str
        As for :func:`rx_cov_cor`.
    data : source, path, data frame or Arrow object
    **arguments
        The other arguments of :func:`rx_cov_cor`, except `type`.

    Returns
    -------
    pandas.DataFrame

    Notes
    -----
    Passes, memory, missing values, weights and errors as for :func:`rx_cov_cor`.

    Examples
    --------
    >>> import pandas as pd
    >>> rx_cor("~ a + b", pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 3.0, 5.0]}), report_progress=0).loc["a", "b"]
    np.float64(1.0)
    """
    return _bare("rx_cor", "Cor", formula, data, arguments)


def rx_sscp(formula: str, data: Any, **arguments: Any) -> pd.DataFrame:
    """Sums of squares and cross-products of columns, with the constant as the first one.

    Parameters
    ----------
    formula : str
        As for :func:`rx_cov_cor`.
    data : source, path, data frame or Arrow object
    **arguments
        The other arguments of :func:`rx_cov_cor`, except `type`.

    Returns
    -------
    pandas.DataFrame

    Notes
    -----
    Passes, memory, missing values, weights and errors as for :func:`rx_cov_cor`.

    Examples
    --------
    >>> import pandas as pd
    >>> rx_sscp("~ a", pd.DataFrame({"a": [1.0, 2.0, 3.0]}), report_progress=0).to_numpy().tolist()
    [[3.0, 6.0], [6.0, 14.0]]
    """
    return _bare("rx_sscp", "SSCP", formula, data, arguments)


_OF_THE_DATA = (
    "row_selection",
    "transforms",
    "transform_objects",
    "transform_function",
    "transform_variables",
    "transform_packages",
)
_IGNORED = ("blocks_per_read", "verbose")
_OTHERS = ("pweights", "fweights", "keep_all", "var_tol", "report_progress", "compute_context")


def _bare(caller: str, type_: str, formula: str, data: Any, arguments: dict[str, Any]) -> pd.DataFrame:
    known = (*_OF_THE_DATA, *_IGNORED, *_OTHERS)
    take_spellings(caller, {name: value for name, value in arguments.items() if name not in known}, {}, rx_cov_cor)
    rows = DataRequest(data, **{name: arguments[name] for name in _OF_THE_DATA if name in arguments})
    others = {name: arguments[name] for name in _OTHERS if name in arguments}
    return _compute(caller, type_, formula, rows, **others).cov_cor


def _compute(
    caller: str,
    type_: str,
    formula: str,
    rows: DataRequest,
    *,
    pweights: Any = None,
    fweights: Any = None,
    keep_all: bool = True,
    var_tol: float = 1e-12,
    report_progress: int | None = None,
    compute_context: RxComputeContext | str | None = None,
) -> CovCorResults:
    model = ModelRequest(
        caller=caller,
        formula=formula,
        data=rows,
        pweights=column_name(caller, "pweights", pweights),
        fweights=column_name(caller, "fweights", fweights),
        compute_context=compute_context,
        report_progress=report_progress,
        params={"pweights": pweights, "fweights": fweights, "keep_all": keep_all, "var_tol": var_tol, "type": type_},
    )
    spelled = {name.lower(): name for name in TYPES}.get(str(type_).lower(), str(type_))
    return covariances(CovCorRequest(model, spelled, keep_all, float(var_tol)))
