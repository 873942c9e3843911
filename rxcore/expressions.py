"""Expressions over columns, as users type them in formulas, `transforms` and `row_selection`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from rxcore.expression_nodes import Call, Name, columns_of, write
from rxcore.expression_tree import parse_tree
from rxcore.expression_values import evaluate
from xdf.columns import Column
from xdf.schema import FACTOR_TYPE, Field


@dataclass(frozen=True, slots=True)
class Expression:
    """A computation on the columns of one row. Made by :func:`parse_expression`; frozen, hashable, picklable.

    Attributes
    ----------
    text : str
        Canonical text: R's spelling, spaces normalised, superfluous parentheses gone. Two expressions with the same
        text compute the same.
    """

    text: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads, in order of first use."""
        return columns_of(parse_tree(self.text))

    @property
    def is_column(self) -> bool:
        """Whether it is a bare column name."""
        return isinstance(parse_tree(self.text), Name)

    @property
    def is_call(self) -> bool:
        """Whether it is one function call, and so needs no parentheses in a formula."""
        return isinstance(parse_tree(self.text), Call)

    def evaluate(self, columns: Mapping[str, pa.Array | pa.Scalar], n_rows: int | None = None) -> pa.Array:
        """Compute it for every row.

        Parameters
        ----------
        columns : mapping of str to pyarrow.Array
            At least ``self.columns``, in their logical types, of equal length. A pyarrow.Scalar stands for a value that
            is the same in every row. The codes that ``N`` gives are those of the array at hand.
        n_rows : int, optional
            Rows of the result; needed only when the expression reads no column and ``columns`` is empty.

        Returns
        -------
        pyarrow.Array
            float64, bool or string. A bare column keeps its own type. Missing rows are null, and so is every NaN.

        Raises
        ------
        ColumnNotFoundError
            When a column is not there; the message names the closest ones.
        FormulaError
            When a column has a type that the expression cannot use.

        Notes
        -----
        Integers, booleans and decimals take part in arithmetic as float64; comparisons of integers are exact. Missing
        values give missing results, except in ``is_na``, and in ``&`` and ``|`` where the other side decides alone
        (``FALSE & NA`` is false). NaN counts as missing, so ``log(-1)`` and ``0/0`` are missing; infinities are kept
        (``1/0``). ``%`` and ``//`` follow Python and R: the remainder has the sign of the divisor.

        Examples
        --------
        >>> parse_expression("log(x) > 0").evaluate({"x": pa.array([1.0, 2.0, None])}).to_pylist()
        [False, True, None]
        """
        if n_rows is None:
            n_rows = next((len(one) for one in columns.values() if not isinstance(one, pa.Scalar)), None)
        return evaluate(parse_tree(self.text), self.text, columns, n_rows)

    def result_type(self, types: Mapping[str, pa.DataType]) -> pa.DataType:
        """The Arrow type of the result for columns of these types; raises what `evaluate` would raise for the types."""
        nothing = {name: pa.array([], kind) for name, kind in types.items()}
        return self.evaluate(nothing, 0).type


def parse_expression(text: str) -> Expression:
    """Read an expression that a user typed.

    Allowed are column names (also with dots, or between back-quotes), numbers, strings, ``TRUE FALSE NA``, arithmetic
    (``+ - * / ^ ** % // %% %/%``), comparisons (also chained, ``in (1, 2)``, ``%in% c(1, 2)``, ``not in``), ``& | !``
    with R's precedence or ``and or not``, and these functions: ``log`` (also with a base), ``log2 log10 log1p exp expm1
    sqrt abs floor ceil ceiling round trunc sign sin cos tan pow min max pmin pmax`` (of several columns), ``is_na is.na
    is_missing ifelse where I as_float as.numeric year month day hour weekday`` (0 is Monday) and ``N`` (the code of a
    factor level, counted from 0).

    Nothing is ever handed to Python to run: operators and functions are looked up in a fixed list.

    Parameters
    ----------
    text : str
        At most 10,000 characters, nested at most 100 deep.

    Raises
    ------
    FormulaError
        When the text cannot be read or uses anything else; the message shows the place and what is allowed.

    Examples
    --------
    >>> parse_expression("arr_delay>15 and carrier in ('AA','DL')").text
    'arr_delay > 15 & carrier %in% c("AA", "DL")'
    """
    return Expression(write(parse_tree(text)))


def logical_array(column: Column, field: Field, *, stable_codes: bool = False) -> pa.Array:
    """A column in its logical type; a text column that the block keeps as codes comes as a dictionary.

    ``stable_codes`` asks for dictionary codes that mean the same in every block, the positions in ``field.levels``; a
    text column then comes as strings. That is what an expression with ``N(...)`` needs.
    """
    if column.levels is None:
        return column.to_arrow(field)
    if not field.is_factor:
        array = column.to_arrow(Field(field.name, FACTOR_TYPE, levels=()))
        return array.dictionary_decode() if stable_codes else array
    array = column.to_arrow(field)
    if stable_codes:
        levels = pa.array(field.levels, pa.string())
        if not array.dictionary.equals(levels):
            return with_levels(array, levels)
    return array


def with_levels(array: pa.DictionaryArray, levels: pa.StringArray) -> pa.DictionaryArray:
    """The same values as codes into these levels; missing where the value is none of them."""
    places = pc.index_in(array.dictionary, value_set=levels)
    return pa.DictionaryArray.from_arrays(places.take(array.indices), levels)
