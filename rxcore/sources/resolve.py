"""Whatever a user passes as ``data``, as a source."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

import xdf
from rxcore.errors import OptionError, SourceError
from rxcore.metadata import ColumnRequests
from rxcore.options import RxOptions
from rxcore.sources.arrow import DatasetSource, StreamSource, TableSource
from rxcore.sources.base import Source
from rxcore.sources.columnar import ColumnarSource
from rxcore.sources.frame import FrameSource, is_frame
from rxcore.sources.paths import expand_files, find_input, kind_of, visible_files
from rxcore.sources.text_open import TextOptions, open_text_source
from rxcore.sources.xdf import XdfSource
from xdf.legacy import LegacyTable, Reading

ACCEPTED = (
    "a path (.xdf, .csv, .txt, .tsv, also .gz/.zst/.bz2, .parquet, .orc, or a folder of those), RxXdfData, RxTextData, "
    "RxParquetData, RxOrcData, a pandas or polars DataFrame, a pyarrow Table, RecordBatch, RecordBatchReader or "
    "Dataset, or any object with __arrow_c_stream__"
)


def block_rows(rows: int | None = None, caller: str = "rxcore") -> int:
    """Rows of a block where the source has none of its own: ``rows``, or RxOptions ``rowsPerBlock``."""
    value = RxOptions.get_option("rowsPerBlock") if rows is None else rows
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise OptionError(f"{caller}: the rows of a block must be a whole number of at least 1; got {value!r}")
    return value


def as_source(data: Any, *, caller: str, rows_per_block: int | None = None) -> Source:
    """A source for any kind of data.

    Parameters
    ----------
    data : object
        A source as it is; an ``Rx...Data`` object; a path (relative ones are searched along RxOptions ``dataPath``); a
        pandas or polars DataFrame; a pyarrow Table, RecordBatch, RecordBatchReader or Dataset; any object with
        ``__arrow_c_stream__``, which is read once.
    caller : str
        The public function, for messages.
    rows_per_block : int, optional
        Rows of a block where the data have no blocks of their own; default RxOptions ``rowsPerBlock``.

    Raises
    ------
    SourceError
        When the data cannot be read, or are of a kind that is not accepted.
    """
    give = getattr(data, "source", None)
    if callable(give) and getattr(data, "is_rx_data_source", False):
        given: Source = give(caller=caller, rows_per_block=rows_per_block)
        return given
    data = _reopened(data)
    if _is_source(data):
        own: Source = data
        return own
    rows = block_rows(rows_per_block, caller)
    if isinstance(data, (str, os.PathLike)):
        return path_source(data, rows_per_block=rows, caller=caller)
    if is_frame(data):
        return FrameSource(data, rows)
    if isinstance(data, pa.RecordBatchReader):
        return StreamSource(data, rows)
    if isinstance(data, pa.RecordBatch):
        return TableSource(pa.Table.from_batches([data]), rows)
    if isinstance(data, pa.Table):
        return TableSource(data, rows)
    if _is_dataset(data):
        return DatasetSource(data, rows)
    if hasattr(data, "__arrow_c_stream__"):
        if _is_in_memory_frame(data):
            return TableSource(pa.table(data), rows, "Data: frame")
        try:
            return StreamSource(pa.RecordBatchReader.from_stream(data), rows)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass  # a stream of something else than rows: a single column, for one
    raise SourceError(f"{caller}: {_refusal(data)} Accepted: {ACCEPTED}")


def _reopened(data: Any) -> Any:
    """An open .xdf file or set as a source with its blocks.

    One that is elsewhere, or that was opened in a way of its own, is read as a stream.
    """
    if not isinstance(data, xdf.OpenFile) or not isinstance(data.path, os.PathLike):
        return data
    if isinstance(data, LegacyTable) and data.reading != Reading():
        return data
    return XdfSource(data.path)


def _is_source(data: Any) -> bool:
    # By the class: looking at the attributes of foreign objects may set off work, and that of sources may read.
    return all(callable(getattr(type(data), method, None)) for method in ("partitions", "block_nbytes"))


def _is_dataset(data: Any) -> bool:
    # Whoever has a dataset has imported the module; importing it here would load pandas for everybody.
    module = sys.modules.get("pyarrow.dataset")
    return module is not None and isinstance(data, module.Dataset)


def _is_in_memory_frame(data: Any) -> bool:
    """A polars frame: its stream shares memory, can be taken again and again, and its length is known."""
    kind = type(data)
    return kind.__module__.split(".")[0] == "polars" and kind.__name__ == "DataFrame"


def _refusal(data: Any) -> str:
    kind = type(data)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if kind.__name__ == "LazyFrame":
        return f"a {name} has no rows yet; pass its .collect()."
    if kind.__name__ == "Series":
        return f"a {name} is one column; pass its .to_frame()."
    if isinstance(data, (list, tuple)) and data and all(isinstance(item, (str, os.PathLike)) for item in data):
        return (
            "a list of paths does not say what the files are; pass RxTextData(list), RxParquetData(list) or "
            "RxOrcData(list)."
        )
    return f"data of type {name} cannot be read."


def path_source(path: str | os.PathLike[str], *, rows_per_block: int, caller: str) -> Source:
    """The source of a file or folder, by its suffix and what is in it."""
    text = os.fspath(path)
    kind = kind_of(text)
    if glob.has_magic(text) and not os.path.exists(os.path.expanduser(text)):
        files: Sequence[str] = expand_files(text, kind or "text", caller)
        kind = kind or kind_of(files[0])
    else:
        found = find_input(text, caller)
        kind = folder_kind(found, caller) if found.is_dir() else kind
        files = expand_files(found, kind, caller) if kind not in (None, "xdf") else [str(found)]
    label = f"File name: {text}"
    if kind == "xdf":
        return XdfSource(files[0], label)
    if kind == "text":
        return open_text_source(
            files, TextOptions(), ColumnRequests(), rows_per_block=rows_per_block, label=label, caller=caller
        )
    if kind in ("parquet", "orc"):
        return ColumnarSource(files, "Parquet" if kind == "parquet" else "ORC", rows_per_block, label)
    raise SourceError(
        f"{caller}: {text!r}: the suffix does not say what the file is; wrap it: RxTextData({text!r}), "
        f"RxParquetData(...), RxOrcData(...) or RxXdfData(...)"
    )


def folder_kind(folder: Path, caller: str) -> str:
    """What the files of a folder are.

    Raises
    ------
    SourceError
        When they are of several kinds, or of none.
    """
    if (folder / "metadata").is_dir() and (folder / "data").is_dir():
        if any(path.suffix == ".xdfp" for path in (folder / "metadata").iterdir()):
            raise SourceError(f"{caller}: {str(folder)!r} is a partitioned .xdf set, which is not available yet")
        return "xdf"
    kinds = {kind_of(path) for path in visible_files(folder)} - {None}
    if len(kinds) == 1:
        kind = kinds.pop()
        if kind == "xdf":
            raise SourceError(f"{caller}: {str(folder)!r} is a folder of .xdf files; pass one of them")
        return str(kind)
    inner = sorted(path.name for path in folder.iterdir() if path.is_dir() and "=" in path.name)
    if inner:
        expand_files(folder, "parquet", caller)
    what = f"files of several kinds ({', '.join(sorted(map(str, kinds)))})" if kinds else "no file of a known kind"
    raise SourceError(
        f"{caller}: folder {str(folder)!r} holds {what}; say which: RxTextData(folder), RxParquetData(folder) or "
        "RxOrcData(folder)"
    )
