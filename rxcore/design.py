"""From terms to columns: which numbers and cells a model needs, what its coefficients are called, and in which order
they are kept. One design serves fitting, prediction and standard errors; factors are never expanded.

Kernels work in a *shifted basis*: the constant 1, each number less its origin, and one indicator for each cell of each
cell term (times a shifted number where a factor interacts with one). Model column m is the basis column ``first[m]``
plus ``factor[m]`` times the basis column ``second[m]``, exactly.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rxcore.variables import Floats, Ints, Variable, VariableSet


@dataclass(frozen=True, slots=True)
class CellTerm:
    """Rows placed in the grid of some factors, counted with the number ``multiplier`` (0: the constant 1)."""

    factors: tuple[int, ...]
    shape: tuple[int, ...]
    multiplier: int = 0

    @property
    def n_cells(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The arrays by which kernels find numbers, cells and their places; see ``kernels/cross_product.py``.

    Basis column 0 is the constant, 1 .. D-1 the numbers, then the cells of each cell term in turn.
    """

    numbers: tuple[tuple[int, ...], ...]
    cells: tuple[CellTerm, ...]
    origins: Floats
    number_factors: Ints
    number_first: Ints
    cell_factors: Ints
    cell_first: Ints
    cell_strides: Ints
    multipliers: Ints
    n_cells: Ints
    cell_offsets: Ints
    pair_offsets: Ints
    basis_offsets: Ints
    n_sums: int
    n_basis: int

    @classmethod
    def of(cls, numbers: Sequence[tuple[int, ...]], cells: Sequence[CellTerm], origins: Floats | None = None) -> Layout:
        """Lay out these products of variables and these cell terms."""
        width = 1 + len(numbers)
        offset = width * width
        cell_offsets = []
        for term in cells:
            cell_offsets.append(offset)
            offset += term.n_cells * width
        pair_offsets = []
        for s, t in itertools.combinations(cells, 2):
            # Terms over the same factors meet in equal cells only, and those sums are among the cells by numbers.
            same = s.factors == t.factors
            pair_offsets.append(-1 if same else offset)
            offset += 0 if same else s.n_cells * t.n_cells
        sizes = [term.n_cells for term in cells]
        return cls(
            numbers=tuple(numbers),
            cells=tuple(cells),
            origins=np.zeros(len(numbers)) if origins is None else origins,
            number_factors=_ints(itertools.chain.from_iterable(numbers)),
            number_first=_firsts(numbers),
            cell_factors=_ints(itertools.chain.from_iterable(term.factors for term in cells)),
            cell_first=_firsts([term.factors for term in cells]),
            cell_strides=_ints(itertools.chain.from_iterable(_strides(term.shape) for term in cells)),
            multipliers=_ints(term.multiplier for term in cells),
            n_cells=_ints(sizes),
            cell_offsets=_ints(cell_offsets),
            pair_offsets=_ints(pair_offsets),
            basis_offsets=_ints(itertools.accumulate([width, *sizes[:-1]]) if sizes else []),
            n_sums=offset,
            n_basis=width + sum(sizes),
        )

    def with_origins(self, origins: Floats) -> Layout:
        """The same layout about other origins."""
        return replace(self, origins=np.ascontiguousarray(origins, np.float64))

    def with_number(self, variables: tuple[int, ...], origin: float = 0.0) -> Layout:
        """The same layout with one more number at the end."""
        return Layout.of((*self.numbers, variables), self.cells, np.append(self.origins, origin))


def _ints(values: object) -> Ints:
    return np.fromiter(values, np.int64)  # type: ignore[call-overload,no-any-return]


def _firsts(groups: Sequence[Sequence[int]]) -> Ints:
    return _ints(itertools.accumulate([0, *(len(group) for group in groups)]))


def _strides(shape: Sequence[int]) -> list[int]:
    return list(itertools.accumulate([1, *shape[:-1]], lambda a, b: a * b))


