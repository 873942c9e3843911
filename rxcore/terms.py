"""From a parsed formula and a schema to variables and terms: which column is a factor, which a number, what is
missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

import pyarrow as pa

from rxcore.design import DesignTerm
from rxcore.errors import ColumnNotFoundError, DesignError
from rxcore.expressions import Expression, parse_expression
from rxcore.formula import BinnedPart, ColumnPart, ExpressionPart, Formula, Part, Term
from rxcore.variables import Variable, VariableSet
from xdf.schema import Field, Schema, missing_column_message

# Integer bins made on the fly are levels; more than this is a number mistaken for a category.
MOST_BINS = 100_000


@dataclass(frozen=True, slots=True)
class Discovered:
    """What only the data tell: levels of text columns, ranges of binned ones."""

    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A formula over variables. Variables of terms stand first, then the offset, then responses, then weights."""

    variables: VariableSet
    terms: tuple[DesignTerm, ...]
    intercept: bool
    responses: tuple[int, ...]
    weight: int
    offset: int = -1


def known_column(name: str, schema: Schema, caller: str, label: str) -> Field:
    """The column of that name.

    Raises
    ------
    ColumnNotFoundError
        ``rx_summary: column 'incme' is not in sales.xdf. Closest: 'income'. 14 columns: ...``.
    """
    if name in schema:
        return schema.field(name)
    # A label reads "File name: folder/sales.xdf" or "Data: frame".
    place = PurePath(label.split(": ", 1)[-1]).name or label
    message = missing_column_message(name, schema.names).replace("is not there", f"is not in {place}", 1)
    raise ColumnNotFoundError(f"{caller}: {message}")


def check_columns(formula: Formula, weights: Sequence[str | None], schema: Schema, caller: str, label: str) -> None:
    """Refuse names that are not columns, naming the closest ones."""
    for name in (*formula.columns, *(name for name in weights if name is not None)):
        known_column(name, schema, caller, label)


def expand_everything(formula: Formula, schema: Schema, weights: Sequence[str | None]) -> Formula:
    """Write out ``.``: every column that is not text and is used nowhere else in the formula."""
    if not formula.everything:
        return formula
    used = {name for response in (*formula.responses, *formula.offsets) for name in response.columns} | set(weights)
    excluded = {term.text for term in formula.excluded} | {term.text for term in formula.terms}
    added = tuple(
        Term((ColumnPart(column.name),))
        for column in schema
        if (column.is_numeric or column.is_factor) and column.name not in used and column.name not in excluded
    )
    return replace(formula, terms=formula.terms + added, everything=False, excluded=())


def undiscovered(formula: Formula, schema: Schema, *, logical_response: bool = False) -> tuple[list[str], list[str]]:
    """Text columns whose levels, and binned columns whose range, only a pass over the data can tell."""
    levels: list[str] = []
    ranges: list[str] = []
    for part in (part for term in formula.terms for part in term.parts):
        if isinstance(part, ColumnPart) and schema.field(part.name).is_string:
            levels.append(part.name)
        if isinstance(part, BinnedPart):
            column = schema.field(part.name)
            known = column.is_factor or (_limit(part.low, column.low) and _limit(part.high, column.high))
            if column.is_string:
                levels.append(part.name)
            elif not known:
                ranges.append(part.name)
    if logical_response:
        names = [response.columns[0] for response in formula.responses if response.is_column]
        levels += [name for name in names if schema.field(name).is_string]
    return list(dict.fromkeys(levels)), list(dict.fromkeys(ranges))


def _limit(*candidates: float | None) -> bool:
    return any(candidate is not None for candidate in candidates)


