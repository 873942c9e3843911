"""Looking into states and results: fingerprints to the bit, and comparisons with a stated bound.

``first_difference`` and ``fingerprint`` see every bit of a nested value. A *comparison* decides whether two results
agree: :class:`Exact` for counts, :class:`Rounding` for floating point, :class:`NamedBound` for sketches.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

EPSILON = float(np.finfo(np.float64).eps)

Leaf = tuple[str, str, Any]
"""Path, kind, value. The value is a NumPy array, or a plain Python object with a telling ``repr``."""

_PLAIN = (bool, int, str, bytes, type(None), complex)
_ARROW = (pa.Array, pa.ChunkedArray, pa.Scalar, pa.RecordBatch, pa.Table)


class _Length(int):
    """How many items a container has: part of the shape, not of the content."""


class _Name(str):
    """What a function or class is called: all that can be compared of it."""

    __slots__ = ()


def leaves(value: Any, path: str = "") -> Iterator[Leaf]:
    """Every leaf of a nested value in a fixed order: containers, dataclasses and objects are walked into."""
    yield from _leaves(value, path, ())


def _leaves(value: Any, path: str, above: tuple[int, ...]) -> Iterator[Leaf]:
    if id(value) in above:
        raise TypeError(f"the value at {path or 'its root'} contains itself")
    inside = (*above, id(value))
    kind = type(value).__qualname__
    single = _single_leaf(value, kind)
    if single is not None:
        yield path, *single
    elif isinstance(value, Mapping):
        yield path, kind, _Length(len(value))
        for key, item in value.items():
            yield from _leaves(item, f"{path}[{key!r}]", inside)
    elif isinstance(value, Sequence | np.ndarray):
        yield path, kind, _Length(len(value))
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}[{number}]", inside)
    else:
        attributes = _attributes(value)
        if attributes is None:
            yield path, kind, repr(value)
            return
        yield path, kind, _Length(len(attributes))
        for name, item in attributes.items():
            yield from _leaves(item, f"{path}.{name}", inside)


def _single_leaf(value: Any, kind: str) -> tuple[str, Any] | None:
    """Kind and value of what is not walked into; None for what is."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return f"ndarray[{value.dtype.str}]{value.shape}", value
    if isinstance(value, np.generic | float):
        return kind, np.asarray(value)
    if isinstance(value, _PLAIN):
        return kind, value
    if isinstance(value, _ARROW):
        type_name = value.schema if isinstance(value, pa.RecordBatch | pa.Table) else value.type
        return f"{kind} {type_name}", value.as_py() if isinstance(value, pa.Scalar) else value.to_pylist()
    if isinstance(value, AbstractSet):
        return kind, sorted(map(repr, value))
    if callable(value) and hasattr(value, "__qualname__"):
        return kind, _Name(f"{value.__module__}.{value.__qualname__}")
    return None


def _attributes(value: Any) -> dict[str, Any] | None:
    """The data of an object by name, or None where there is nothing to look into, as in a date."""
    if dataclasses.is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    if not hasattr(value, "__dict__") and not slots:
        return None
    held = {name: getattr(value, name) for name in slots if hasattr(value, name) and not name.startswith("__")}
    return held | dict(getattr(value, "__dict__", {}))


def _bytes(value: Any) -> bytes:
    return np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()


def fingerprint(value: Any) -> str:
    """A hash of every bit of a nested value: its shape, types, numbers and text."""
    digest = hashlib.blake2b(digest_size=16)
    for path, kind, leaf in leaves(value):
        digest.update(f"{path}\0{kind}\0".encode())
        digest.update(_bytes(leaf))
    return digest.hexdigest()


def first_difference(actual: Any, expected: Any) -> str | None:
    """Where two nested values first differ by a bit, in words; None when they are the same."""
    for one, other in zip_longest(leaves(actual), leaves(expected)):
        if one is None or other is None:
            missing, present = ("the first", other) if one is None else ("the second", one)
            return f"{present[0] or 'value'} is missing in {missing}"
        if one[0] != other[0]:
            return f"{one[0] or 'value'} stands where {other[0] or 'value'} was expected"
        if one[1] != other[1]:
            return f"{one[0] or 'value'} is {one[1]}, expected {other[1]}"
        if _bytes(one[2]) != _bytes(other[2]):
            return f"{one[0] or 'value'} is {_shown(one[2], other[2])}"
    return None


def _shown(actual: Any, expected: Any) -> str:
    """Both values, shortened to where they differ."""
    if isinstance(actual, np.ndarray) and actual.ndim:
        differs = np.flatnonzero((actual != expected) & ~((actual != actual) & (expected != expected)))
        if len(differs):
            first = int(differs[0])
            return f"{actual.flat[first].item()!r} at element {first}, expected {expected.flat[first].item()!r}"
        return "different in the sign of zero or the bits of NaN"
    return f"{_short(actual)}, expected {_short(expected)}"


def _short(value: Any) -> str:
    text = repr(value.item() if isinstance(value, np.ndarray) else value)
    return text if len(text) <= 200 else text[:197] + "..."


