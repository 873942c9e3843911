"""rx_import: any data into an .xdf file or a frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from typing import TYPE_CHECKING, Any

import xdf
from rxcore.api.data_sources import RxTextData, RxXdfData, output_target
from rxcore.api.rx_read_xdf import most_rows, warn_of_fewer_rows
from rxcore.arguments import take_spellings
from rxcore.errors import OptionError, SourceError
from rxcore.events import ProgressPrinter
from rxcore.importing import (
    ImportRequest,
    declared_ranges,
    import_to_frame,
    import_to_xdf,
    is_plain_copy,
    migrate_to_xdf,
    output_path,
    refuse_to_replace_legacy,
)
from rxcore.metadata import ColumnRequest, ColumnRequests, column_type, type_name
from rxcore.options import RxOptions
from rxcore.sources.base import Source
from rxcore.sources.paths import find_input, kind_of
from rxcore.sources.resolve import as_source, block_rows, folder_kind
from rxcore.sources.retyped import RetypedSource, innermost, retyped, select_names
from rxcore.sources.text import TextSource

if TYPE_CHECKING:
    import pandas as pd

_SPELLINGS = {
    "in_data": "input_data",
    "data": "input_data",
    "out_file": "output_file",
    "output_data": "output_file",
    "max_rows_by_cols": "max_rows_by_columns",
    "num_rows": "number_rows",
    "number_rows_read": "number_rows",
    "string_as_factors": "strings_as_factors",
    "col_classes": "column_classes",
    "col_info": "column_info",
    "compression_level": "xdf_compression_level",
}
_TYPES = ("auto", "textFast", "text")
_APPENDED_TYPES = ("logical", "integer", "numeric", "character", "factor", "ordered", "Date")
_UNBUILT_TYPES = ("fixedFast", "fixed", "odbcFast", "odbc")


def rx_import(
    input_data: Any = None,
    output_file: str | os.PathLike[str] | RxXdfData | None = None,
    vars_to_keep: Sequence[str] | None = None,
    vars_to_drop: Sequence[str] | None = None,
    row_selection: Any = None,
    transforms: Mapping[str, Any] | None = None,
    transform_objects: Mapping[str, Any] | None = None,
    transform_function: Callable[..., Any] | None = None,
    transform_variables: Sequence[str] | None = None,
    transform_packages: Sequence[str] | None = None,
    append: str | bool | None = None,
    overwrite: bool = False,
    number_rows: int | None = None,
    strings_as_factors: bool | None = None,
    column_classes: Mapping[str, str] | None = None,
    column_info: Any = None,
    rows_per_read: int | None = None,
    type: str | None = None,
    max_rows_by_columns: int | None = None,
    report_progress: int | None = None,
    verbose: int | None = None,
    xdf_compression_level: int | None = None,
    create_composite_set: bool | None = None,
    blocks_per_composite_file: int | None = None,
    **kwargs: Any,
) -> pd.DataFrame | RxXdfData:
    """Read any data into an .xdf file, or into a pandas DataFrame.

    Parameters
    ----------
    input_data : path, data source, pandas or polars DataFrame, or Arrow object
        A path says by its suffix what it is: .csv, .txt, .tsv (also .gz, .zst, .bz2), .parquet, .orc, .xdf (those of
        RevoScaleR too), or a folder.
    output_file : str, path-like or RxXdfData, optional
        The .xdf file to write; without a suffix the folder of a composite set. None: return a DataFrame.
    vars_to_keep, vars_to_drop : list of str, optional
        Columns to read, by their names in the input; one of the two. Columns made by transforms are kept.
    row_selection, transforms, transform_objects, transform_function, transform_variables, transform_packages
        See :func:`rx_lin_mod`.
    append : {"none", "rows"}, optional
        "rows" adds to an existing file: columns are matched by name, text is read in the types of the file, and new
        factor levels go to the end. Default "none".
    overwrite : bool, default False
        Replace an existing file. Ignored when a DataFrame is returned or rows are appended.
    number_rows : int, optional
        The most rows to read; all when None or -1.
    strings_as_factors : bool, optional
        Read strings as factors, levels in order of first appearance.
    column_classes, column_info : dict, optional
        Types, levels, names and labels of columns; see :class:`RxTextData`. What is given here wins over what the data
        source says.
    rows_per_read : int, optional
        Rows of a block, read and written. Default: the blocks of the input; RxOptions ``rowsPerBlock`` where it has
        none.
    type : {"auto", "textFast", "text"}, optional
        The last two read a path as delimited text whatever its suffix.
    max_rows_by_columns : int, optional
        The most values (rows times columns) of a DataFrame; default 3,000,000; -1 for no limit. Beyond it fewer rows
        are returned, with a :class:`DataWarning`.
    report_progress : int, optional
        0 silent, 1 rows, 2 rows and seconds, 3 all timings; default RxOptions ``reportProgress``.
    verbose : int, optional
        Accepted for compatibility.
    xdf_compression_level : int, optional
        -1 .. 9; 0 stores plain; default RxOptions ``xdfCompressionLevel``.
    create_composite_set : bool, optional
        True: write a composite set, in a folder with the name of ``output_file`` but without ``.xdf``; False: a single
        file; default: what ``output_file`` says.
    blocks_per_composite_file : int, optional
        Blocks of each data file of a composite set; default 3.
    **kwargs
        For text, arguments of :class:`RxTextData`, such as ``delimiter`` or ``missing_value_string``.

    Returns
    -------
    pandas.DataFrame or RxXdfData

    Raises
    ------
    OutputExistsError
        The file exists and neither ``overwrite`` nor ``append`` says what to do.
    SourceError
        The input cannot be read, a value does not fit its column, the disk is full. Nothing is left under the name of
        the output then, or what was there before.
    ColumnNotFoundError, OptionError, ArgumentNameError, MemoryBudgetError

    Notes
    -----
    Passes: one. Memory: about four blocks, whatever the number of rows; a DataFrame twice while it is converted.
    A file of RevoScaleR that is copied as it is takes three passes and one over the copy: the two are compared, the
    copy is kept only if every value is equal, and a report is printed unless ``report_progress`` is 0.
    Missing values: empty fields and ``missing_value_string`` in text, null and NaN elsewhere.

    Examples
    --------
    >>> rx_import("flights.csv", "flights.xdf", strings_as_factors=True, overwrite=True)  # doctest: +SKIP
    RxXdfData('flights.xdf')
    """
    arguments = {name: value for name, value in locals().items() if name != "kwargs"}
    text_arguments = {name: kwargs.pop(name) for name in list(kwargs) if _is_text_argument(name)}
    if kwargs:
        arguments.update(take_spellings("rx_import", kwargs, _SPELLINGS, rx_import))
    return _Import(arguments, text_arguments).run()


def _is_text_argument(name: str) -> bool:
    return name in signature(RxTextData).parameters and name not in ("file", "kwargs", "rows_per_read")


@dataclass(frozen=True)
class _Import:
    """One call: its arguments by name, and those meant for the text reader."""

    given: dict[str, Any]
    text_arguments: dict[str, Any]

    def run(self) -> pd.DataFrame | RxXdfData:
        given = self.given
        self._check_type()
        if given["input_data"] is None:
            raise OptionError("rx_import: input_data is missing; pass a path, a data source or a data frame")
        output, blocks_per_file = self._output()
        appends = self._appends() and output is not None and os.path.exists(output)
        source = self._source(output if appends else None)
        seen, names = self._transformed(source)
        if output is None:
            return self._frame(seen, names)
        level = given["xdf_compression_level"]
        refuse_to_replace_legacy(source, output, "rx_import")
        request = ImportRequest(
            source=seen,
            path=output,
            append=self._appends(),
            overwrite=given["overwrite"],
            n_rows=self._number_rows(),
            rows_per_block=self._rows_per_block(source),
            compression_level=int(RxOptions.get_option("xdfCompressionLevel") if level is None else level),
            columns=names,
            blocks_per_file=blocks_per_file,
            sink=self._sink(),
        )
        if is_plain_copy(request):
            report = migrate_to_xdf(request)
            if self._report_level():
                print(report)  # noqa: T201 - what report_progress asks for
        else:
            import_to_xdf(replace(request, ranges=declared_ranges(source)))
        return RxXdfData(output)

    def _rows_per_block(self, source: Source) -> int | None:
        rows = self.given["rows_per_read"]
        # Text is cut so already, each file by itself; blocks stored in other files are cut and joined.
        if rows is None or isinstance(innermost(source), TextSource):
            return None
        return block_rows(rows, "rx_import")

    def _check_type(self) -> None:
        kind = self.given["type"]
        if kind in _UNBUILT_TYPES:
            shown = ", ".join(_TYPES)
            raise OptionError(f"rx_import: type={kind!r} is not available in this version; allowed: {shown}")
        if kind is not None and kind not in _TYPES:
            raise OptionError(f"rx_import: type is {kind!r}; allowed: {', '.join(map(repr, _TYPES))}")

    def _appends(self) -> bool:
        append = self.given["append"]
        if append in (None, "none", "rows") or isinstance(append, bool):
            return append is True or append == "rows"
        raise OptionError(f"rx_import: append is {append!r}; allowed are 'none' and 'rows'")

    def _number_rows(self) -> int | None:
        rows = self.given["number_rows"]
        if rows is None or rows == -1:
            return None
        if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
            raise OptionError(f"rx_import: number_rows must be a whole number, -1 for all; got {rows!r}")
        return rows

    def _sink(self) -> ProgressPrinter:
        return ProgressPrinter(self._report_level())

    def _report_level(self) -> int:
        level = self.given["report_progress"]
        level = RxOptions.get_option("reportProgress") if level is None else level
        if level not in (0, 1, 2, 3):
            raise OptionError(f"rx_import: report_progress is {level!r}; allowed are 0, 1, 2, 3")
        return int(level)

    def _output(self) -> tuple[str | None, int | None]:
        """Where to write, and how many blocks go to each data file of a set."""
        given = self.given
        if given["output_file"] is None:
            return None, None
        path, blocks_per_file = output_target(
            "rx_import",
            "output_file",
            given["output_file"],
            given["create_composite_set"],
            given["blocks_per_composite_file"],
        )
        return output_path(path), blocks_per_file

    def _requests(self, appended_to: str | None, is_text: bool) -> ColumnRequests:
        given = self.given
        requests = ColumnRequests.parse(
            given["column_info"], given["column_classes"], given["strings_as_factors"], "rx_import"
        )
        if appended_to is None or not is_text:
            return requests
        told = (*requests.info, *requests.classes)
        known = {one.name for one in told if one.type is not None} | {one.new_name for one in told if one.new_name}
        types = _types_of(appended_to, known)
        return ColumnRequests(requests.info, (*types, *requests.classes), requests.strings_as_factors)

    def _source(self, appended_to: str | None) -> Source:
        given = self.given
        data = given["input_data"]
        keep, drop = (None, None) if self._transforms() else (given["vars_to_keep"], given["vars_to_drop"])
        if isinstance(data, (str, os.PathLike)) and self._is_text(data):
            data = RxTextData(data, **self.text_arguments)
        elif isinstance(data, RxTextData) and self.text_arguments:
            kept = {name: getattr(data, name) for name in signature(RxTextData).parameters if name != "kwargs"}
            data = RxTextData(**{**kept, **self.text_arguments})
        elif self.text_arguments:
            shown = ", ".join(self.text_arguments)
            raise OptionError(f"rx_import: {shown} is for delimited text; the input is {type(data).__name__}")
        if not isinstance(data, RxTextData):
            source = as_source(data, caller="rx_import", rows_per_block=given["rows_per_read"])
            return retyped(source, self._requests(None, False), keep=keep, drop=drop, caller="rx_import")
        requests = self._requests(appended_to, True)
        merged = ColumnRequests(
            (*data.requests.info, *requests.info),
            (*data.requests.classes, *requests.classes),
            data.requests.strings_as_factors if given["strings_as_factors"] is None else given["strings_as_factors"],
        )
        return data.source_with(merged, keep=keep, drop=drop, caller="rx_import", rows_per_block=given["rows_per_read"])

    def _is_text(self, path: str | os.PathLike[str]) -> bool:
        if self.given["type"] in ("text", "textFast"):
            return True
        if any(character in os.fspath(path) for character in "*?["):
            return kind_of(path) in ("text", None)
        found = find_input(path, "rx_import")
        return (folder_kind(found, "rx_import") if found.is_dir() else kind_of(found)) == "text"

    def _transforms(self) -> dict[str, Any]:
        names = (
            "row_selection",
            "transforms",
            "transform_objects",
            "transform_function",
            "transform_variables",
            "transform_packages",
        )
        return {name: self.given[name] for name in names if self.given[name] is not None}

    def _transformed(self, source: Source) -> tuple[Source, tuple[str, ...]]:
        """The source after the transforms, and the columns to write: chosen ones and new ones."""
        transforms = self._transforms()
        if not transforms:
            return source, source.schema.names
        from rxcore.sources.transformed import wrap

        seen = wrap(source, **transforms, caller="rx_import")
        known = source.schema.names
        keep, drop = (_new_names(source, self.given[choice]) for choice in ("vars_to_keep", "vars_to_drop"))
        chosen = select_names(known, keep, drop, "rx_import", source.label)
        return seen, tuple(name for name in seen.schema.names if name in chosen or name not in known)

    def _frame(self, source: Source, names: tuple[str, ...]) -> pd.DataFrame:
        n_rows = self._number_rows()
        most = most_rows(len(names), self.given["max_rows_by_columns"], "rx_import")
        # One row more than allowed tells that there are more, also where the source does not know its length.
        limit = n_rows if most is None else most + 1 if n_rows is None else min(n_rows, most + 1)
        frame = import_to_frame(source, names, limit, self._sink(), "rx_import")
        if most is not None and len(frame) > most:
            warn_of_fewer_rows(most, len(names), "rx_import", "number_rows or vars_to_keep")
            return frame.iloc[:most]
        return frame


def _new_names(source: Source, choice: Sequence[str] | None) -> Sequence[str] | None:
    """A choice of columns by the names that they get."""
    if choice is None or isinstance(choice, str) or not isinstance(source, RetypedSource):
        return choice
    after = {plan.source.name: plan.field.name for plan in source.plans}
    return [name if name in source.schema else after.get(name, name) for name in choice]


def _types_of(path: str, known: set[str | None]) -> list[ColumnRequest]:
    """Types of the columns of a file, for text that is appended to it."""
    try:
        with xdf.open(path) as file:
            schema = file.schema
    except xdf.XdfError as error:
        raise SourceError(f"rx_import: append: {error}") from error
    wanted = []
    for field in schema:
        name = type_name(field.type, field.ordered)
        if field.name not in known and name in _APPENDED_TYPES:
            kind = column_type("int64" if name == "integer" else name, field.name, "rx_import")
            wanted.append(ColumnRequest(field.name, type=kind))
    return wanted
