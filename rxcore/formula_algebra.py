"""The algebra of R formulas: which products of parts ``a*b + c - 1`` means. Parts are opaque keys here.

Grouping and precedence are formulaic's (its shunting-yard parser and its Operator, Token and Term), because a well-kept
parser of R's operators need not be written again. What the operators yield is defined here: terms stay in the order
typed, ``%in%`` gives the interaction alone as in R, the intercept switches are terms of their own, and everything is
bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rxcore.errors import FormulaError

MAX_TERMS = 10_000
INTERCEPT, NO_INTERCEPT, EVERYTHING = "1", "0", "."
_SWITCHES = (INTERCEPT, NO_INTERCEPT, EVERYTHING)

Terms = Any  # formulaic's OrderedSet of Term


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of the right-hand side: an operand by its key, an operator, or a parenthesis."""

    kind: Literal["operand", "exponent", "operator", "bracket"]
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Expansion:
    """Every term as the keys of its parts, in order."""

    terms: tuple[tuple[str, ...], ...]
    intercept: bool
    everything: bool
    excluded: tuple[tuple[str, ...], ...]


def expand(pieces: Sequence[Piece]) -> Expansion:
    """Expand a right-hand side whose grammar was checked before.

    Raises
    ------
    FormulaError
        When an operator is applied to what it has no meaning for, or the terms become too many.
    """
    # Imported here because formulaic brings pandas and scipy along, which `import rxcore` must not wait for.
    from formulaic.parser.algos.tokens_to_ast import tokens_to_ast
    from formulaic.parser.types import Token

    kinds = {"operand": "name", "exponent": "value", "operator": "operator", "bracket": "context"}
    spelling = {"**": "^", "%in%": "in"}
    tokens = [Token(spelling.get(piece.text, piece.text), kind=kinds[piece.kind]) for piece in pieces]
    algebra = _Algebra()
    found = tokens_to_ast(tokens, operator_resolver=_resolver(algebra)).to_terms()
    keys = [tuple(factor.expr for factor in term.factors) for term in found]
    return Expansion(
        terms=tuple(term for term in keys if term[0] not in _SWITCHES),
        intercept=(NO_INTERCEPT,) not in keys,
        everything=(EVERYTHING,) in keys,
        excluded=tuple(tuple(factor.expr for factor in term.factors) for term in algebra.excluded),
    )


