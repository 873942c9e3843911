"""RxTextData: delimited text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from rxcore.api.data_source_base import FileName, RxDataSource, check_file, check_file_system, file_label
from rxcore.arguments import refuse_unbuilt, take_spellings
from rxcore.metadata import ColumnRequests
from rxcore.sources.base import Source
from rxcore.sources.paths import expand_files
from rxcore.sources.resolve import block_rows
from rxcore.sources.text_open import TextOptions, open_text_source

_DATE_FORMAT = "[%y[-][/]%m[-][/]%d]"
_TIME_FORMAT = "%y[-][/]%m[-][/]%d [%H:%M[:%S]][%p]"
DEFAULT_ROWS_PER_READ = 500_000


class RxTextData(RxDataSource):
    """Delimited text: a file, a folder of files, a glob or a list; plain or .gz, .zst, .bz2.

    Parameters
    ----------
    file : str, path-like or list of those
    strings_as_factors : bool, default False
        Read strings as factors, levels in order of first appearance.
    column_classes : dict of str to str, optional
        Column types: bool (logical), integer, int16, uint16, int64, float32, numeric (float64), character (string),
        factor, ordered, Date, POSIXct. Wins over ``strings_as_factors``.
    column_info : dict of str to dict, or list of dicts with ``index``, optional
        For each column any of ``type``, ``levels`` (values that become levels; others become missing), ``newLevels``
        (what they are called then), ``newName``, ``description``, ``low``, ``high``, and ``index`` (position counted
        from 1, for files without a header). Wins over ``column_classes``.
    vars_to_keep, vars_to_drop : list of str, optional
        Columns to read; one of the two; names as they are in the file.
    missing_value_string : str, default "NA"
        Marks missing values, besides nothing at all between two delimiters.
    rows_per_read : int, default 500000
        Rows of a block. At its default it follows RxOptions ``rowsPerBlock``.
    delimiter : str, optional
        Found out among comma, tab, semicolon, pipe and space when None.
    combine_delimiters : bool, default False
        Take runs of delimiters as one. Spaces always combine.
    quote_mark : str, default '"'
        Empty for none.
    decimal_point : str, default "."
    first_row_is_column_names : bool, optional
        None: the first row holds names when all its values look like text and the second row has a number. Without a
        header the columns are called V1, V2, ...
    rows_to_sniff : int, default 10000
        Rows that decide the types of columns that are not told. Whole numbers become int64, which blocks store as
        narrow as they are, True/False and T/F bool, ISO dates and times Date and POSIXct.
    rows_to_skip : int, default 0
        Lines to leave out at the start.
    default_decimal_column_type : {"numeric", "float32"}, optional
        Type of decimals; default RxOptions ``defaultDecimalColType``.
    default_missing_column_type : {"numeric", "float32", "character"}, optional
        Type of columns that are empty as far as was sniffed; default RxOptions ``defaultMissingColType``.
    input_encoding : str, default "utf-8"
    file_system : str or RxFileSystem, default "native"
    return_data_frame, default_read_buffer_size, quoted_delimiters, use_fast_read, verbose, check_vars_to_keep
        Accepted for compatibility: there is one reader, it reads delimiters inside quotes, and columns that are asked
        for must be there.
    thousands_separator, read_date_format, read_posixct_format, century_cutoff, is_fixed_format, write_precision,
    strip_zeros, create_file_set, rows_per_out_file, write_factors_as_indexes
        Not available in this version; another value than the default is refused.

    Raises
    ------
    OptionError, ArgumentNameError
        When an argument is wrong or unknown. Whether the file is there is found out when it is read.

    Examples
    --------
    >>> RxTextData("flights.csv", missing_value_string="M", strings_as_factors=True)
    RxTextData('flights.csv', strings_as_factors=True, missing_value_string='M')
    """

    def __init__(
        self,
        file: FileName | Sequence[FileName],
        strings_as_factors: bool = False,
        column_classes: Mapping[str, str] | None = None,
        column_info: Any = None,
        vars_to_keep: Sequence[str] | None = None,
        vars_to_drop: Sequence[str] | None = None,
        missing_value_string: str = "NA",
        rows_per_read: int = DEFAULT_ROWS_PER_READ,
        delimiter: str | None = None,
        combine_delimiters: bool = False,
        quote_mark: str = '"',
        decimal_point: str = ".",
        thousands_separator: str | None = None,
        read_date_format: str = _DATE_FORMAT,
        read_posixct_format: str = _TIME_FORMAT,
        century_cutoff: int = 20,
        first_row_is_column_names: bool | None = None,
        rows_to_sniff: int = 10000,
        rows_to_skip: int = 0,
        return_data_frame: bool = True,
        default_read_buffer_size: int = 10000,
        default_decimal_column_type: str | None = None,
        default_missing_column_type: str | None = None,
        write_precision: int = 7,
        strip_zeros: bool = False,
        quoted_delimiters: bool = False,
        is_fixed_format: bool | None = None,
        use_fast_read: bool | None = True,
        create_file_set: bool | None = None,
        rows_per_out_file: int | None = None,
        verbose: int = 0,
        check_vars_to_keep: bool = False,
        file_system: Any = "native",
        input_encoding: str = "utf-8",
        write_factors_as_indexes: bool = False,
        **kwargs: Any,
    ) -> None:
        arguments = {name: value for name, value in locals().items() if name not in ("self", "kwargs", "__class__")}
        owner = type(self).__name__
        take_spellings(owner, kwargs, {}, type(self))
        super().__init__(column_info)
        check_file(owner, file, several=True)
        check_file_system(owner, file_system)
        parameters = signature(type(self)).parameters
        refuse_unbuilt(owner, **{name: (arguments[name], parameters[name].default) for name in _UNBUILT_TEXT})
        if is_fixed_format:
            refuse_unbuilt(owner, is_fixed_format=(is_fixed_format, None))
        self.requests = ColumnRequests.parse(column_info, column_classes, strings_as_factors, owner)
        block_rows(rows_per_read, owner)
        for name, value in arguments.items():
            setattr(self, name, value)

    def source(self, *, caller: str | None = None, rows_per_block: int | None = None) -> Source:
        """The files with decided names and types; looks at the first rows of the first file, and at every header."""
        return self.source_with(self.requests, caller=caller, rows_per_block=rows_per_block)

    def source_with(
        self,
        requests: ColumnRequests,
        *,
        keep: Sequence[str] | None = None,
        drop: Sequence[str] | None = None,
        caller: str | None = None,
        rows_per_block: int | None = None,
    ) -> Source:
        """The same with other requests about columns; ``keep`` or ``drop``, when given, replace its own choice."""
        caller = caller or type(self).__name__
        given = vars(self)
        chosen = keep is not None or drop is not None
        if rows_per_block is None and given["rows_per_read"] != DEFAULT_ROWS_PER_READ:
            rows_per_block = given["rows_per_read"]
        options = TextOptions(
            delimiter=given["delimiter"],
            header=given["first_row_is_column_names"],
            missing=given["missing_value_string"],
            quote=given["quote_mark"] or "",
            decimal=given["decimal_point"],
            combine=given["combine_delimiters"],
            encoding=given["input_encoding"],
            rows_to_sniff=given["rows_to_sniff"],
            rows_to_skip=given["rows_to_skip"],
            decimal_type=given["default_decimal_column_type"],
            missing_type=given["default_missing_column_type"],
        )
        return open_text_source(
            expand_files(given["file"], "text", caller),
            options,
            requests,
            keep=keep if chosen else given["vars_to_keep"],
            drop=drop if chosen else given["vars_to_drop"],
            rows_per_block=block_rows(rows_per_block, caller),
            label=file_label(given["file"]),
            caller=caller,
        )


_UNBUILT_TEXT = (
    "thousands_separator",
    "read_date_format",
    "read_posixct_format",
    "century_cutoff",
    "write_precision",
    "strip_zeros",
    "create_file_set",
    "rows_per_out_file",
    "write_factors_as_indexes",
)
