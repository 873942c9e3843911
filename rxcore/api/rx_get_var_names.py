"""rx_get_var_names: the names of the columns."""

from __future__ import annotations

from typing import Any

from rxcore.results.info import VarNames
from rxcore.sources.resolve import as_source


def rx_get_var_names(data: Any) -> VarNames:
    """Names of the columns, in order.

    Parameters
    ----------
    data : source, path, data frame or Arrow object

    Returns
    -------
    VarNames
        A list of str that prints its names with a space between.

    Raises
    ------
    SourceError
        When the data cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> print(rx_get_var_names(pd.DataFrame({"age": [31], "sex": ["F"]})))
    age sex
    """
    return VarNames(as_source(data, caller="rx_get_var_names").schema.names)
