"""Everything that can go wrong with an .xdf file, under one root.

Each class takes one positional message, so that it survives pickling between processes, and also derives from the
builtin that a caller who never heard of this package would catch.
"""

# Ends messages about damage: what to do.
SEE_REPAIR = ". xdf.verify says what else is damaged; xdf.repair makes a file of what is sound"


class XdfError(Exception):
    """Root of every error raised by this package."""


class XdfFormatError(XdfError, ValueError):
    """The bytes are not a readable .xdf file: foreign, truncated or contradictory."""


class XdfVersionError(XdfFormatError):
    """The file was written by a newer version of the format than this reader knows."""


class XdfChecksumError(XdfFormatError):
    """Stored bytes do not match their checksum."""


class XdfSchemaError(XdfError, ValueError):
    """Columns, types or factor levels do not fit the file or the format."""


class XdfColumnError(XdfError, KeyError):
    """A column that was asked for is not in the file."""

    def __str__(self) -> str:
        # KeyError prints the repr of its message, which mangles quotes and line breaks.
        return str(self.args[0]) if self.args else ""


class XdfExistsError(XdfError, FileExistsError):
    """The output is already there and overwriting was not asked for."""


class XdfLockedError(XdfError, BlockingIOError):
    """Another writer holds the file."""


class XdfWriteError(XdfError, OSError):
    """The operating system refused a write; the file keeps its last commit."""
