"""One thing that a check of a file has found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

NOTE, DAMAGED, LOST = "note", "damaged", "lost"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and where.

    Attributes
    ----------
    severity : str
        ``note``: worth knowing, nothing is wrong. ``damaged``: bytes are not what was written. ``lost``: content that
        cannot be read any more because of that.
    part : str
        ``header``, ``slot``, ``closing copy``, ``commit``, ``footer``, ``index``, ``levels``, ``chunk``,
        ``statistics``, ``tail``, or ``file`` of a composite set.
    message : str
        What is wrong, in words.
    block : int or None
    column : str or None
    offset, length : int or None
        Bytes of the file.
    file : str or None
        Which file of a composite set.
    """

    severity: str
    part: str
    message: str
    block: int | None = None
    column: str | None = None
    offset: int | None = None
    length: int | None = None
    file: str | None = None

    def __str__(self) -> str:
        place = [] if self.file is None else [self.file]
        if self.column is not None:
            place.append(f"column {self.column!r}")
        if self.block is not None:
            place.append(f"block {self.block}")
        if self.offset is not None and self.length is not None:
            place.append(f"bytes {self.offset:,} to {self.offset + self.length:,}")
        where = f" ({', '.join(place)})" if place else ""
        return f"{self.severity}: {self.part}{where}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)
