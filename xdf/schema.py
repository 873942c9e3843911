"""Column descriptions: logical type, factor levels, labels. Frozen; checked when they are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import pyarrow as pa

from xdf.errors import XdfColumnError, XdfSchemaError

FACTOR_TYPE = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True)
class Field:
    """One column as users know it.

    Attributes
    ----------
    name : str
    type : pyarrow.DataType
        The logical type. A factor is ``dictionary<int32, string>``; how a block stores it is the block's business.
    levels : tuple of str, or None
        Factor levels in order; None for every other type.
    ordered : bool
        Whether the order of the levels means something.
    description : str
    low, high : float or None
        Metadata range of a numeric column: normally its true minimum and maximum. None for a factor, whose range is
        ``1 .. len(levels)``.
    value_codes, value_labels : tuples
        Labels of single values, as SPSS, Stata and SAS files carry them.
    """

    name: str
    type: pa.DataType
    levels: tuple[str, ...] | None = None
    ordered: bool = False
    description: str = ""
    low: float | None = None
    high: float | None = None
    value_codes: tuple[float | str, ...] = ()
    value_labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise XdfSchemaError("a column needs a name; got an empty one")
        if self.is_factor != (self.levels is not None):
            raise XdfSchemaError(
                f"column {self.name!r}: factor levels go with the factor type; got type {self.type} and "
                f"levels {'given' if self.levels is not None else 'missing'}"
            )
        if self.levels is not None and len(set(self.levels)) != len(self.levels):
            raise XdfSchemaError(
                f"column {self.name!r}: factor level {_first_twice(self.levels)!r} stands twice; levels must differ"
            )
        if len(self.value_codes) != len(self.value_labels):
            raise XdfSchemaError(
                f"column {self.name!r}: {len(self.value_codes)} value codes but {len(self.value_labels)} value labels"
            )

    @property
    def is_factor(self) -> bool:
        return isinstance(self.type, pa.DictionaryType)

    @property
    def is_string(self) -> bool:
        return bool(pa.types.is_string(self.type) or pa.types.is_large_string(self.type))

    @property
    def is_numeric(self) -> bool:
        """Whether kernels can read it as a number: integers, floats, booleans, dates, times and durations."""
        kind = self.type
        return bool(
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_temporal(kind)
        )

    def with_(self, **changes: object) -> Field:
        """A copy with some attributes changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def factor_field(name: str, levels: Iterable[str], **labels: object) -> Field:
    """A factor column with these levels, in this order."""
    return Field(name, FACTOR_TYPE, levels=tuple(levels), **labels)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a source or file, in order, with distinct names."""

    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise XdfSchemaError(f"two columns are called {_first_twice(names)!r}; names must differ")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __contains__(self, name: object) -> bool:
        return any(field.name == name for field in self.fields)

    def field(self, name: str) -> Field:
        """The column of that name.

        Raises
        ------
        XdfColumnError
            When there is none; the message names the closest ones.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise XdfColumnError(missing_column_message(name, self.names))

    def select(self, names: Sequence[str]) -> Schema:
        """These columns, in the order asked for."""
        return Schema(tuple(self.field(name) for name in names))

    def to_arrow(self) -> pa.Schema:
        """The same columns as an Arrow schema (labels and levels are not part of it)."""
        return pa.schema([pa.field(field.name, field.type) for field in self.fields])


def _first_twice(texts: Iterable[str]) -> str:
    """The first text that has been there before."""
    seen: set[str] = set()
    return next(text for text in texts if text in seen or seen.add(text))  # type: ignore[func-returns-value]


def missing_column_message(name: str, known: Sequence[str]) -> str:
    """``column 'incme' is not there. Closest: 'income'. 3 columns: ...`` — worded alike everywhere."""
    closest = get_close_matches(name, known, n=3, cutoff=0.6)
    if not closest:
        closest = [other for other in known if other.lower() == name.lower()]
    hint = f" Closest: {', '.join(repr(other) for other in closest)}." if closest else ""
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return f"column {name!r} is not there.{hint} {len(known)} columns: {shown}"
