"""Values of results as JSON and arrays, and back: only the types listed here, each checked as it is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rxcore.errors import ModelFormatError
from rxcore.persistence.container import Array

Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]

# JSON has neither NaN nor infinity.
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Writer:
    """Turns values into JSON; arrays are gathered on the side. ``objects`` gives the tree of what is no plain value,
    or None.
    """

    def __init__(self, objects: Callable[[Any, Encode], Any]) -> None:
        self.arrays: list[Array] = []
        self._objects = objects

    def __call__(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.generic):
            return self(value.item())
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, np.ndarray):
            self.arrays.append(value)
            return {"array": len(self.arrays) - 1}
        if isinstance(value, tuple | list):
            return {type(value).__name__: [self(item) for item in value]}
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {"dict": [[key, self(item)] for key, item in value.items()]}
        if isinstance(value, pd.DataFrame):
            return {"frame": [[str(name), self._column(value[name])] for name in value.columns]}
        tree = self._objects(value, self)
        if tree is None:
            raise ModelFormatError(
                f"rx_serialize_model: a {type(value).__module__}.{type(value).__qualname__} cannot be stored without "
                "running code; models hold numbers, text, arrays and frames of them only"
            )
        return tree

    def _column(self, column: pd.Series[Any]) -> Any:
        if isinstance(column.dtype, pd.CategoricalDtype):
            levels = [str(level) for level in column.cat.categories]
            return {"levels": levels, "codes": self(column.cat.codes.to_numpy(np.int64))}
        if pd.api.types.is_numeric_dtype(column.dtype):
            return self(column.to_numpy(np.float64))
        return {"texts": [None if value is None or value != value else str(value) for value in column]}


class Reader:
    """The way back. ``objects`` builds what a tree with the member "object" describes."""

    def __init__(self, arrays: tuple[Array, ...], objects: Callable[[Any, Decode], Any]) -> None:
        self._arrays = arrays
        self._objects = objects

    def __call__(self, tree: Any) -> Any:
        match tree:
            case None | bool() | str() | int() | float():
                return tree
            case {"float": str(text)} if text in _SPECIAL:
                return _SPECIAL[text]
            case {"array": int(number)} if 0 <= number < len(self._arrays):
                return self._arrays[number]
            case {"tuple": [*items]}:
                return tuple(self(item) for item in items)
            case {"list": [*items]}:
                return [self(item) for item in items]
            case {"dict": [*pairs]}:
                return {text_of(pair[0]): self(pair[1]) for pair in map(_pair, pairs)}
            case {"frame": [*columns]}:
                return _frame({text_of(pair[0]): self._column(pair[1]) for pair in map(_pair, columns)})
            case {"object": str()}:
                return self._objects(tree, self)
        raise ModelFormatError(f"the model holds something unknown: {str(tree)[:60]}")

    def _column(self, tree: Any) -> Any:
        match tree:
            case {"levels": [*levels], "codes": codes}:
                places = numbers_of(self(codes), np.dtype(np.int64))
                if len(places) and not -1 <= places.min() <= places.max() < len(levels):
                    raise ModelFormatError("a table of the model has codes outside its levels")
                names = [text_of(level) for level in levels]
                if len(set(names)) < len(names):
                    raise ModelFormatError("a table of the model has a level twice")
                return pd.Categorical.from_codes(places, pd.Index(names))
            case {"texts": [*texts]}:
                return [None if text is None else text_of(text) for text in texts]
        return numbers_of(self(tree), np.dtype(np.float64))


def _frame(columns: dict[str, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(columns)
    except ValueError as error:
        raise ModelFormatError(f"a table of the model cannot be put together: {error}") from error


def _pair(tree: Any) -> Any:
    if isinstance(tree, list) and len(tree) == 2:
        return tree
    raise ModelFormatError("the model has a list of names and values with something else in it")


def text_of(value: Any) -> str:
    """The value, which must be text."""
    if isinstance(value, str):
        return value
    raise ModelFormatError(f"the model has {str(value)[:40]!r} where text belongs")


def number_of(value: Any) -> int:
    """The value, which must be a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ModelFormatError(f"the model has {str(value)[:40]!r} where a whole number belongs")


def items_of(value: Any) -> tuple[Any, ...]:
    """The value, which must be a tuple."""
    if isinstance(value, tuple):
        return value
    raise ModelFormatError(f"the model has {str(value)[:40]!r} where a list belongs")


def numbers_of(value: Any, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """The value, which must be a one-dimensional array of this type."""
    if isinstance(value, np.ndarray) and value.dtype == kind and value.ndim == 1:
        return value
    raise ModelFormatError("the model has something else where a list of numbers belongs")