class _Algebra:
    """What each operator makes of the terms on its sides. Terms are used once, so sets of them are changed in place."""

    def __init__(self) -> None:
        self.excluded: list[Any] = []
        # What was typed as an operand of a run of stars, so that ``a*b*c`` lists a, b and c before any product.
        self.crossed: dict[int, Terms] = {}
        self.made: list[Terms] = []  # keeps the sets alive, so that no id is given twice

    def add(self, left: Terms, right: Terms, **_: Any) -> Terms:
        self.crossed.pop(id(left), None)
        for term in right:
            self._insert(left, term)
        return _bounded(left)

    def subtract(self, left: Terms, right: Terms, **_: Any) -> Terms:
        for term in right:
            switch = _switch(term)
            if switch == EVERYTHING:
                raise FormulaError("formula: '.' stands for every column and cannot be taken away")
            if switch is not None:
                self._insert(left, _opposite(term))
                continue
            left.values.pop(term, None)
            if any(_switch(kept) == EVERYTHING for kept in left):
                self.excluded.append(term)
        return left

    def negate(self, right: Terms, **_: Any) -> Terms:
        return type(right)(_opposite(term) for term in right if _switch(term) in (INTERCEPT, NO_INTERCEPT))

    def keep(self, right: Terms, **_: Any) -> Terms:
        return right

    def interact(self, left: Terms, right: Terms, **_: Any) -> Terms:
        _check_size(len(left) * len(right))
        return type(left)(_product((first, second)) for first in left for second in right)

    def cross(self, left: Terms, right: Terms, **_: Any) -> Terms:
        products = self.interact(left, right)
        typed = type(left)([*self._typed(left), *self._typed(right)])
        rest = sorted([*left, *right, *products], key=lambda term: len(term.factors))
        result = _bounded(type(left)([*typed, *rest]))
        self.crossed[id(result)] = typed
        self.made.append(result)
        return result

    def _typed(self, terms: Terms) -> Terms:
        found: Terms = self.crossed.get(id(terms), terms)
        return found

    def nest(self, left: Terms, right: Terms, **_: Any) -> Terms:
        inner = self.inside(right, left)
        return _bounded(type(left)([*left, *inner]))

    def inside(self, left: Terms, right: Terms, **_: Any) -> Terms:
        parent = _product(right)
        return type(left)(_product((parent, term)) for term in left)

    def power(self, left: Terms, right: Terms, **_: Any) -> Terms:
        exponent = int(next(iter(right)).factors[0].expr)
        _product(left)  # refuses the switches
        if len(left) == 1 and exponent > 1:
            base = ":".join(factor.expr for factor in next(iter(left)).factors)
            raise FormulaError(
                f"formula: {base}^{exponent} would cross {base} with itself, which is {base} again; "
                f"write I({base}^{exponent}) for the power"
            )
        result = left
        for _count in range(exponent - 1):
            larger = self.cross(result, left)
            if len(larger) == len(result):
                break
            result = larger
        return result

    def _insert(self, terms: Terms, term: Any) -> None:
        switch = _switch(term)
        if switch in (INTERCEPT, NO_INTERCEPT):
            terms.values.pop(_opposite(term), None)
        terms.values[term] = None


def _switch(term: Any) -> str | None:
    """Which switch a term is, if it is one."""
    key = term.factors[0].expr
    return key if key in _SWITCHES else None


def _opposite(term: Any) -> Any:
    from formulaic.parser.types import Token

    key = NO_INTERCEPT if _switch(term) == INTERCEPT else INTERCEPT
    return next(iter(Token(key, kind="name").to_terms()))


def _product(terms: Iterable[Any]) -> Any:
    result = None
    for term in terms:
        if _switch(term) is not None:
            what = "'.' (every column)" if _switch(term) == EVERYTHING else f"the intercept switch {_switch(term)}"
            raise FormulaError(f"formula: {what} can only be added or taken away, not multiplied, crossed or nested")
        result = term if result is None else result * term
    return result


def _bounded(terms: Terms) -> Terms:
    _check_size(len(terms))
    return terms


def _check_size(count: int) -> None:
    if count > MAX_TERMS:
        raise FormulaError(f"formula: it expands to {count:,} terms or more; at most {MAX_TERMS:,} are allowed")


def _resolver(algebra: _Algebra) -> Any:
    from formulaic.parser.types import Operator, OperatorResolver

    def operator(symbol: str, precedence: int, meaning: Callable[..., Terms], arity: int = 2) -> Any:
        fixity, side = ("infix", "left") if arity == 2 else ("prefix", "right")
        # structural: the sets of terms are handed over as they are.
        return Operator(
            symbol,
            arity=arity,
            precedence=precedence,
            associativity=side,
            fixity=fixity,
            to_terms=meaning,
            structural=True,
        )

    class Resolver(OperatorResolver):  # type: ignore[misc]
        @property
        def operators(self) -> list[Any]:
            # R's precedence: ^ before : before %in% before * and / before + and -.
            return [
                operator("+", 100, algebra.add),
                operator("-", 100, algebra.subtract),
                operator("+", 100, algebra.keep, arity=1),
                operator("-", 100, algebra.negate, arity=1),
                operator("*", 200, algebra.cross),
                operator("/", 200, algebra.nest),
                operator("in", 250, algebra.inside),
                operator(":", 300, algebra.interact),
                operator("^", 500, algebra.power),
            ]

    return Resolver()
