"""What all data sources that users make have in common."""

from __future__ import annotations

import os
from collections.abc import Sequence
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from rxcore.errors import OptionError, SourceError, UnsupportedInContextError
from rxcore.options import RxOptions
from rxcore.sources.base import Source

if TYPE_CHECKING:
    import pandas as pd

FileName = str | os.PathLike[str]


class RxFileSystem:
    """A file system, by name.

    Parameters
    ----------
    file_system_type : str, default "native"

    Examples
    --------
    >>> RxFileSystem().file_system_type()
    'native'
    """

    def __init__(self, file_system_type: str = "native") -> None:
        self._file_system_type = file_system_type

    def file_system_type(self) -> str:
        """The name of the file system."""
        return self._file_system_type

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._file_system_type!r})"


class RxNativeFileSystem(RxFileSystem):
    """The file system of this machine."""

    def __init__(self) -> None:
        super().__init__("native")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RxDataSource:
    """Base of all data sources.

    Parameters
    ----------
    column_info : dict, optional
        See :class:`RxTextData`.
    """

    is_rx_data_source = True

    def __init__(self, column_info: Any = None) -> None:
        self.column_info = column_info

    def source(self, *, caller: str | None = None, rows_per_block: int | None = None) -> Source:  # noqa: ARG002
        """The source behind it: schema and partitions. Opens the files."""
        raise SourceError(f"{caller or type(self).__name__}: {type(self).__name__} has no rows of its own")

    def head(self, num_rows: int = 6, report_progress: int | None = None) -> pd.DataFrame:  # noqa: ARG002
        """The first rows as a pandas DataFrame.

        Parameters
        ----------
        num_rows : int, default 6
        report_progress : int, optional
            Accepted for compatibility; so few rows need no report.
        """
        from rxcore.sources.rows import read_rows

        rows = _count("head", num_rows)
        # Small blocks, so that text is parsed no further than needed.
        source = self.source(caller=f"{type(self).__name__}.head", rows_per_block=max(rows, 1))
        return read_rows(source, start=0, n_rows=rows)

    def tail(self, num_rows: int = 6, report_progress: int | None = None) -> pd.DataFrame:  # noqa: ARG002
        """The last rows as a pandas DataFrame, indexed by row number counted from 0.

        Where the source does not know how many rows it has (text), all of it is read.

        Parameters
        ----------
        num_rows : int, default 6
        report_progress : int, optional
            Accepted for compatibility.
        """
        from rxcore.sources.rows import last_rows

        return last_rows(self.source(caller=f"{type(self).__name__}.tail"), _count("tail", num_rows))

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.source().schema.names)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns. Rows of text are counted by reading it."""
        from rxcore.sources.rows import count_rows

        source = self.source()
        return count_rows(source), len(source.schema)

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        # A source is there whether it has rows or not, and finding out may mean reading it.
        return True

    def __repr__(self) -> str:
        given = [
            f"{name}={getattr(self, name)!r}" if name != "file" else repr(getattr(self, name))
            for name, parameter in signature(type(self)).parameters.items()
            if parameter.kind is not Parameter.VAR_KEYWORD and getattr(self, name, None) != parameter.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"


def _count(method: str, num_rows: object) -> int:
    if not isinstance(num_rows, int) or isinstance(num_rows, bool) or num_rows < 0:
        raise OptionError(f"{method}: num_rows must be a whole number of at least 0; got {num_rows!r}")
    return num_rows


def check_file_system(owner: str, file_system: Any) -> None:
    """Refuse file systems that are not available here."""
    kind = file_system.file_system_type() if isinstance(file_system, RxFileSystem) else file_system
    if kind is None:
        kind = RxOptions.get_option("fileSystem")
    if kind != "native":
        raise UnsupportedInContextError(
            f"{owner}: file_system {kind!r} is not available here; allowed are 'native' and RxNativeFileSystem()"
        )


def check_file(owner: str, file: Any, several: bool) -> None:
    """Refuse what is no path, or no list of paths where several may be given."""
    if isinstance(file, (str, os.PathLike)) and os.fspath(file):
        return
    if several and isinstance(file, (list, tuple)) and all(isinstance(one, (str, os.PathLike)) for one in file):
        return
    allowed = "a path, or a list of paths" if several else "a path"
    raise OptionError(f"{owner}: file must be {allowed}; got {file!r}")


def file_label(file: FileName | Sequence[FileName]) -> str:
    """How results name these files."""
    if isinstance(file, (str, os.PathLike)):
        return f"File name: {os.fspath(file)}"
    names = [os.fspath(one) for one in file]
    return f"File name: {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
