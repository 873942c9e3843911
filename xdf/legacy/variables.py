"""The variables of an old file: what their codes mean, and the columns they become."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from xdf.errors import XdfFormatError, XdfSchemaError
from xdf.legacy.objects import DTYPES, NamedObject, Storage, StoredObject
from xdf.schema import FACTOR_TYPE, Field

IS_DATE = 0x04
LEVELS = "labels"
# No sample has labels of values; these are the names that the product's functions give them.
_VALUE_CODES = ("valueinfocodes", "valuecodes")
_VALUE_LABELS = ("valueinfolabels", "valuelabels")
# Types and bits that were seen with each storage.
_SEEN_TYPES = {
    Storage.INT32: 0,
    Storage.FACTOR: 1,
    Storage.INT64: 2,
    Storage.FLOAT32: 3,
    Storage.FLOAT64: 4,
    Storage.STRING: 5,
}
_SEEN_LAST_FLAGS = (0x00, 0x02, 0x04)
_TYPES: dict[int, pa.DataType] = {
    Storage.INT32: pa.int32(),
    Storage.FACTOR: FACTOR_TYPE,
    Storage.INT64: pa.int64(),
    Storage.FLOAT32: pa.float32(),
    Storage.FLOAT64: pa.float64(),
    Storage.STRING: pa.string(),
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, as its file describes it.

    Attributes
    ----------
    name, description : str
    storage : int
    is_date : bool
        Days since 1970.
    low, high : float or None
    levels : tuple of str
        Of a factor.
    value_codes, value_labels : tuples
    width : int
        Bytes of a value; 0 for texts, and where it is not known.
    problem : str or None
        Why its values cannot be read.
    notes : tuple of str
    """

    name: str
    description: str
    storage: int
    is_date: bool
    low: float | None
    high: float | None
    levels: tuple[str, ...]
    value_codes: tuple[float | str, ...]
    value_labels: tuple[str, ...]
    width: int
    problem: str | None
    notes: tuple[str, ...]

    @property
    def is_factor(self) -> bool:
        return self.storage == Storage.FACTOR

    @property
    def type(self) -> pa.DataType:
        """The logical type of its column."""
        return pa.date32() if self.is_date else _TYPES[self.storage]

    @property
    def dtype(self) -> np.dtype[Any]:
        """How its numbers are stored."""
        return DTYPES[self.storage]

    def to_field(self) -> Field:
        """Its column."""
        return Field(
            self.name,
            self.type,
            levels=self.levels if self.is_factor else None,
            description=self.description,
            low=self.low,
            high=self.high,
            value_codes=self.value_codes,
            value_labels=self.value_labels,
        )


def variable_of(member: NamedObject, number: int) -> Variable:
    """The variable that a member of the list of variables describes."""
    name = member.name
    if not name:
        raise XdfFormatError(f"variable {number + 1} has no name")
    content = member.content
    if content is None:
        raise XdfFormatError(f"variable {name!r} has no description")
    notes: list[str] = []
    problem = None
    if not content.is_known or content.storage not in _TYPES:
        problem = f"its storage code {content.storage:#04x} (type {content.kind}) is unknown"
    elif content.kind != _SEEN_TYPES[Storage(content.storage)] or content.flags[3] not in _SEEN_LAST_FLAGS:
        notes.append(
            f"variable {name!r} has type {content.kind} and flags {content.flags.hex()}, which were never seen with "
            f"storage {content.storage:#04x}; it is read as {_TYPES[content.storage]}"
        )
    levels: tuple[str, ...] = ()
    if content.storage == Storage.FACTOR:
        levels, problem = _levels_of(content)
    codes, labels = _value_labels(content)
    known = (LEVELS, *_VALUE_CODES, *_VALUE_LABELS)
    strange = [one.name for one in content.attributes if one.name.lower() not in known]
    if strange:
        notes.append(f"variable {name!r} has attributes of unknown meaning: {', '.join(strange)}")
    low, high = _range_of(content)
    is_date = bool(content.flags[3] & IS_DATE) and content.storage in (Storage.INT32, Storage.FLOAT64, Storage.FLOAT32)
    width = DTYPES[content.storage].itemsize if problem is None and content.storage in DTYPES else 0
    return Variable(
        name, member.description, content.storage, is_date, low, high, levels, codes, labels, width, problem,
        tuple(notes),
    )  # fmt: skip


def _levels_of(content: StoredObject) -> tuple[tuple[str, ...], str | None]:
    """The levels of a factor, and what is wrong with them."""
    texts = next((one.content.texts for one in content.attributes if one.name.lower() == LEVELS and one.content), None)
    found = () if texts is None else texts
    levels = tuple(text for text in found if text is not None)
    if len(levels) < len(found):
        return (), f"level {found.index(None) + 1} is missing"
    try:
        Field("levels", FACTOR_TYPE, levels=levels)
    except XdfSchemaError as error:
        return (), str(error).partition(": ")[2]
    return levels, None


def _value_labels(content: StoredObject) -> tuple[tuple[float | str, ...], tuple[str, ...]]:
    found = {one.name.lower(): one.content for one in content.attributes}
    codes = next((found[name] for name in _VALUE_CODES if found.get(name) is not None), None)
    labels = next((found[name] for name in _VALUE_LABELS if found.get(name) is not None), None)
    if codes is None or labels is None or labels.texts is None:
        return (), ()
    values: list[Any] = list(codes.texts or ()) if codes.numbers is None else codes.numbers.tolist()
    pairs = [
        (value if isinstance(value, str) else float(value), label)
        for value, label in zip(values, labels.texts, strict=False)
        if value is not None and label is not None
    ]
    return tuple(value for value, _ in pairs), tuple(label for _, label in pairs)


def _range_of(content: StoredObject) -> tuple[float | None, float | None]:
    """Low and high where the file has them: they are reversed or extreme where no value was ever seen."""
    low, high = content.low, content.high
    if low is None or high is None or content.storage == Storage.FACTOR:
        return None, None
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        return None, None
    dtype = DTYPES[content.storage]
    limits: Any = np.iinfo(dtype) if dtype.kind == "i" else np.finfo(dtype)
    if (low == high == limits.max) or low == limits.min:
        return None, None
    return float(low), float(high)
