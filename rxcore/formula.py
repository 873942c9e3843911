"""R-style model formulas: text in, frozen terms out. No data is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rxcore.errors import FormulaError
from rxcore.expressions import Expression, parse_expression
from rxcore.formula_algebra import expand
from rxcore.formula_reader import TermReader
from rxcore.lexer import CONSTANTS, MAX_FORMULA_LENGTH, Lexeme, closing, fail, is_call, lex, write_name


@dataclass(frozen=True, slots=True)
class ColumnPart:
    """A bare column; the schema decides later whether it is a factor or a number."""

    name: str

    @property
    def text(self) -> str:
        """The name as it must be typed: between back-quotes unless it is a plain name."""
        return write_name(self.name)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)


@dataclass(frozen=True, slots=True)
class BinnedPart:
    """``F(name, low, high, exclude)``: a category for every whole number, made while reading.

    Attributes
    ----------
    name : str
    low, high : float or None
        First and last bin; whole numbers. None takes the limit from the column's metadata.
    exclude : bool
        Whether values outside are missing; otherwise they make one level of their own.
    """

    name: str
    low: float | None = None
    high: float | None = None
    exclude: bool = True

    @property
    def text(self) -> str:
        """``F(x)``, or all four arguments when any was given: ``F(x, 1, 10, TRUE)``."""
        if self._is_plain:
            return f"F({write_name(self.name)})"
        return f"F({write_name(self.name)}, {', '.join(self._arguments)}, {'TRUE' if self.exclude else 'FALSE'})"

    @property
    def label(self) -> str:
        """The name of the categories in results, as RevoScaleR writes it: ``F_x`` or ``F_x_1_10_T``."""
        if self._is_plain:
            return f"F_{self.name}"
        return "_".join(["F", self.name, *self._arguments, "T" if self.exclude else "F"])

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    @property
    def _is_plain(self) -> bool:
        return self.low is None and self.high is None and self.exclude

    @property
    def _arguments(self) -> list[str]:
        return ["NA" if limit is None else str(int(limit)) for limit in (self.low, self.high)]


@dataclass(frozen=True, slots=True)
class ExpressionPart:
    """Anything computed row by row: ``log(x)``, ``I(a + b)``, ``(a > 3)``."""

    expression: Expression

    @property
    def text(self) -> str:
        """The canonical text; a condition stands in parentheses, as it must be typed."""
        inner = self.expression.text
        return inner if self.expression.is_call else f"({inner})"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        return self.expression.columns


Part = ColumnPart | BinnedPart | ExpressionPart


@dataclass(frozen=True, slots=True)
class _OffsetPart:
    """``offset(x)``: added to the linear predictor, without a coefficient. Not a part of any term."""

    expression: Expression

    @property
    def text(self) -> str:
        return f"offset({self.expression.text})"


@dataclass(frozen=True, slots=True)
class Term:
    """A product of parts, without repeats: ``a:b``."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The parts joined by colons, in the order typed."""
        return ":".join(part.text for part in self.parts)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, first use first."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.columns))


