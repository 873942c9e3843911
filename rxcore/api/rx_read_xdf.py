"""rx_read_xdf: rows of an .xdf file as a frame."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rxcore.api.data_sources import RxXdfData
from rxcore.arguments import refuse_unbuilt, take_spellings
from rxcore.errors import DataWarning, OptionError
from rxcore.frames import frame_of
from rxcore.options import RxOptions
from rxcore.sources.retyped import select_names
from rxcore.sources.rows import open_factors_of, row_slices

if TYPE_CHECKING:
    import pandas as pd

MAX_CELLS = 3_000_000
_SPELLINGS = {
    "data": "file",
    "number_rows": "num_rows",
    "number_rows_read": "num_rows",
    "row_variable_name": "row_var_name",
    "max_rows_by_cols": "max_rows_by_columns",
}


def rx_read_xdf(
    file: str | os.PathLike[str] | RxXdfData | None = None,
    vars_to_keep: Sequence[str] | None = None,
    vars_to_drop: Sequence[str] | None = None,
    row_var_name: str | None = None,
    start_row: int = 1,
    num_rows: int | None = None,
    return_data_frame: bool = True,
    strings_as_factors: bool = False,
    max_rows_by_columns: int | None = None,
    report_progress: int | None = None,
    read_by_block: bool = False,
    cpp_interp: Any = None,
    **kwargs: Any,
) -> pd.DataFrame | dict[str, list[Any]]:
    """Read rows of an .xdf file into a pandas DataFrame.

    Parameters
    ----------
    file : str, path-like or RxXdfData
    vars_to_keep, vars_to_drop : list of str, optional
        Columns to read; one of the two.
    row_var_name : str, optional
        Column to use as row names (the index).
    start_row : int, default 1
        First row, counted from 1.
    num_rows : int, optional
        Rows to read; all when None or -1.
    return_data_frame : bool, default True
        False returns a dict of column name to list.
    strings_as_factors : bool, default False
        Read string columns as categorical.
    max_rows_by_columns : int, optional
        The most values (rows times columns) to read; default 3,000,000; -1 for no limit. Beyond it fewer rows are read,
        with a :class:`DataWarning`.
    report_progress : int, optional
        0 silent, 1 rows, 2 and 3 rows and seconds; default RxOptions ``reportProgress``.
    read_by_block : bool
        Deprecated in the original; it changes nothing.
    cpp_interp
        Not available; must be None.

    Returns
    -------
    pandas.DataFrame or dict

    Raises
    ------
    SourceError, ColumnNotFoundError, OptionError, ArgumentNameError

    Notes
    -----
    Reads the blocks that hold the rows, and of them the columns. Memory: the rows, twice while they are converted.
    Missing integers are nullable, or -2147483648 where RxOptions ``missingIntegers`` is ``sentinel``; factors are
    categorical.

    Examples
    --------
    >>> rx_read_xdf("flights.xdf", vars_to_keep=["ArrDelay"], num_rows=10)  # doctest: +SKIP
    """
    if kwargs:
        arguments = {name: value for name, value in locals().items() if name != "kwargs"}
        arguments.update(take_spellings("rx_read_xdf", kwargs, _SPELLINGS, rx_read_xdf))
        return rx_read_xdf(**arguments)
    refuse_unbuilt("rx_read_xdf", cpp_interp=(cpp_interp, None))
    given = file if isinstance(file, RxXdfData) else RxXdfData(file)  # type: ignore[arg-type]
    began = time.perf_counter()
    if start_row < 1:
        raise OptionError(f"rx_read_xdf: start_row counts from 1; got {start_row}")
    source = RxXdfData(
        given.file,
        vars_to_keep=given.vars_to_keep if vars_to_keep is None and vars_to_drop is None else vars_to_keep,
        vars_to_drop=given.vars_to_drop if vars_to_keep is None and vars_to_drop is None else vars_to_drop,
        strings_as_factors=strings_as_factors or given.strings_as_factors,
    ).source(caller="rx_read_xdf")
    start = start_row - 1
    wanted = max((source.n_rows or 0) - start, 0)
    if num_rows is not None and num_rows != -1:
        if num_rows < 0:
            raise OptionError(f"rx_read_xdf: num_rows must be at least 0, or -1 for all; got {num_rows}")
        wanted = min(wanted, num_rows)
    most = most_rows(len(source.schema), max_rows_by_columns, "rx_read_xdf")
    rows = wanted if most is None else min(wanted, most)
    if rows < wanted:
        warn_of_fewer_rows(rows, len(source.schema), "rx_read_xdf", "num_rows or vars_to_keep")
    if row_var_name is not None:
        select_names(source.schema.names, [row_var_name], None, "rx_read_xdf", source.label)
    batches = list(row_slices(source, source.schema, start, rows))
    read = time.perf_counter()
    frame = frame_of(batches, source.schema, open_factors_of(source), start=start, label_column=row_var_name)
    _report(report_progress, len(frame), read - began, time.perf_counter() - read)
    if return_data_frame:
        return frame
    return {str(name): frame[name].tolist() for name in frame.columns}


def most_rows(n_columns: int, max_cells: int | None, caller: str) -> int | None:
    """How many rows a frame of so many columns may have under ``max_rows_by_columns``; None for any number."""
    most = MAX_CELLS if max_cells is None else max_cells
    if isinstance(most, bool) or int(most) != most or most < -1:
        raise OptionError(f"{caller}: max_rows_by_columns must be a whole number, -1 for no limit; got {max_cells!r}")
    return None if most == -1 else int(most) // max(n_columns, 1)


def warn_of_fewer_rows(rows: int, n_columns: int, caller: str, remedy: str) -> None:
    """Say that a frame was cut."""
    warnings.warn(
        f"{caller}: only the first {rows:,} rows of {n_columns} columns are returned, because more would exceed "
        f"max_rows_by_columns. Raise it (-1 for no limit), ask for less ({remedy}), or write to a file",
        DataWarning,
        stacklevel=4,
    )


def _report(level: int | None, n_rows: int, read_seconds: float, convert_seconds: float) -> None:
    level = int(RxOptions.get_option("reportProgress") if level is None else level)
    if level >= 1:
        print(f"Rows Processed: {n_rows}")  # noqa: T201 - what report_progress asks for
    if level >= 2:
        for what, seconds in (("read data file", read_seconds), ("convert to data frame", convert_seconds)):
            taken = f"{seconds:.2f} secs." if seconds >= 0.001 else "less than .001 secs."
            print(f"Time to {what}: {taken}")  # noqa: T201
