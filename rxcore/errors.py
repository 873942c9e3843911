"""Everything rxcore raises or warns about. One positional message each, so that errors pickle between processes."""

from __future__ import annotations


class RxError(Exception):
    """Root of every error raised by rxcore."""


class OptionError(RxError, ValueError):
    """An argument or option has a value that is not allowed."""


class ArgumentNameError(RxError, TypeError):
    """An argument is unknown; the message names the closest one."""


class ColumnNotFoundError(RxError, KeyError):
    """A column that was asked for is not in the data."""

    def __str__(self) -> str:
        # KeyError prints the repr of its message, which mangles quotes and line breaks.
        return str(self.args[0]) if self.args else ""


class SourceError(RxError, OSError):
    """A data source cannot be read or written."""


class OutputExistsError(SourceError, FileExistsError):
    """The output is already there and overwrite was not asked for."""


class FormulaError(RxError, ValueError):
    """A formula or expression cannot be read or uses something that is not allowed."""


class DesignError(RxError, ValueError):
    """The data do not fit the model: wrong column type, unknown level, nothing left after deletion."""


class ModelFormatError(RxError, ValueError):
    """Bytes hold no model that this version can read, or a model cannot be written in the format asked for."""


class MemoryBudgetError(RxError, MemoryError):
    """The plan cannot keep within the memory budget; nothing was run."""


class PartitionError(RxError, RuntimeError):
    """A worker failed; names the partition and the original error."""


class UnsupportedInContextError(RxError, NotImplementedError):
    """The compute context cannot do this."""


class MissingExtraError(RxError, ImportError):
    """An optional package is not installed; the message says what to install."""


class RxWarning(UserWarning):
    """Root of every warning."""


class ConvergenceWarning(RxWarning):
    """The iterations stopped before the tolerances were met, or the data separate perfectly."""


class PrecisionWarning(RxWarning):
    """The result may have lost digits."""


class DataWarning(RxWarning):
    """The data were changed on the way in: truncated, converted, or rows left out."""