@dataclass(frozen=True, slots=True)
class Formula:
    """What a formula says, before any data is known.

    Attributes
    ----------
    text : str
        As typed.
    responses : tuple of Expression
        Left of ``~``; empty without a left-hand side, several for ``cbind(y1, y2)``.
    terms : tuple of Term
        Right of ``~``, expanded, in the order typed, without duplicates; without the intercept and without ``.``.
    intercept : bool
    everything : bool
        Whether ``.`` stands among the terms.
    excluded : tuple of Term
        What was taken away from ``.``, as in ``y ~ . - a``. A term listed in ``terms`` counts all the same.
    offsets : tuple of Expression
        What ``offset(...)`` adds to the linear predictor; several add up.
    """

    text: str
    responses: tuple[Expression, ...]
    terms: tuple[Term, ...]
    intercept: bool = True
    everything: bool = False
    excluded: tuple[Term, ...] = ()
    offsets: tuple[Expression, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns read by responses, terms and offsets, first use first; those behind ``.`` are not among them."""
        names = [name for response in self.responses for name in response.columns]
        names += [name for term in self.terms for name in term.columns]
        names += [name for offset in self.offsets for name in offset.columns]
        return tuple(dict.fromkeys(names))


@lru_cache(maxsize=256)
def parse_formula(text: str, *, response_required: bool | None = None) -> Formula:
    """Read a formula.

    Operators are R's: ``a + b`` terms; ``a:b`` interaction; ``a*b`` both and their interaction; ``(a + b + c)^2`` all
    interactions up to two; ``a/b`` is ``a + a:b``; ``b %in% a`` is ``a:b``; ``- a`` takes a term away; ``-1`` or ``+0``
    leaves out the intercept; ``.`` stands for every column. The order of the terms is the order typed; ``*`` and ``^``
    give main effects first, then interactions by their number of parts.

    A part is a column name (with dots, or between back-quotes), ``F(x, low, high, exclude)``, a function of the
    expression language such as ``log(x)``, ``I(...)`` around arithmetic, or a condition in parentheses.
    ``offset(log(x))`` adds to the linear predictor without a coefficient. ``x^2`` and
    ``x**2`` would cross x with itself in a formula, which says nothing, and are refused: write ``I(x^2)``.

    Left of ``~`` stands one expression (plain arithmetic there, so ``y^2 ~ x`` is the square) or ``cbind(y1, y2)``.

    Parameters
    ----------
    text : str
        ``"y ~ a + b"``, ``"~ a"`` or ``"a + b"``; at most 200,000 characters, expanding to at most 10,000 terms.
    response_required : bool, optional
        True refuses a formula without response, False one with; None takes both.

    Raises
    ------
    FormulaError
        When the formula cannot be read; the message shows the place.

    Examples
    --------
    >>> [term.text for term in parse_formula("late ~ carrier*F(hour) + log(distance) - 1").terms]
    ['carrier', 'F(hour)', 'carrier:F(hour)', 'log(distance)']
    """
    lexemes = lex(text, "formula", MAX_FORMULA_LENGTH)
    left, right = _sides(text, lexemes)
    if response_required and not left:
        raise FormulaError(f"formula: a response is needed; got {text.strip()!r}, write for instance 'y ~ a + b'")
    if response_required is False and left:
        raise FormulaError(f"formula: no response is allowed here; got {text.strip()!r}, write for instance '~ a + b'")
    parts: dict[str, Part] = {}
    offsets: dict[str, Expression] = {}

    def operand(pieces: Sequence[Lexeme]) -> str:
        part = _part(text, pieces)
        if isinstance(part, _OffsetPart):
            offsets[part.text] = part.expression
            return part.text
        return parts.setdefault(part.text, part).text

    pieces = TermReader(text, right, operand).read()
    try:
        expansion = expand(pieces)
    except FormulaError as error:
        fail(text, None, str(error))
    terms = [term for term in expansion.terms if not (len(term) == 1 and term[0] in offsets)]
    joined = next((key for term in (*terms, *expansion.excluded) for key in term if key in offsets), None)
    if joined is not None:
        fail(text, None, f"formula: {joined} can only be added as a term of its own; it has no coefficient")
    if not (terms or expansion.intercept or expansion.everything):
        fail(text, None, "formula: nothing is left right of '~', neither a term nor the intercept")
    return Formula(
        text=text.strip(),
        responses=_responses(text, left),
        terms=tuple(Term(tuple(parts[key] for key in term)) for term in terms),
        intercept=expansion.intercept,
        everything=expansion.everything,
        excluded=tuple(Term(tuple(parts[key] for key in term)) for term in expansion.excluded),
        offsets=tuple(offsets[term[0]] for term in expansion.terms if term[0] in offsets),
    )


def _sides(text: str, lexemes: list[Lexeme]) -> tuple[list[Lexeme], list[Lexeme]]:
    """The lexemes left and right of the tilde; everything is right without one."""
    tildes = [index for index, lexeme in enumerate(lexemes) if lexeme.kind == "operator" and lexeme.text == "~"]
    if not tildes:
        return [], lexemes
    if len(tildes) > 1:
        fail(text, lexemes[tildes[1]].start, "formula: there is a second '~'; a formula has one")
    tilde = tildes[0]
    depth = sum((lexeme.kind == "open") - (lexeme.kind == "close") for lexeme in lexemes[:tilde])
    if depth:
        fail(text, lexemes[tilde].start, "formula: '~' cannot stand inside parentheses")
    return lexemes[:tilde], lexemes[tilde + 1 :]


def _responses(text: str, left: list[Lexeme]) -> tuple[Expression, ...]:
    if not left:
        return ()
    pieces = [left]
    if left[0].text == "cbind" and is_call(left, 0) and closing(left, 1) == len(left) - 1:
        pieces = _arguments(left[2:-1])
    responses = []
    for piece in pieces:
        if not piece:
            fail(text, left[0].start, "formula: cbind() needs column names, separated by commas")
        expression = _expression(text, piece)
        if not expression.columns:
            fail(text, piece[0].start, f"formula: the response {expression.text!r} reads no column")
        responses.append(expression)
    return tuple(responses)


def _part(text: str, pieces: Sequence[Lexeme]) -> Part | _OffsetPart:
    """The part that these lexemes spell: a name, a call, or a condition in parentheses."""
    first = pieces[0]
    if len(pieces) == 1:
        return ColumnPart(str(first.value))
    if first.text == "F":
        return _binned(text, first, _arguments(pieces[2:-1]))
    if first.kind == "name" and first.text == "offset":
        return _offset(text, first, _arguments(pieces[2:-1]))
    expression = _expression(text, pieces)
    if not expression.columns:
        fail(text, first.start, f"formula: {expression.text!r} reads no column, so it cannot be a term")
    return ExpressionPart(expression)


def _offset(text: str, call: Lexeme, arguments: list[list[Lexeme]]) -> _OffsetPart:
    if len(arguments) != 1 or not arguments[0]:
        fail(text, call.start, "formula: offset() takes one argument", "Write offset(x) or offset(log(x)).")
    expression = _expression(text, arguments[0])
    if not expression.columns:
        fail(text, call.start, f"formula: offset({expression.text}) reads no column")
    return _OffsetPart(expression)


def _expression(text: str, pieces: Sequence[Lexeme]) -> Expression:
    typed = text[pieces[0].start : pieces[-1].end]
    try:
        return parse_expression(typed)
    except FormulaError as error:
        shown = text.strip()
        whole = f"{shown[:77]}..." if len(shown) > 80 else shown
        raise FormulaError(f"formula {whole!r}: {error}") from None


def _arguments(pieces: Sequence[Lexeme]) -> list[list[Lexeme]]:
    """The pieces between the commas of the outermost level."""
    found: list[list[Lexeme]] = [[]]
    depth = 0
    for lexeme in pieces:
        depth += (lexeme.kind == "open") - (lexeme.kind == "close")
        if lexeme.kind == "comma" and depth == 0:
            found.append([])
        else:
            found[-1].append(lexeme)
    return found


_BINNED_NAMES = ("low", "high", "exclude")
_TRUTH = {"TRUE": True, "True": True, "T": True, "FALSE": False, "False": False, "F": False}


def _binned(text: str, call: Lexeme, arguments: list[list[Lexeme]]) -> BinnedPart:
    usage = "Write F(x), F(x, 1, 10) or F(x, low=1, high=10, exclude=TRUE)."
    first, *others = arguments
    if len(first) != 1 or first[0].kind not in ("name", "quoted") or first[0].text in CONSTANTS:
        fail(text, call.start, "formula: the first argument of F() must be a column name", usage)
    given: dict[str, float | bool | None] = {}
    for number, argument in enumerate(others):
        named = len(argument) > 2 and argument[0].kind == "name" and argument[1].text == "="
        if number >= len(_BINNED_NAMES) and not named:
            fail(text, call.start, f"formula: F() takes at most 4 arguments; got {len(arguments)}", usage)
        name = argument[0].text if named else _BINNED_NAMES[number]
        start = argument[0].start if argument else call.start
        if name not in _BINNED_NAMES or name in given:
            why = "stands twice" if name in given else "is unknown"
            fail(text, start, f"formula: argument {name!r} of F() {why}; allowed are low, high and exclude", usage)
        given[name] = _binned_value(text, call, name, argument[2:] if named else argument)
    low, high, exclude = given.get("low"), given.get("high"), given.get("exclude", True)
    if low is not None and high is not None and low > high:
        fail(text, call.start, f"formula: low of F() must not be above high; got {low} and {high}", usage)
    return BinnedPart(str(first[0].value), low, high, bool(exclude))


def _binned_value(text: str, call: Lexeme, name: str, pieces: list[Lexeme]) -> float | bool | None:
    usage = "Write F(x), F(x, 1, 10) or F(x, low=1, high=10, exclude=TRUE)."
    start = pieces[0].start if pieces else call.start
    typed = text[pieces[0].start : pieces[-1].end] if pieces else "nothing"
    if name == "exclude":
        if typed not in _TRUTH:
            fail(text, start, f"formula: exclude of F() must be TRUE or FALSE; got {typed}", usage)
        return _TRUTH[typed]
    if len(pieces) == 1 and typed in CONSTANTS and CONSTANTS[typed] is None:
        return None
    sign = -1 if len(pieces) == 2 and pieces[0].text == "-" else 1
    if len(pieces) == (2 if sign < 0 else 1) and isinstance(pieces[-1].value, int) and pieces[-1].kind == "number":
        return sign * pieces[-1].value
    return fail(text, start, f"formula: {name} of F() must be a whole number; got {typed}", usage)
