"""The narrowest number type that holds a column without losing a bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.generic]

_SIGNED = (np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64))
_BASE_LIMIT = 2**63
# Floats of so many bytes hold every integer up to the first number, and base plus value is exact in them where the
# value is an integer of at most the second number of bytes.
_INTEGRAL_LIMITS = {2: (2**11, 1), 4: (2**24, 2), 8: (2**53, 4)}
_SAMPLE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Narrow:
    """Numbers in a narrow type; ``base`` added gives the logical ones."""

    values: Values
    base: int = 0


def narrow(values: Values, float_width: int | None = None) -> Narrow:
    """The same numbers in the narrowest type that keeps them bit for bit.

    Parameters
    ----------
    values : numpy.ndarray
        Integers or floats, none of them a placeholder for a missing row. Not empty.
    float_width : int, optional
        Bytes of the logical float type where it is narrower than ``values`` (a float16 is computed as float32).
    """
    if values.dtype.kind != "f":
        return narrow_integers(values, values.dtype.itemsize)
    width = values.dtype.itemsize if float_width is None else float_width
    integral = _integral(values, width)
    if integral is not None:
        return integral
    if width == 2:
        return Narrow(values.astype(np.float16))
    if width == 8 and (single := _as_single(values)) is not None:
        return Narrow(single)
    return Narrow(values)


def narrow_integers(values: Values, widest: int) -> Narrow:
    """Integers in the narrowest signed type of less than ``widest`` bytes that holds them, else as they are.

    Without a base where that is no wider. The base lies in the middle of the range, so it is itself one of the type's
    numbers, and the differences are signed: kernels then meet four integer types, not eight.
    """
    lowest, highest = int(values.min()), int(values.max())
    for dtype in _SIGNED:
        if dtype.itemsize >= widest:
            break
        limits = np.iinfo(dtype)
        if lowest >= limits.min and highest <= limits.max:
            return Narrow(values.astype(dtype))
        base = lowest + (highest - lowest + 1) // 2
        if highest - lowest <= 2 * int(limits.max) + 1 and -_BASE_LIMIT <= base < _BASE_LIMIT:
            # Unsigned differences wrap, and the narrow type keeps the low bits: the result is right all the same.
            return Narrow(np.subtract(values, values.dtype.type(base)).astype(dtype), base)
    return Narrow(values)


def _integral(values: Values, width: int) -> Narrow | None:
    """Floats that are whole numbers (but no -0.0) as integers, where these are narrower or equally wide."""
    limit, widest = _INTEGRAL_LIMITS[width]
    # The sample refuses most columns of measured numbers before anything is read in full.
    if _integers_or_none(values[:_SAMPLE], limit) is None:
        return None
    integers = _integers_or_none(values, limit)
    if integers is None:
        return None
    narrowed = narrow_integers(integers, 8)
    return narrowed if narrowed.values.dtype.itemsize <= widest else None


def _integers_or_none(values: Values, limit: int) -> npt.NDArray[np.int64] | None:
    # Comparing with NaN is false, so the form of the test keeps NaN out.
    if not (values.min() >= -limit and values.max() <= limit):
        return None
    integers = values.astype(np.int64)
    return integers if _same_bits(integers.astype(values.dtype), values) else None


def _as_single(values: Values) -> npt.NDArray[np.float32] | None:
    with np.errstate(all="ignore"):  # too large for float32 is found by the comparison
        if not _same_bits(values[:_SAMPLE].astype(np.float32).astype(np.float64), values[:_SAMPLE]):
            return None
        single = values.astype(np.float32)
        return single if _same_bits(single.astype(np.float64), values) else None


def _same_bits(left: Values, right: Values) -> bool:
    """Equality that tells -0.0 from 0.0 and one NaN from another."""
    unsigned = f"u{left.dtype.itemsize}"
    return bool(np.array_equal(left.view(unsigned), right.view(unsigned)))
