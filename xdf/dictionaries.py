"""One growing list of levels per factor: what a writer needs to turn any batch into global codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from xdf.errors import XdfSchemaError
from xdf.views import numbers_of

Codes = npt.NDArray[np.int32]

MISSING_CODE = -1
_MAX_LEVELS = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Unified:
    """A batch's factor in global codes, with the levels it would add. Nothing has changed until it is accepted."""

    codes: Codes
    new_levels: Sequence[str]
    local: pa.StringArray
    mapping: Codes


class GrowingDictionary:
    """The levels of one factor, in order; they are only ever added to, at the end."""

    def __init__(self, levels: Iterable[str] = ()) -> None:
        self._levels = list(levels)
        self._codes = {level: code for code, level in enumerate(self._levels)}
        self._last: Unified | None = None

    @property
    def levels(self) -> list[str]:
        """The levels so far; not to be changed."""
        return self._levels

    def unify(self, array: pa.Array) -> Unified:
        """Global codes of strings, or of a dictionary array with any dictionary of its own.

        New levels come in the order of the local dictionary, used or not; of strings, in order of first appearance.

        Raises
        ------
        XdfSchemaError
            The dictionary does not hold strings, or an index lies outside it. The message is the bare reason.
        """
        if not pa.types.is_dictionary(array.type):
            array = pc.dictionary_encode(array.cast(pa.string()))
        local = _as_strings(array.dictionary)
        mapping, new_levels = self._map(local)
        indices = array.indices
        missing = None
        if indices.null_count:
            missing = numbers_of(indices.is_null().cast(pa.uint8())).view(np.bool_)
            indices = indices.fill_null(0)
        numbers = numbers_of(indices)
        if missing is not None and missing.all():
            codes = np.full(len(numbers), MISSING_CODE, np.int32)
        else:
            _check_indices(numbers, len(local))
            codes = mapping[numbers]
        if missing is not None:
            codes[missing] = MISSING_CODE
        return Unified(codes, new_levels, local, mapping)

    def accept(self, unified: Unified) -> None:
        """Add the levels that the batch brought, once the batch is safely written."""
        for level in unified.new_levels:
            self._codes[level] = len(self._levels)
            self._levels.append(level)
        self._last = unified

    def _map(self, local: pa.StringArray) -> tuple[Codes, list[str]]:
        """Global codes of a local dictionary; blocks of one source tend to share it, so the last one is kept."""
        last = self._last
        if last is not None and local.equals(last.local):
            return last.mapping, []
        n_known = len(self._levels)
        added: dict[str, int] = {}
        mapping = np.empty(len(local), np.int32)
        for position, level in enumerate(local.to_pylist()):
            if level is None:
                mapping[position] = MISSING_CODE
                continue
            code = self._codes.get(level)
            if code is None:
                code = added.setdefault(level, n_known + len(added))
            mapping[position] = code
        if n_known + len(added) > _MAX_LEVELS:
            raise XdfSchemaError(f"a factor has at most {_MAX_LEVELS:,} levels; got {n_known + len(added):,}")
        return mapping, list(added)


def _as_strings(dictionary: pa.Array) -> pa.StringArray:
    kind = dictionary.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise XdfSchemaError(f"the levels of a factor are strings; got a dictionary of {kind}. Cast it to string first")
    try:
        strings = dictionary.cast(pa.string())
        strings.validate(full=True)
    except pa.ArrowInvalid as error:
        raise XdfSchemaError(f"the dictionary is not valid: {error}") from error
    return strings


def _check_indices(numbers: npt.NDArray[np.integer], n_levels: int) -> None:
    """Numpy would wrap a negative index around and give another row's level."""
    if len(numbers) and not (int(numbers.min()) >= 0 and int(numbers.max()) < n_levels):
        raise XdfSchemaError(
            f"dictionary indices run from {int(numbers.min())} to {int(numbers.max())}, "
            f"but the dictionary has {n_levels} values"
        )
