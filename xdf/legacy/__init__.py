"""Files of RevoScaleR, Machine Learning Server and SQL Server Machine Learning Services.

They have the suffix .xdf too, and another layout, which Microsoft never published: docs/legacy-xdf.md says what is
known of it. :func:`xdf.open` recognises and reads them; nothing here writes them. ``xdf.legacy.migrate`` brings them
over to the format of this package, Parquet or text.
"""

from xdf.legacy.composite import LegacySet
from xdf.legacy.reader import LegacyFile, LegacyTable, Reading

__all__ = ["LegacyFile", "LegacySet", "LegacyTable", "Reading"]
