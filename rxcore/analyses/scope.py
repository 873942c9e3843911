"""The models in scope of a search: from the formulas of a call to terms and which of them may come and go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rxcore.analyses.modelling import ModelRequest
from rxcore.errors import DesignError
from rxcore.formula import Formula, Term, parse_formula
from rxcore.runner import Runner
from rxcore.solvers.stepwise import Lattice
from rxcore.terms import check_columns, expand_everything


@dataclass(frozen=True, slots=True)
class SearchScope:
    """What a search may reach.

    Attributes
    ----------
    response : str
        Left side of every formula.
    intercept : bool
    terms : tuple of str
        Of the upper model, in its order, which models keep.
    lattice : Lattice
        The same terms as products, and which are there at first and for ever.
    offsets : tuple of str
        What every model has without a coefficient.
    """

    response: str
    intercept: bool
    terms: tuple[str, ...]
    lattice: Lattice
    offsets: tuple[str, ...] = ()

    def formula(self, terms: Iterable[int]) -> str:
        """The formula of a model in scope."""
        right = " + ".join([*(self.terms[t] for t in sorted(terms)), *self.offsets]) or "1"
        return f"{self.response} ~ {right}" + ("" if self.intercept else " - 1")

    @property
    def upper_formula(self) -> str:
        """The formula of the largest model."""
        return self.formula(range(len(self.terms)))


def scope_for(runner: Runner, request: ModelRequest) -> SearchScope:
    """Read the formula of the call and the scope of its control.

    Raises
    ------
    DesignError
        When the models do not contain each other as they must.
    """
    control = request.selection
    assert control is not None
    base = _parsed(runner, request, request.formula)
    upper = base.terms if control.upper is None else _scope_terms(runner, request, base, control.upper)
    lower = () if control.lower is None else _scope_terms(runner, request, base, control.lower)
    keys = [_key(term) for term in upper]
    _check_inside(request, "formula", base.terms, "the upper model in scope", keys)
    base_keys = {_key(term) for term in base.terms}
    _check_inside(request, "the lower model in scope", lower, "the formula, where the search starts", base_keys)
    return SearchScope(
        response=base.text.split("~")[0].strip(),
        intercept=base.intercept,
        terms=tuple(term.text for term in upper),
        lattice=Lattice(
            parts=tuple(keys),
            base=frozenset(i for i, key in enumerate(keys) if key in base_keys),
            lower=frozenset(keys.index(_key(term)) for term in lower),
        ),
        offsets=tuple(f"offset({offset.text})" for offset in base.offsets),
    )


def _parsed(runner: Runner, request: ModelRequest, text: str) -> Formula:
    formula = parse_formula(text, response_required=True)
    weights = (request.pweights, request.fweights)
    check_columns(formula, weights, runner.source.schema, request.caller, runner.source.label)
    return expand_everything(formula, runner.source.schema, weights)


def _scope_terms(runner: Runner, request: ModelRequest, base: Formula, text: str) -> tuple[Term, ...]:
    """Terms of a formula in scope, where ``.`` stands for those of the base model."""
    formula = parse_formula(text)
    check_columns(formula, (), runner.source.schema, request.caller, runner.source.label)
    if not formula.everything:
        return formula.terms
    gone = {_key(term) for term in formula.excluded}
    kept = [term for term in base.terms if _key(term) not in gone]
    known = {_key(term) for term in kept}
    return (*kept, *(term for term in formula.terms if _key(term) not in known))


def _key(term: Term) -> frozenset[str]:
    return frozenset(part.text for part in term.parts)


def _check_inside(
    request: ModelRequest, what: str, terms: Iterable[Term], where: str, keys: Iterable[frozenset[str]]
) -> None:
    known = set(keys)
    outside = [term.text for term in terms if _key(term) not in known]
    if outside:
        raise DesignError(
            f"{request.caller}: {what} has {', '.join(map(repr, outside))}, which {where} lacks. A search runs between "
            "a lower model, the formula, which contains it, and an upper model, which contains both"
        )
