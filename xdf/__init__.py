"""The .xdf file: blocks of columns that are compressed, checksummed, appended to safely, and described in a footer.

The package stands on its own: pyarrow, numpy and zstandard are all it needs. See docs/xdf-format.md for the bytes.

Examples
--------
>>> import pyarrow as pa, tempfile, pathlib, xdf
>>> path = pathlib.Path(tempfile.mkdtemp(), "pets.xdf")
>>> schema = xdf.Schema((xdf.factor_field("kind", ["cat"]), xdf.Field("age", pa.int64())))
>>> with xdf.create(path, schema) as writer:
...     writer.write(pa.record_batch({"kind": ["dog", "cat"], "age": [3, 11]}))
>>> with xdf.open(path) as file:
...     file.schema.field("kind").levels, file.statistics("age").maximum
(('cat', 'dog'), 11.0)
"""

from xdf.columns import Column
from xdf.compact import CompactReport, compact
from xdf.composite import XdfSet
from xdf.composite_writer import CompositeWriter, DataFilePart, create_composite
from xdf.creation import create
from xdf.edits import XdfEditor, edit
from xdf.errors import (
    XdfChecksumError,
    XdfColumnError,
    XdfError,
    XdfExistsError,
    XdfFormatError,
    XdfLockedError,
    XdfSchemaError,
    XdfVersionError,
    XdfWriteError,
)
from xdf.findings import Finding
from xdf.foreign import describe_foreign, is_xdf
from xdf.ingest import write
from xdf.legacy import LegacyFile, LegacySet
from xdf.opened import OpenFile
from xdf.opening import append, open  # noqa: A004
from xdf.reader import XdfFile
from xdf.repair import RepairReport, repair
from xdf.scan import Scanner
from xdf.schema import FACTOR_TYPE, Field, Schema, factor_field
from xdf.stats import ColumnStatistics
from xdf.verify import VerifyReport, verify
from xdf.writer import XdfWriter

__all__ = [
    "FACTOR_TYPE",
    "Column",
    "ColumnStatistics",
    "CompactReport",
    "CompositeWriter",
    "DataFilePart",
    "Field",
    "Finding",
    "LegacyFile",
    "LegacySet",
    "OpenFile",
    "RepairReport",
    "Scanner",
    "Schema",
    "VerifyReport",
    "XdfChecksumError",
    "XdfColumnError",
    "XdfEditor",
    "XdfError",
    "XdfExistsError",
    "XdfFile",
    "XdfFormatError",
    "XdfLockedError",
    "XdfSchemaError",
    "XdfSet",
    "XdfVersionError",
    "XdfWriteError",
    "XdfWriter",
    "append",
    "compact",
    "create",
    "create_composite",
    "describe_foreign",
    "edit",
    "factor_field",
    "is_xdf",
    "open",
    "repair",
    "verify",
    "write",
]
