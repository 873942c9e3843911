"""rx_get_info: what is known about a set of data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import rxcore.sources.rows as source_rows
import xdf
from rxcore.api.rx_get_var_info import described_schema, variable_information
from rxcore.errors import OptionError
from rxcore.metadata import plain_name
from rxcore.results.info import InfoCollection, InfoResults
from rxcore.sources.arrow import TableSource
from rxcore.sources.base import Source
from rxcore.sources.frame import FrameSource
from rxcore.sources.resolve import as_source
from rxcore.sources.retyped import innermost, select_names
from rxcore.sources.text import TextSource
from rxcore.sources.xdf import XdfSource
from xdf.legacy import LegacyTable


def rx_get_info(
    data: Any,
    get_var_info: bool = False,
    get_block_sizes: bool = False,
    get_value_labels: bool | None = None,
    vars_to_keep: Sequence[str] | None = None,
    vars_to_drop: Sequence[str] | None = None,
    start_row: int = 1,
    num_rows: int = 0,
    compute_info: bool = False,
    all_nodes: bool = False,
    verbose: int = 0,
) -> InfoResults | InfoCollection:
    """Rows, columns, blocks and, if asked for, variables and some rows of a set of data.

    Parameters
    ----------
    data : source, path, data frame, Arrow object, or a list of those
    get_var_info : bool, default False
        Say what is known about each variable: ``.var_info``.
    get_block_sizes : bool, default False
        Rows of each block: ``.rows_per_block``. The first ten are printed.
    get_value_labels : bool, optional
        Include factor levels and value labels; default True.
    vars_to_keep, vars_to_drop : list of str, optional
        Variables to describe; one of the two.
    start_row : int, default 1
        First of the rows returned, counted from 1.
    num_rows : int, default 0
        Rows to return as a frame: ``.data``.
    compute_info : bool, default False
        With ``get_var_info``: find low, high, levels and the number of rows of data that do not carry them (text,
        Parquet, ORC) by reading them once. A stream cannot be read again afterwards.
    all_nodes : bool, default False
        Accepted for compatibility; there is one node.
    verbose : int, default 0
        1 adds the size of an .xdf file.

    Returns
    -------
    InfoResults
        Prints itself; for a list of data an :class:`InfoCollection` of them, by name.

    Raises
    ------
    SourceError, ColumnNotFoundError, OptionError

    Notes
    -----
    Passes: none, or one with ``compute_info``; frames and tables in memory are always scanned for low and high when
    ``get_var_info`` is asked for. Memory: one block. Missing values do not count for low and high.

    Examples
    --------
    >>> import pandas as pd
    >>> print(rx_get_info(pd.DataFrame({"age": [31, 44]})))
    Data frame:frame
    Number of observations:2.0
    Number of variables:1.0
    """
    if isinstance(data, (list, tuple)):
        arguments = {name: value for name, value in locals().items() if name != "data"}
        infos = [rx_get_info(one, **arguments) for one in data]
        return InfoCollection((f"{number}", info) for number, info in enumerate(infos, 1))
    if start_row < 1 or num_rows < 0:
        raise OptionError(
            f"rx_get_info: start_row counts from 1 and num_rows from 0; got start_row={start_row}, num_rows={num_rows}"
        )
    source = as_source(data, caller="rx_get_info")
    names = select_names(source.schema.names, vars_to_keep, vars_to_drop, "rx_get_info", source.label)
    n_rows = source.n_rows
    variables = None
    if get_var_info:
        schema, counted = described_schema(source, names, compute_info)
        n_rows = counted if n_rows is None else n_rows
        variables = variable_information(source, schema, get_value_labels)
    base = innermost(source)
    fields = _file_fields(base, verbose) if isinstance(base, XdfSource) else _other_fields(base, data)
    rows = None
    if num_rows > 0:
        rows = source_rows.read_rows(source, start=start_row - 1, n_rows=num_rows)
    return InfoResults(
        num_rows=n_rows,
        num_vars=len(source.schema),
        var_info=variables,
        rows_per_block=_block_sizes(source) if get_block_sizes else None,
        data=rows,
        start_row=start_row,
        **fields,
    )


def _file_fields(source: XdfSource, verbose: int) -> Mapping[str, Any]:
    file = source.file
    return {
        "file_name": source.label.removeprefix("File name: "),
        "obj_name": None,
        "data_class": "RxXdfData",
        "num_composite_files": file.n_files if isinstance(file, xdf.XdfSet | xdf.LegacySet) else None,
        "num_blocks": source.n_blocks,
        "compression": _compression(file),
        "size_on_disk": file.size_on_disk if verbose else None,
    }


def _compression(file: xdf.OpenFile) -> str:
    if isinstance(file, LegacyTable):
        return "zlib"
    return "none" if file.compression_level == 0 else "zstd"


def _other_fields(source: Source, data: Any) -> Mapping[str, Any]:
    in_memory = isinstance(source, (FrameSource, TableSource))
    is_file = source.label.startswith("File name: ")
    kind = None
    if is_file:
        kind = "Text" if isinstance(source, TextSource) else getattr(source, "kind", None)
    class_name = f"Rx{kind}Data" if isinstance(data, (str, os.PathLike)) and kind else type(data).__name__
    return {
        "file_name": source.label.removeprefix("File name: ") if is_file else None,
        "obj_name": None if is_file else plain_name(source.label),
        "data_class": class_name,
        "length": None if in_memory else len(source.schema),
        "source_kind": kind,
        "num_blocks": None if in_memory else source.n_blocks,
    }


def _block_sizes(source: Source) -> list[int] | None:
    base = innermost(source)
    if isinstance(base, XdfSource):
        return list(base.file.rows_per_block)
    return None
