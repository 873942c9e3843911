"""rx_cov_coef, rx_cor_coef, rx_cov_data, rx_cor_data: what a fitted model keeps of covariances, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rxcore.errors import OptionError


def rx_cov_coef(model: Any) -> pd.DataFrame:
    """Covariance matrix of the coefficients of a model.

    Parameters
    ----------
    model : LinearResults, LogisticResults
        Fitted with ``cov_coef=True``.

    Returns
    -------
    pandas.DataFrame
        Rows and columns are the coefficients that were estimated.

    Raises
    ------
    OptionError
        When the model does not keep it.

    Examples
    --------
    >>> import pandas as pd
    >>> from rxcore import rx_lin_mod
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> rx_cov_coef(rx_lin_mod("y ~ x", frame, cov_coef=True, report_progress=0)).loc["x", "x"].round(6)
    np.float64(0.02)
    """
    return _kept("rx_cov_coef", model, "cov_coef")


def rx_cor_coef(model: Any) -> pd.DataFrame:
    """Correlation matrix of the coefficients of a model.

    Parameters
    ----------
    model : LinearResults, LogisticResults
        Fitted with ``cov_coef=True``.

    Returns
    -------
    pandas.DataFrame
        Rows and columns are the coefficients that were estimated.

    Raises
    ------
    OptionError
        When the model does not keep it.

    Examples
    --------
    >>> import pandas as pd
    >>> from rxcore import rx_lin_mod
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 4.0]})
    >>> rx_cor_coef(rx_lin_mod("y ~ x", frame, cov_coef=True, report_progress=0)).loc["(Intercept)", "x"].round(6)
    np.float64(-0.912871)
    """
    return _as_correlation(_kept("rx_cor_coef", model, "cov_coef"))


def rx_cov_data(model: Any) -> pd.DataFrame:
    """Covariance matrix of the columns of a model, behind the intercept.

    Parameters
    ----------
    model : LinearResults, LogisticResults
        Fitted with ``cov_data=True``, with an intercept and without a cube.

    Returns
    -------
    pandas.DataFrame
        Rows and columns are the columns that were kept.

    Raises
    ------
    OptionError
        When the model does not keep it.

    Examples
    --------
    >>> import pandas as pd
    >>> from rxcore import rx_lin_mod
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 5.0], "x": [1.0, 2.0, 3.0, 5.0]})
    >>> rx_cov_data(rx_lin_mod("y ~ x", frame, cov_data=True, report_progress=0)).loc["x", "x"].round(6)
    np.float64(2.916667)
    """
    return _kept("rx_cov_data", model, "cov_data")


def rx_cor_data(model: Any) -> pd.DataFrame:
    """Correlation matrix of the columns of a model, behind the intercept.

    Parameters
    ----------
    model : LinearResults, LogisticResults
        Fitted with ``cov_data=True``, with an intercept and without a cube.

    Returns
    -------
    pandas.DataFrame
        Rows and columns are the columns that were kept.

    Raises
    ------
    OptionError
        When the model does not keep it.

    Examples
    --------
    >>> import pandas as pd
    >>> from rxcore import rx_lin_mod
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 4.0], "x": [1.0, 2.0, 3.0], "z": [1.0, 0.0, 0.0]})
    >>> rx_cor_data(rx_lin_mod("y ~ x + z", frame, cov_data=True, report_progress=0)).loc["x", "z"].round(6)
    np.float64(-0.866025)
    """
    return _as_correlation(_kept("rx_cor_data", model, "cov_data"))


def _kept(caller: str, model: Any, name: str) -> pd.DataFrame:
    if not hasattr(model, "kept_names"):
        raise OptionError(
            f"{caller}: got a {type(model).__name__}; it must be a model of one response from rx_lin_mod or rx_logit"
        )
    matrix = getattr(model, name)
    if matrix is None:
        needs = " and an intercept, without cube" if name == "cov_data" else ""
        raise OptionError(f"{caller}: the model does not keep its {name}; fit it with {name}=True{needs}")
    names = [name_ for name_ in model.kept_names if name == "cov_coef" or name_ != "(Intercept)"]
    return pd.DataFrame(np.array(matrix), index=names, columns=names)


def _as_correlation(covariance: pd.DataFrame) -> pd.DataFrame:
    size = np.sqrt(np.diag(covariance.to_numpy()))
    correlation = covariance.to_numpy() / np.outer(size, size)
    np.fill_diagonal(correlation, 1.0)
    return pd.DataFrame(correlation, index=covariance.index, columns=covariance.columns)