class _Resolver:
    def __init__(self, schema: Schema, discovered: Discovered, caller: str) -> None:
        self.schema = schema
        self.discovered = discovered
        self.caller = caller
        self.variables: list[Variable] = []
        self.fields: dict[str, Field] = {}

    def place(self, variable: Variable) -> int:
        return self.variables.index(variable) if variable in self.variables else self.append(variable)

    def append(self, variable: Variable) -> int:
        self.variables.append(variable)
        if variable.expression is not None:
            self.fields |= {name: self.schema.field(name) for name in variable.columns}
        return len(self.variables) - 1

    def levels_of(self, column: Field) -> tuple[str, ...]:
        levels = column.levels if column.levels is not None else self.discovered.levels[column.name]
        if not levels:
            raise DesignError(f"{self.caller}: factor {column.name!r} has no levels: every value is missing")
        return levels

    def part(self, part: Part) -> Variable:
        if isinstance(part, BinnedPart):
            return self.binned(part)
        if isinstance(part, ExpressionPart):
            return self.number(part.expression)
        column = self.schema.field(part.name)
        if column.is_factor or column.is_string:
            return Variable(column.name, column=column.name, levels=self.levels_of(column))
        return self.number_column(column)

    def number_column(self, column: Field) -> Variable:
        if not column.is_numeric:
            raise DesignError(
                f"{self.caller}: column {column.name!r} has type {column.type}, which is neither a number nor a factor"
            )
        return Variable(column.name, column=column.name)

    def number(self, expression: Expression) -> Variable:
        if expression.is_column:
            column = self.schema.field(expression.columns[0])
            if column.is_string or column.is_factor:
                kind = "a factor" if column.is_factor else "text"
                raise DesignError(
                    f"{self.caller}: column {column.name!r} is {kind} where a number is needed. "
                    "Use N(column) for level codes, or import it with column_info type 'numeric'"
                )
            return self.number_column(column)
        types = {name: self.schema.field(name).type for name in expression.columns}
        kind = expression.result_type(types)
        if not (pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_integer(kind)):
            raise DesignError(f"{self.caller}: {expression.text} gives {kind}; a formula term must be a number")
        return Variable(expression.text, expression=expression)

    def binned(self, part: BinnedPart) -> Variable:
        column = self.schema.field(part.name)
        if column.is_factor or column.is_string:
            return self.binned_factor(part, column)
        low, high = part.low, part.high
        if low is None or high is None:
            stored = (column.low, column.high)
            found = self.discovered.ranges.get(part.name, stored)
            low = found[0] if low is None and stored[0] is None else (stored[0] if low is None else low)
            high = found[1] if high is None and stored[1] is None else (stored[1] if high is None else high)
        if (
            low is None
            or high is None
            or not (math.isfinite(low) and math.isfinite(high))
            or math.floor(high) < low // 1
        ):
            raise DesignError(f"{self.caller}: {part.text} needs low <= high; got low {low} and high {high}")
        first, last = math.floor(low), math.floor(high)
        if last - first >= MOST_BINS:
            raise DesignError(
                f"{self.caller}: {part.text} would have {last - first + 1:,} levels; at most {MOST_BINS:,} are "
                "allowed. Give narrower low and high, or use the column as a number"
            )
        labels = tuple(str(value) for value in range(first, last + 1))
        if not part.exclude:
            labels += ("outside",)
        given = part.low is not None or part.high is not None
        name = f"F_{part.name}_{first}_{last}_{'T' if part.exclude else 'F'}" if given else f"F_{part.name}"
        return Variable(name, column=part.name, levels=labels, bins=(first, last, part.exclude))

    def binned_factor(self, part: BinnedPart, column: Field) -> Variable:
        levels = self.levels_of(column)
        first = 1 if part.low is None else math.floor(part.low)
        last = len(levels) if part.high is None else math.floor(part.high)
        if not 1 <= first <= last <= len(levels):
            raise DesignError(
                f"{self.caller}: {part.text} counts levels of factor {column.name!r} from 1 to {len(levels)}; "
                f"got {first} to {last}"
            )
        return Variable(f"F_{part.name}", column=part.name, levels=levels[first - 1 : last])


def resolve(
    formula: Formula,
    schema: Schema,
    discovered: Discovered,
    caller: str,
    *,
    weight: str | None = None,
    present: Sequence[str] = (),
    logical_response: bool = False,
) -> Resolved:
    """Give every part of a formula its variable.

    Parameters
    ----------
    present : sequence of str
        More columns of which a row must have a value to count.
    logical_response : bool
        Allow a factor or text response of two levels, the second being the event.

    Raises
    ------
    DesignError
        When a column's type does not fit its place.
    """
    resolver = _Resolver(schema, discovered, caller)
    terms: list[DesignTerm] = []
    for term in formula.terms:
        places = [resolver.place(resolver.part(part)) for part in term.parts]
        factors = tuple(place for place in places if resolver.variables[place].is_factor)
        numbers = tuple(place for place in places if not resolver.variables[place].is_factor)
        terms.append(DesignTerm(term.text, numbers, factors, tuple(places)))
    # Never shared with a term or a response, so that it stands between them.
    offset = resolver.append(_total(resolver, formula.offsets)) if formula.offsets else -1
    responses = []
    for response in formula.responses:
        column = schema.field(response.columns[0]) if response.is_column else None
        if logical_response and column is not None and (column.is_factor or column.is_string):
            levels = resolver.levels_of(column)
            if len(levels) != 2:
                raise DesignError(
                    f"{caller}: response {column.name!r} has {len(levels)} levels ({', '.join(levels[:5])}"
                    f"{', ...' if len(levels) > 5 else ''}); a logistic response has exactly 2, the second the event"
                )
            variable = Variable(column.name, column=column.name, levels=levels)
        else:
            variable = resolver.number(response)
        # A response is never shared with a term: prediction reads the terms alone.
        responses.append(resolver.append(variable))
    place = -1
    if weight is not None:
        column = schema.field(weight)
        if not column.is_numeric:
            raise DesignError(f"{caller}: weights column {weight!r} has type {column.type}; weights must be numbers")
        place = resolver.append(Variable(weight, column=weight))
    resolver.variables += [Variable(name, column=name, presence=True) for name in present]
    return Resolved(
        VariableSet(tuple(resolver.variables), resolver.fields),
        tuple(terms),
        formula.intercept,
        tuple(responses),
        place,
        offset,
    )


def _total(resolver: _Resolver, offsets: Sequence[Expression]) -> Variable:
    """The sum of all offsets as one variable."""
    variables = [resolver.number(offset) for offset in offsets]
    if len(variables) == 1:
        return variables[0]
    return resolver.number(parse_expression(" + ".join(f"({offset.text})" for offset in offsets)))
