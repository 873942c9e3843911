"""rx_get_var_info: what is known about each variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rxcore.sources.rows as source_rows
from rxcore.metadata import variable_info
from rxcore.results.info import GetVarInfoResults, InfoCollection
from rxcore.sources.arrow import TableSource
from rxcore.sources.base import Source
from rxcore.sources.frame import FrameSource
from rxcore.sources.resolve import as_source
from rxcore.sources.retyped import innermost, select_names
from rxcore.sources.xdf import XdfSource
from xdf.schema import Schema


def rx_get_var_info(
    data: Any,
    get_value_labels: bool = True,
    vars_to_keep: Sequence[str] | None = None,
    vars_to_drop: Sequence[str] | None = None,
    compute_info: bool = False,
    all_nodes: bool = False,
) -> GetVarInfoResults | InfoCollection:
    """Type, storage, range, levels and description of each variable.

    Parameters
    ----------
    data : source, path, data frame, Arrow object, or a list of those
    get_value_labels : bool, default True
        Include factor levels and value labels.
    vars_to_keep, vars_to_drop : list of str, optional
        Variables to describe; one of the two.
    compute_info : bool, default False
        Find low, high and levels of data that do not carry them (text, Parquet, ORC) by reading them once. A stream
        cannot be read again afterwards.
    all_nodes : bool, default False
        Accepted for compatibility; there is one node.

    Returns
    -------
    GetVarInfoResults
        A dict of name to dict with ``varType``, ``storage``, ``low``, ``high``, ``levels``, ``description``, ... that
        prints itself and may be changed; for a list of data an :class:`InfoCollection`.

    Raises
    ------
    SourceError, ColumnNotFoundError, OptionError

    Notes
    -----
    Passes: none, or one with ``compute_info``; frames and tables in memory are always scanned. Missing values do not
    count for low and high.

    Examples
    --------
    >>> import pandas as pd
    >>> rx_get_var_info(pd.DataFrame({"age": [31, 44]}))
    Var 1: age, Type: integer, Storage: int64, Low/High: (31.0000, 44.0000)
    """
    if isinstance(data, (list, tuple)):
        arguments = {name: value for name, value in locals().items() if name != "data"}
        return InfoCollection((f"{number}", rx_get_var_info(one, **arguments)) for number, one in enumerate(data, 1))
    source = as_source(data, caller="rx_get_var_info")
    names = select_names(source.schema.names, vars_to_keep, vars_to_drop, "rx_get_var_info", source.label)
    schema, _ = described_schema(source, names, compute_info)
    return variable_information(source, schema, get_value_labels)


def described_schema(source: Source, names: Sequence[str], compute_info: bool) -> tuple[Schema, int | None]:
    """The columns with what is known of their range and levels; the number of rows, where they were read."""
    if isinstance(innermost(source), (FrameSource, TableSource)) or (compute_info and not _knows(source, names)):
        return source_rows.with_ranges(source, names)
    return source.schema.select(names), None


def _knows(source: Source, names: Sequence[str]) -> bool:
    """Whether the range of every number and the levels of every factor are known without reading."""
    opened = source_rows.open_factors_of(source)
    return all(
        name not in opened and (not field.is_numeric or field.low is not None)
        for name, field in ((name, source.schema.field(name)) for name in names)
    )


def variable_information(source: Source, schema: Schema, value_labels: bool | None) -> GetVarInfoResults:
    """The information in the documented words; a factor whose levels are unknown is a factor all the same."""
    opened = source_rows.open_factors_of(source)
    labels = value_labels is None or value_labels
    found = GetVarInfoResults()
    for field in schema:
        info = variable_info(field, labels, isinstance(innermost(source), XdfSource))
        if field.name in opened and not field.is_factor:
            info["varType"], info["storage"] = "ordered" if field.ordered else "factor", "uint32"
        found[field.name] = info
    return found
