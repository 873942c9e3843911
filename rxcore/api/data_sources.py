"""The data sources that users make: they hold arguments, and give a source when one is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rxcore.api.data_source_base import (
    FileName,
    RxDataSource,
    RxFileSystem,
    RxNativeFileSystem,
    check_file,
    check_file_system,
    file_label,
)
from rxcore.api.text_data import RxTextData
from rxcore.arguments import refuse_unbuilt, take_spellings
from rxcore.errors import OptionError
from rxcore.metadata import ColumnRequests
from rxcore.sources.base import Source
from rxcore.sources.columnar import ColumnarSource
from rxcore.sources.paths import expand_files, find_input, kind_of
from rxcore.sources.resolve import block_rows
from rxcore.sources.retyped import retyped
from rxcore.sources.xdf import XdfSource
from xdf.composite_writer import DEFAULT_BLOCKS_PER_FILE

__all__ = [
    "RxDataSource",
    "RxFileSystem",
    "RxNativeFileSystem",
    "RxOrcData",
    "RxParquetData",
    "RxTextData",
    "RxXdfData",
]


class RxXdfData(RxDataSource):
    """An .xdf file, or a composite set: a folder of data files that are read as one.

    Files and sets of RevoScaleR, Machine Learning Server and SQL Server are read as they are, and never written to;
    :func:`rx_import` brings them over.

    Parameters
    ----------
    file : str or path-like
        Relative paths are searched along RxOptions ``dataPath`` when they are read. A file ends in ``.xdf``; a path
        without a suffix is the folder of a composite set.
    vars_to_keep, vars_to_drop : list of str, optional
        Columns to read; one of the two.
    strings_as_factors : bool, default False
        Read string columns as factors.
    blocks_per_read : int, default 1
        Accepted for compatibility; blocks are always read one by one.
    return_data_frame : bool, default True
        Accepted for compatibility.
    file_system : str or RxFileSystem, default "native"
    create_composite_set : bool, optional
        Used when it is written. True: a composite set, in a folder with the name of the file but without ``.xdf``;
        False: a single file; default: what ``file`` says.
    create_partition_set : bool, optional
        Not available in this version.
    blocks_per_composite_file : int, default 3
        Blocks of each data file of a composite set.

    Raises
    ------
    OptionError, ArgumentNameError
        When an argument is wrong or unknown. Whether the file is there is found out when it is read.

    Examples
    --------
    >>> RxXdfData("flights.xdf", vars_to_keep=["ArrDelay"])
    RxXdfData('flights.xdf', vars_to_keep=['ArrDelay'])
    """

    def __init__(
        self,
        file: FileName,
        vars_to_keep: Sequence[str] | None = None,
        vars_to_drop: Sequence[str] | None = None,
        return_data_frame: bool = True,
        strings_as_factors: bool = False,
        blocks_per_read: int = 1,
        file_system: Any = "native",
        create_composite_set: bool | None = None,
        create_partition_set: bool | None = None,
        blocks_per_composite_file: int = 3,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        take_spellings(owner, kwargs, {}, type(self))
        super().__init__()
        check_file(owner, file, several=False)
        check_file_system(owner, file_system)
        refuse_unbuilt(owner, create_partition_set=(create_partition_set or None, None))
        check_blocks_per_file(owner, blocks_per_composite_file)
        if blocks_per_read < 1:
            raise OptionError(f"{owner}: blocks_per_read must be a whole number of at least 1; got {blocks_per_read!r}")
        self.file = os.fspath(file)
        self.vars_to_keep = vars_to_keep
        self.vars_to_drop = vars_to_drop
        self.return_data_frame = return_data_frame
        self.strings_as_factors = strings_as_factors
        self.blocks_per_read = blocks_per_read
        self.file_system = file_system
        self.create_composite_set = create_composite_set
        self.create_partition_set = create_partition_set
        self.blocks_per_composite_file = blocks_per_composite_file

    def source(self, *, caller: str | None = None, rows_per_block: int | None = None) -> Source:  # noqa: ARG002
        """The file, with the chosen columns. Blocks are those of the file, whatever ``rows_per_block``."""
        caller = caller or type(self).__name__
        path = composite_folder(self.file) if self.create_composite_set else self.file
        source = XdfSource(find_input(path, caller), f"File name: {path}")
        requests = ColumnRequests.parse(None, None, self.strings_as_factors, caller)
        return retyped(source, requests, keep=self.vars_to_keep, drop=self.vars_to_drop, caller=caller)


def composite_folder(file: FileName) -> str:
    """The folder of the composite set that is written for a file name."""
    return os.fspath(file).removesuffix(".xdf")


def check_blocks_per_file(owner: str, blocks: object) -> None:
    """Refuse what is no number of blocks."""
    if not isinstance(blocks, int) or isinstance(blocks, bool) or blocks < 1:
        raise OptionError(f"{owner}: blocks_per_composite_file must be a whole number of at least 1; got {blocks!r}")


def output_target(
    caller: str, argument: str, output: Any, composite: bool | None = None, blocks_per_file: int | None = None
) -> tuple[str, int | None]:
    """Where to write, and how many blocks go to each data file: None for a single file.

    Parameters
    ----------
    caller, argument : str
        For messages.
    output : RxXdfData, str or path-like
    composite : bool, optional
        Whether a composite set is asked for; else ``output`` says it, by its own argument or by its name.
    blocks_per_file : int, optional

    Raises
    ------
    OptionError
    """
    path = output.file if isinstance(output, RxXdfData) else output
    if isinstance(output, RxXdfData):
        composite = output.create_composite_set if composite is None else composite
        blocks_per_file = output.blocks_per_composite_file if blocks_per_file is None else blocks_per_file
    blocks_per_file = DEFAULT_BLOCKS_PER_FILE if blocks_per_file is None else blocks_per_file
    check_blocks_per_file(caller, blocks_per_file)
    if isinstance(path, (str, os.PathLike)) and os.fspath(path):
        if composite or (composite is None and (not Path(path).suffix or os.path.isdir(path))):
            return composite_folder(path), blocks_per_file
        if kind_of(path) == "xdf":
            return os.fspath(path), None
    raise OptionError(
        f"{caller}: {argument} must be an .xdf file (RxXdfData or its path), or a path without a suffix for a "
        f"composite set; got {output!r}"
    )


class _ColumnarData(RxDataSource):
    """What RxParquetData and RxOrcData have in common."""

    _kind = ""

    def __init__(
        self,
        file: FileName | Sequence[FileName] | None = None,
        column_info: Mapping[str, Any] | None = None,
        file_system: Any = None,
        write_factors_as_indexes: bool = False,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        take_spellings(owner, kwargs, {}, type(self))
        super().__init__(column_info)
        check_file(owner, file, several=True)
        check_file_system(owner, file_system)
        refuse_unbuilt(owner, write_factors_as_indexes=(write_factors_as_indexes, False))
        self._requests = ColumnRequests.parse(column_info, None, False, owner)
        self.file: Any = file
        self.file_system = file_system
        self.write_factors_as_indexes = write_factors_as_indexes

    def source(self, *, caller: str | None = None, rows_per_block: int | None = None) -> Source:
        """The files: their row groups or stripes, cut to at most ``rows_per_block`` rows."""
        caller = caller or type(self).__name__
        files = expand_files(self.file, self._kind.lower(), caller)
        source = ColumnarSource(files, self._kind, block_rows(rows_per_block, caller), file_label(self.file))
        return retyped(source, self._requests, caller=caller)


class RxParquetData(_ColumnarData):
    """Parquet on this machine: a file, a folder of files, a glob or a list.

    Row groups are the blocks, cut to at most RxOptions ``rowsPerBlock`` rows.

    Parameters
    ----------
    file : str, path-like or list of those
    column_info : dict of column name to dict, optional
        Keys ``type``, ``levels``, ``newLevels``, ``newName``, ``description``, ``low``, ``high``; see
        :class:`RxTextData`.
    file_system : str or RxFileSystem, optional
    write_factors_as_indexes : bool, default False
        Not available in this version.

    Examples
    --------
    >>> RxParquetData("flights.parquet", column_info={"carrier": {"type": "factor"}})
    RxParquetData('flights.parquet', column_info={'carrier': {'type': 'factor'}})
    """

    _kind = "Parquet"


class RxOrcData(_ColumnarData):
    """ORC on this machine: a file, a folder of files, a glob or a list.

    Stripes are the blocks, cut to at most RxOptions ``rowsPerBlock`` rows; a stripe is decoded whole.

    Parameters
    ----------
    file : str, path-like or list of those
    column_info : dict of column name to dict, optional
        As for :class:`RxParquetData`.
    file_system : str or RxFileSystem, optional
    write_factors_as_indexes : bool, default False
        Not available in this version.
    """

    _kind = "ORC"