def nbytes_of(value: Any) -> int:
    """Bytes of the numbers, text and arrays in a nested value; a plain number counts 8, containers nothing."""
    total = 0
    for _, _, leaf in leaves(value):
        if isinstance(leaf, _Length):
            continue
        size = 8
        if isinstance(leaf, np.ndarray):
            size = leaf.nbytes if leaf.ndim else 8
        elif isinstance(leaf, str | bytes) and not isinstance(leaf, _Name):
            size = len(leaf)
        elif isinstance(leaf, list):
            size = sum(len(str(item)) for item in leaf)
        total += size
    return total


@dataclass(frozen=True, slots=True)
class Sample:
    """The data a comparison is about: its rows, and the condition number kappa = sqrt(1 + mean^2 / variance)."""

    n_rows: int
    condition: float


class Comparison(Protocol):
    """Whether two results agree."""

    def disagreement(self, actual: Any, expected: Any, sample: Sample) -> str | None:
        """What disagrees, in words; None when they agree."""
        ...


@dataclass(frozen=True, slots=True)
class Exact:
    """Equal as values: 3 equals np.int64(3), missing equals missing. For counts, levels, extremes."""

    def disagreement(self, actual: Any, expected: Any, sample: Sample) -> str | None:
        """What disagrees, in words; None when they agree."""
        return _disagreement(actual, expected, lambda path, size: np.zeros_like(size), "exactly equal")


@dataclass(frozen=True, slots=True)
class Rounding:
    """Floats within ``constant * (kappa + sqrt(n)) * eps * max(|expected|, floor)``; everything else exact.

    Parameters
    ----------
    constant : float, default 4
        The worst measured for a streamed variance is 1.1.
    floor : float or mapping of str to float, default 0
        The size below which an error counts as absolute, for results that are small differences of large numbers. As a
        mapping: for results whose path (``.mean``, ``.table[2]``) ends so.
    whole_arrays : bool, default False
        Measure each array against its largest element instead of element by element.
    """

    constant: float = 4.0
    floor: float | Mapping[str, float] = field(default=0.0, hash=False)
    whole_arrays: bool = False

    def disagreement(self, actual: Any, expected: Any, sample: Sample) -> str | None:
        """What disagrees, in words; None when they agree."""
        share = self.constant * (sample.condition + sample.n_rows**0.5) * EPSILON

        def allowed(path: str, size: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            if self.whole_arrays and size.size:
                size = np.full_like(size, np.nanmax(size, initial=0.0, where=np.isfinite(size)))
            floored: npt.NDArray[np.float64] = np.maximum(size, self._floor(path))
            room: npt.NDArray[np.float64] = share * floored
            return room

        bound = f"{self.constant:g} * (kappa {sample.condition:.3g} + sqrt({sample.n_rows})) * eps"
        return _disagreement(actual, expected, allowed, bound)

    def _floor(self, path: str) -> float:
        if isinstance(self.floor, Mapping):
            return next((size for ending, size in self.floor.items() if path.endswith(ending)), 0.0)
        return self.floor


@dataclass(frozen=True, slots=True)
class NamedBound:
    """Results that are approximate by design, such as quantile sketches: a named error within a declared bound.

    Parameters
    ----------
    name : str
        What the error is called: ``"rank error"``.
    error : callable (actual, expected) -> float
    bound : float
        The largest error that the statistic promises.
    """

    name: str
    error: Callable[[Any, Any], float]
    bound: float

    def disagreement(self, actual: Any, expected: Any, sample: Sample) -> str | None:
        """What disagrees, in words; None when they agree."""
        error = self.error(actual, expected)
        return None if error <= self.bound else f"the {self.name} is {error:.6g}, the bound is {self.bound:.6g}"


def _disagreement(
    actual: Any,
    expected: Any,
    allowed: Callable[[str, npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    bound: str,
) -> str | None:
    for one, other in zip_longest(leaves(actual), leaves(expected)):
        if one is None or other is None or one[0] != other[0]:
            paths = [leaf[0] or "value" if leaf else "nothing" for leaf in (one, other)]
            return f"{paths[0]} stands where {paths[1]} was expected"
        path, got, wanted = one[0], one[2], other[2]
        if not (_is_number(got) and _is_number(wanted)):
            if _bytes(got) != _bytes(wanted):
                return f"{path or 'value'} is {_short(got)}, expected {_short(wanted)}"
            continue
        found = _numbers_disagree(path, np.asarray(got), np.asarray(wanted), allowed)
        if found is not None:
            return f"{found}; bound: {bound}"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, np.ndarray) and value.dtype.kind in "biuf")


def _numbers_disagree(
    path: str,
    got: npt.NDArray[Any],
    wanted: npt.NDArray[Any],
    allowed: Callable[[str, npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> str | None:
    name = path or "value"
    if got.shape != wanted.shape:
        return f"{name} has shape {got.shape}, expected {wanted.shape}"
    same = (got == wanted) | ((got != got) & (wanted != wanted))  # NaN equals NaN here
    if got.dtype.kind == "f" or wanted.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            error = np.abs(got.astype(np.float64) - wanted.astype(np.float64))
            room = allowed(path, np.abs(wanted.astype(np.float64)))
            same = same | (np.isfinite(error) & (error <= room))
    if bool(same.all()):
        return None
    first = int(np.flatnonzero(~same.ravel())[0])
    where = f"{name} element {first}" if got.ndim else name
    return f"{where} is {got.flat[first].item()!r}, expected {wanted.flat[first].item()!r}"