@dataclass(frozen=True, slots=True)
class DesignTerm:
    """One term of the formula over variables: numbers multiply, factors make cells (first factor fastest)."""

    text: str
    numbers: tuple[int, ...]
    factors: tuple[int, ...]
    places: tuple[int, ...] = ()

    def with_variables(self, place: Mapping[int, int]) -> DesignTerm:
        """The same term where variables have other numbers."""
        numbers, factors, places = (
            tuple(place[v] for v in group) for group in (self.numbers, self.factors, self.places)
        )
        return DesignTerm(self.text, numbers, factors, places)

    @property
    def degree(self) -> int:
        """How many variables interact in it."""
        return len(self.numbers) + len(self.factors)

    def label(self, variables: Sequence[Variable]) -> str:
        """The labels of its variables, in the order of the formula where it is known."""
        return ":".join(variables[v].label for v in self.places or (*self.numbers, *self.factors))


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Everything that turns blocks into columns of a model.

    Attributes
    ----------
    variables : VariableSet
        Those of the terms, then offset, response and weights where the model has them.
    terms : tuple of DesignTerm
    intercept : bool
    layout : Layout
        Of the predictors alone.
    names : tuple of str
        Coefficient names, dropped ones included.
    first, second, factor : arrays over the coefficients
        Their columns in the shifted basis.
    order : array of int
        Coefficients in the order in which they are kept: a coefficient that depends on those before it is dropped.
    response, weight, offset : int
        Their variables, -1 when there is none.
    response_variable, weight_variable : Variable or None
        Kept for residuals when the design is reduced to its terms.
    main_first : bool
        Whether main effects are kept before interactions, whatever their order in the formula.
    """

    variables: VariableSet
    terms: tuple[DesignTerm, ...]
    intercept: bool
    layout: Layout
    names: tuple[str, ...]
    first: Ints
    second: Ints
    factor: Floats
    order: Ints
    term_of: Ints
    response: int = -1
    weight: int = -1
    drop_first: bool = False
    label_style: str = "Revo"
    response_variable: Variable | None = None
    offset: int = -1
    weight_variable: Variable | None = None
    main_first: bool = False

    @property
    def n_coefficients(self) -> int:
        return len(self.names)

    def with_origins(self, origins: Floats) -> Design:
        """The same model, its numbers summed about other origins."""
        layout = self.layout.with_origins(origins)
        first, second, factor = _basis(self.terms, self.intercept, layout)
        return replace(self, layout=layout, first=first, second=second, factor=factor)

    def to_basis(self, coefficients: Floats) -> Floats:
        """Coefficients of the shifted basis that give the same linear predictor; missing ones count as zero."""
        known = np.nan_to_num(coefficients)
        beta = np.zeros(self.layout.n_basis)
        np.add.at(beta, self.first, known)
        moved = self.second >= 0
        np.add.at(beta, self.second[moved], known[moved] * self.factor[moved])
        return beta

    def with_terms(self, terms: Sequence[DesignTerm]) -> Design:
        """A model of other terms over the same variables; numbers that are new stand about zero."""
        made = make_design(
            self.variables, terms, intercept=self.intercept, response=self.response, weight=self.weight,
            offset=self.offset, drop_first=self.drop_first, label_style=self.label_style, main_first=self.main_first,
        )  # fmt: skip
        known = dict(zip(self.layout.numbers, self.layout.origins.tolist(), strict=True))
        made = made.with_origins(np.array([known.get(number, 0.0) for number in made.layout.numbers], np.float64))
        return replace(made, response_variable=self.response_variable, weight_variable=self.weight_variable)

    def without_response(self) -> Design:
        """For prediction: variables of the terms, and the offset."""
        used = sorted({v for term in self.terms for v in (*term.numbers, *term.factors)})
        if self.offset >= 0:
            used.append(self.offset)
        kept = VariableSet(tuple(self.variables.variables[v] for v in used), self.variables.fields)
        observed = self.response_variable
        if observed is None and self.response >= 0:
            observed = self.variables.variables[self.response]
        weights = self.variables.variables[self.weight] if self.weight >= 0 else self.weight_variable
        place = {v: new for new, v in enumerate(used)}
        alone = replace(
            self, variables=kept, response=-1, weight=-1, offset=place.get(self.offset, -1),
            response_variable=observed, weight_variable=weights,
        )  # fmt: skip
        if used == list(range(len(used))):
            return alone
        terms = [term.with_variables(place) for term in self.terms]
        return alone.with_terms(terms).with_origins(self.layout.origins)


def make_design(
    variables: VariableSet,
    terms: Sequence[DesignTerm],
    *,
    intercept: bool,
    response: int = -1,
    weight: int = -1,
    offset: int = -1,
    drop_first: bool = False,
    label_style: str = "Revo",
    main_first: bool = False,
) -> Design:
    """Lay out a model. Variables of the terms must stand first, then the offset, then response and weights.

    A column that depends on those kept before it is dropped; ``main_first`` keeps main effects before interactions.
    """
    numbers: list[tuple[int, ...]] = []
    cells: list[CellTerm] = []
    for term in terms:
        if term.numbers and term.numbers not in numbers:
            numbers.append(term.numbers)
    for term in terms:
        if term.factors:
            shape = tuple(len(variables.variables[v].levels) for v in term.factors)
            # Moving x back from its origin needs the bare cells beside the cells times x.
            wanted = [CellTerm(term.factors, shape)]
            if term.numbers:
                wanted.append(CellTerm(term.factors, shape, 1 + numbers.index(term.numbers)))
            cells += [cell for cell in wanted if cell not in cells]
    layout = Layout.of(numbers, cells)
    first, second, factor = _basis(terms, intercept, layout)
    names = ["(Intercept)"] if intercept else []
    kept_as: list[tuple[int, list[int]]] = [(0, [0])] if intercept else []
    term_of = [-1] if intercept else []
    for number, term in enumerate(terms):
        begin = len(names)
        labels = _cell_names(term, variables.variables, label_style)
        names += labels
        term_of += [number] * len(labels)
        columns = [begin + place for place in _keep_order(term, variables.variables, drop_first)]
        kept_as.append((term.degree if main_first else 0, columns))
    order = itertools.chain.from_iterable(columns for _, columns in sorted(kept_as, key=lambda entry: entry[0]))
    return Design(
        variables, tuple(terms), intercept, layout, tuple(names), first, second, factor,
        _ints(order), _ints(term_of), response, weight, drop_first, label_style,
        offset=offset, main_first=main_first,
    )  # fmt: skip


def _basis(terms: Sequence[DesignTerm], intercept: bool, layout: Layout) -> tuple[Ints, Ints, Floats]:
    places = {
        (term.factors, term.multiplier): int(at) for term, at in zip(layout.cells, layout.basis_offsets, strict=True)
    }
    first: list[int] = [0] if intercept else []
    second: list[int] = [-1] if intercept else []
    factor: list[float] = [0.0] if intercept else []
    for term in terms:
        number = 1 + layout.numbers.index(term.numbers) if term.numbers else 0
        origin = float(layout.origins[number - 1]) if number else 0.0
        if not term.factors:
            first.append(number)
            second.append(0 if origin else -1)
            factor.append(origin)
            continue
        size = next(cell.n_cells for cell in layout.cells if cell.factors == term.factors)
        first += range(places[term.factors, number], places[term.factors, number] + size)
        bare = places[term.factors, 0]
        second += range(bare, bare + size) if origin else [-1] * size
        factor += [origin] * size
    return _ints(first), _ints(second), np.array(factor, np.float64)


def _cell_names(term: DesignTerm, variables: Sequence[Variable], style: str) -> list[str]:
    numbers = ":".join(variables[v].label for v in term.numbers)
    if not term.factors:
        return [numbers]
    equals, between = ("=", ", ") if style == "Revo" else ("", ":")
    grids = [[f"{variables[v].label}{equals}{level}" for level in variables[v].levels] for v in reversed(term.factors)]
    cells = [between.join(reversed(combination)) for combination in itertools.product(*grids)]
    if not numbers:
        return cells
    return [f"{numbers} for {cell}" if style == "Revo" else f"{numbers}:{cell}" for cell in cells]


def _keep_order(term: DesignTerm, variables: Sequence[Variable], drop_first: bool) -> list[int]:
    """Cells in the order in which they are kept: the reference level of each factor last."""
    shape = [len(variables[v].levels) for v in term.factors]
    if not shape:
        return [0]
    if not drop_first:
        return list(range(int(np.prod(shape))))
    places = np.arange(np.prod(shape), dtype=np.int64).reshape(shape, order="F")
    for axis in range(len(shape)):
        places = np.roll(places, -1, axis=axis)
    return [int(place) for place in places.ravel(order="F")]


def symmetric(layout: Layout, sums: Floats) -> npt.NDArray[np.float64]:
    """The full cross-product in the shifted basis from the flat sums of a pass."""
    width = 1 + len(layout.numbers)
    full = np.zeros((layout.n_basis, layout.n_basis))
    lower = sums[: width * width].reshape(width, width)
    full[:width, :width] = np.tril(lower) + np.tril(lower, -1).T
    grids = []
    for term, offset, at in zip(layout.cells, layout.cell_offsets, layout.basis_offsets, strict=True):
        size = term.n_cells
        by_number = sums[offset : offset + size * width].reshape(size, width)
        grids.append(by_number)
        full[at : at + size, :width] = by_number
        full[:width, at : at + size] = by_number.T
        places = np.arange(at, at + size)
        full[places, places] = by_number[:, term.multiplier]
    pairs = itertools.combinations(range(len(layout.cells)), 2)
    for (s, t), offset in zip(pairs, layout.pair_offsets, strict=True):
        rows, columns = layout.cells[s].n_cells, layout.cells[t].n_cells
        at_s, at_t = layout.basis_offsets[s], layout.basis_offsets[t]
        if offset < 0:
            table = np.diag(grids[s][:, layout.cells[t].multiplier])
        else:
            table = sums[offset : offset + rows * columns].reshape(rows, columns)
        full[at_s : at_s + rows, at_t : at_t + columns] = table
        full[at_t : at_t + columns, at_s : at_s + rows] = table.T
    return full
