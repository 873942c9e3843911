"""Every updater of the package, the data the laws try it on, and its result the slow way. A new one is one entry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import naive_glm as slow
import numpy as np

from rxcore import families
from rxcore.blocks import Block
from rxcore.design import Design, DesignTerm, make_design
from rxcore.families import Family
from rxcore.kernels import cross_product as products
from rxcore.kernels import families as glm_sums
from rxcore.kernels import glm
from rxcore.kernels import moments as moments_fields
from rxcore.testing.comparisons import Rounding, Sample
from rxcore.testing.examples import TableSource, example_table
from rxcore.testing.reshape import concatenate, logical_values, valid_rows
from rxcore.testing.updater_case import UpdaterCase
from rxcore.updaters.cluster_keys import n_parts
from rxcore.updaters.cluster_scores import ClusterMeat, ClusterScores
from rxcore.updaters.cross_product import CrossProduct, CrossProducts
from rxcore.updaters.glm import FamilyPass, GlmPass, GlmPassResult
from rxcore.updaters.levels import Levels
from rxcore.updaters.meat import Meat, MeatResult
from rxcore.updaters.moments import Moments, MomentsItem, MomentsResult
from rxcore.updaters.precise_product import PreciseProduct
from rxcore.variables import Variable, VariableSet

TABLE = example_table(240)
REGIONS = ("north", "south", "east", "west")
TEXTS = ("a", "bb", "", "dé")
VARIABLES = (
    Variable("x", column="x"),
    Variable("k", column="k"),
    Variable("g", column="g", levels=REGIONS),
    Variable("text", column="text", levels=TEXTS),
    Variable("flag", column="flag"),
    Variable("w", column="w"),
)
X, K, G, TEXT, FLAG, W = range(6)
# Small results that are differences of larger numbers count as if they were 1.
SUMS = Rounding(floor=1.0)


def example_blocks() -> list[Block]:
    source = TableSource.cut(TABLE, rows_per_block=48)
    return [block for part in source.partitions(TABLE.column_names) for block in part.blocks()]


def rows_of(blocks: Sequence[Block], variables: Sequence[Variable]) -> list[list[float]]:
    """One list for each row: numbers, positions of levels, NaN where missing."""
    whole = concatenate(blocks)
    columns = []
    for variable in variables:
        column = whole.columns[variable.column]
        column = column.as_factor() if variable.is_factor else column
        valid = valid_rows(column)
        if variable.is_factor:
            place = {level: number for number, level in enumerate(variable.levels)}
            known = [float(place[level]) for level in column.levels.to_pylist()]
            values = [known[code] if ok else math.nan for code, ok in zip(column.values, valid, strict=True)]
        else:
            numbers = logical_values(column).astype(np.float64)
            values = [float(value) if ok else math.nan for value, ok in zip(numbers, valid, strict=True)]
        columns.append(values)
    return [list(row) for row in zip(*columns, strict=True)]


# Moments


def naive_moments(updater: Moments, blocks: Sequence[Block]) -> MomentsResult:
    rows = rows_of(blocks, updater.variables.variables)
    counts = dict.fromkeys(("left_out", "without_weight", "negative", "fractional"), 0)
    used: list[tuple[list[float], float]] = []
    for row in rows:
        weight = 1.0 if updater.weight < 0 else row[updater.weight]
        complete = not any(math.isnan(value) for value in row)
        counts["left_out"] += updater.listwise and not complete
        counts["without_weight"] += not weight > 0
        counts["negative"] += weight < 0
        counts["fractional"] += weight > 0 and weight != math.floor(weight)
        if weight > 0 and (complete or not updater.listwise):
            used.append((row, weight))
    tables = tuple(naive_item(updater, item, used) for item in updater.items)
    return MomentsResult(tables, len(rows), *counts.values())


def naive_item(updater: Moments, item: MomentsItem, used: list[tuple[list[float], float]]) -> Any:
    shape = [len(updater.variables.variables[v].levels) for v in item.factors]
    n_cells = math.prod(shape)
    cells: list[list[tuple[float, float]]] = [[] for _ in range(n_cells + 1)]
    for row, weight in used:
        codes = [row[v] for v in item.factors]
        cell = n_cells
        if not any(math.isnan(code) for code in codes):
            cell = sum(int(code) * math.prod(shape[:f]) for f, code in enumerate(codes))
        cells[cell].append((math.prod((row[v] for v in item.numbers), start=1.0), weight))
    return np.array([naive_cell(cell, bool(item.numbers)) for cell in cells])


def naive_cell(cell: list[tuple[float, float]], numeric: bool) -> list[float]:
    there = [(Fraction(value), Fraction(weight)) for value, weight in cell if not math.isnan(value)]
    gone = [weight for value, weight in cell if math.isnan(value)]
    total = sum((weight for _, weight in there), Fraction())
    mean = sum((value * weight for value, weight in there), Fraction()) / total if there else Fraction()
    out = [0.0] * moments_fields.FIELDS
    out[moments_fields.COUNT] = float(len(there))
    out[moments_fields.WEIGHT] = float(total)
    out[moments_fields.SQUARED_WEIGHT] = float(sum((weight**2 for _, weight in there), Fraction()))
    out[moments_fields.MINIMUM], out[moments_fields.MAXIMUM] = math.inf, -math.inf
    if numeric and there:
        out[moments_fields.MEAN] = float(mean)
        out[moments_fields.SQUARES] = float(sum((w * (value - mean) ** 2 for value, w in there), Fraction()))
        out[moments_fields.MINIMUM] = float(min(value for value, _ in there))
        out[moments_fields.MAXIMUM] = float(max(value for value, _ in there))
    out[moments_fields.MISSING] = float(len(gone))
    out[moments_fields.MISSING_WEIGHT] = float(sum(gone))
    return out


def without_missing(result: MomentsResult) -> MomentsResult:
    """Counts of missing rows and the cells of missing factors removed."""
    tables = []
    for table in result.tables:
        kept = table.copy()
        kept[:, [moments_fields.MISSING, moments_fields.MISSING_WEIGHT]] = 0.0
        tables.append(kept[:-1] if len(kept) > 2 else kept)
    return MomentsResult(tuple(tables), 0, 0, 0, result.n_negative_weight, result.n_fractional_weight)


ITEMS = (
    MomentsItem((X,)),
    MomentsItem((K,)),
    MomentsItem((X, K)),
    MomentsItem((X,), (G,)),
    MomentsItem((), (G,)),
    MomentsItem((K,), (G, TEXT)),
    MomentsItem((), (TEXT, G)),
)


def moments_case(name: str, **settings: Any) -> UpdaterCase:
    make = partial(Moments, VariableSet(VARIABLES), ITEMS, **settings)
    return UpdaterCase(
        name=name,
        make=make,
        blocks=example_blocks(),
        comparison=SUMS,
        reference=lambda blocks: naive_moments(make(), blocks),
        forget_missing=without_missing,
        offset_columns=("x",),
    )


# Cross-products and passes of generalized linear models


def design(
    terms: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], weight: int, response: int = FLAG, offset: int = -1
) -> Design:
    made = [DesignTerm(f"term {number}", *term) for number, term in enumerate(terms)]
    return make_design(VariableSet(VARIABLES), made, intercept=True, response=response, weight=weight, offset=offset)


WITH_CELLS = [((X,), ()), ((), (G,)), ((X,), (G,)), ((), (TEXT,)), ((K,), ()), ((), (G, TEXT))]
# More numbers than the plain loops take: one product of matrices for each tile.
MANY_NUMBERS = [((X,) * a + (K,) * b, ()) for a in range(4) for b in range(4) if a + b]


def complete_rows(design: Design, blocks: Sequence[Block]) -> tuple[list[list[float]], list[float], Any, Any]:
    """Rows that count, their weights, and the counts and missing values that a pass reports."""
    counts = np.zeros(products.COUNTS, np.int64)
    variables = design.variables.variables
    missing = np.zeros(len(variables), np.int64)
    kept, weights = [], []
    for row in rows_of(blocks, variables):
        gone = [math.isnan(value) for value in row]
        missing += gone
        if any(gone):
            counts[products.N_MISSING] += 1
            continue
        weight = 1.0 if design.weight < 0 else row[design.weight]
        counts[products.N_FRACTIONAL_WEIGHT] += weight != math.floor(weight)
        counts[products.N_VALID] += 1
        kept.append(row)
        weights.append(weight)
    return kept, weights, counts, missing


def basis(layout: Any, rows: list[list[float]]) -> Any:
    """Dense columns of the shifted basis: the constant, numbers, then each cell term."""
    out = np.zeros((len(rows), layout.n_basis))
    for i, row in enumerate(rows):
        numbers = [1.0, *(math.prod(row[v] for v in number) for number in layout.numbers)]
        out[i, : len(numbers)] = numbers
        for term, at in zip(layout.cells, layout.basis_offsets, strict=True):
            cell = sum(int(row[v]) * math.prod(term.shape[:f]) for f, v in enumerate(term.factors))
            out[i, at + cell] = numbers[term.multiplier]
    return out


def naive_cross_product(updater: CrossProduct, blocks: Sequence[Block]) -> CrossProducts:
    rows, weights, counts, missing = complete_rows(updater.design, blocks)
    columns = [
        {row: Fraction(float(value)) for row, value in enumerate(column) if value}
        for column in basis(updater.layout, rows).T
    ]
    matrix = np.zeros((len(columns), len(columns)))
    for a, one in enumerate(columns):
        weighted = {row: value * Fraction(weights[row]) for row, value in one.items()}
        for b, other in enumerate(columns[: a + 1]):
            total = sum((weighted[row] * other[row] for row in weighted.keys() & other.keys()), Fraction())
            matrix[a, b] = matrix[b, a] = float(total)
    return CrossProducts(matrix, counts, missing)


def cross_product_case(name: str, terms: Any, weight: int) -> UpdaterCase:
    made = design(terms, weight)
    return UpdaterCase(
        name=name,
        make=lambda: CrossProduct(made),
        blocks=example_blocks(),
        comparison=SUMS,
        reference=lambda blocks: naive_cross_product(CrossProduct(made), blocks),
        forget_missing=forget_counts,
        offset_columns=("x",),
    )


def naive_precise_product(updater: PreciseProduct, blocks: Sequence[Block]) -> CrossProducts:
    found = naive_cross_product(updater.plain, blocks)
    return replace(found, low=np.zeros_like(found.matrix))


class JoinedHalves:
    """Compares the two halves of each sum as the one number that they are."""

    def disagreement(self, actual: Any, expected: Any, sample: Sample) -> str | None:
        return SUMS.disagreement(self._joined(actual), self._joined(expected), sample)

    def _joined(self, found: CrossProducts) -> CrossProducts:
        assert found.low is not None
        return replace(found, matrix=found.matrix + found.low, low=None)


def precise_product_case(name: str, terms: Any, weight: int) -> UpdaterCase:
    made = design(terms, weight)
    return UpdaterCase(
        name=name,
        make=lambda: PreciseProduct(CrossProduct(made)),
        blocks=example_blocks(),
        comparison=JoinedHalves(),
        reference=lambda blocks: naive_precise_product(PreciseProduct(CrossProduct(made)), blocks),
        forget_missing=forget_counts,
        offset_columns=("x",),
    )


def forget_counts(result: Any) -> Any:
    """A result without counts of incomplete rows."""
    counts = result.counts.copy()
    counts[products.N_MISSING] = 0
    return replace(result, counts=counts, missing=np.zeros_like(result.missing))


def naive_glm(updater: GlmPass, blocks: Sequence[Block]) -> GlmPassResult:
    made = updater.design
    rows, weights, counts, missing = complete_rows(made, blocks)
    columns = basis(made.layout, rows)
    working, residuals, deviance = [], [], []
    for i, (row, weight) in enumerate(zip(rows, weights, strict=True)):
        eta = math.fsum(float(b) * float(c) for b, c in zip(updater.beta, columns[i], strict=True))
        y = row[made.response]
        if updater.family == glm.GAUSSIAN_IDENTITY:
            working.append(weight)
            residuals.append(weight * (y - eta))
            deviance.append(weight * (y - eta) ** 2)
        else:
            mu = 1.0 / (1.0 + math.exp(-eta))
            counts[products.N_EVENTS] += y != 0.0
            counts[products.N_SATURATED] += abs(eta) > 12.0
            working.append(weight * mu * (1.0 - mu))
            residuals.append(weight * (y - mu))
            deviance.append(-2.0 * weight * math.log(mu if y else 1.0 - mu))
    totals = np.zeros(glm_sums.TOTALS)
    totals[glm_sums.DEVIANCE], totals[glm_sums.WEIGHT] = math.fsum(deviance), math.fsum(weights)
    if updater.family == glm.BINOMIAL_LOGIT and made.weight >= 0:
        totals[glm_sums.RESPONSE] = math.fsum(w for row, w in zip(rows, weights, strict=True) if row[made.response])
    return naive_result(columns, working, residuals, totals, counts, missing)


def naive_result(columns: Any, working: Any, residuals: Any, totals: Any, counts: Any, missing: Any) -> GlmPassResult:
    information = np.array([
        [math.fsum(w * a * b for w, a, b in zip(working, one, other, strict=True)) for other in columns.T]
        for one in columns.T
    ])  # fmt: skip
    score = np.array([math.fsum(r * a for r, a in zip(residuals, one, strict=True)) for one in columns.T])
    deviance, weight = float(totals[glm_sums.DEVIANCE]), float(totals[glm_sums.WEIGHT])
    return GlmPassResult(information, score, deviance, weight, counts, missing, totals)


def naive_family(updater: FamilyPass, blocks: Sequence[Block]) -> GlmPassResult:
    made, family = updater.design, updater.family
    rows, weights, counts, missing = complete_rows(made, blocks)
    columns = basis(made.layout, rows)
    offsets = [row[made.offset] if made.offset >= 0 else 0.0 for row in rows]
    etas = [
        math.fsum(float(b) * float(c) for b, c in zip(updater.beta, column, strict=True)) + offset
        for column, offset in zip(columns, offsets, strict=True)
    ]
    responses = [row[made.response] for row in rows]
    parts = [slow.row(family, *each) for each in zip(responses, etas, weights, strict=True)]
    totals = slow.totals(
        family, responses, etas, weights,
        trials=updater.trials, null_mean=updater.null_mean, with_theta=updater.with_theta,
    )  # fmt: skip
    return naive_result(columns, [part[0] for part in parts], [part[1] for part in parts], totals, counts, missing)


def glm_case(name: str, family: int, weight: int) -> UpdaterCase:
    made = design([((X,), ()), ((), (G,)), ((X,), (G,))], weight)
    beta = np.linspace(-0.3, 0.4, made.layout.n_basis)
    return UpdaterCase(
        name=name,
        make=lambda: GlmPass(made, family, beta),
        blocks=example_blocks(),
        # Exponentials and logarithms, and weights taken from them, lose a few units more than sums do.
        comparison=Rounding(constant=16.0, floor=1.0),
        reference=lambda blocks: naive_glm(GlmPass(made, family, beta), blocks),
        forget_missing=forget_counts,
        offset_columns=(),  # at fixed coefficients a shift makes every probability 0 or 1
    )


def family_case(name: str, family: Family, response: int, weight: int = -1, **settings: Any) -> UpdaterCase:
    made = design([((X,), ()), ((), (G,)), ((X,), (G,))], weight, response, settings.pop("offset", -1))
    beta = np.linspace(-0.3, 0.2, made.layout.n_basis)
    return UpdaterCase(
        name=name,
        make=lambda: FamilyPass(made, family, beta, **settings),
        blocks=example_blocks(),
        comparison=Rounding(constant=64.0, floor=1.0),
        reference=lambda blocks: naive_family(FamilyPass(made, family, beta, **settings), blocks),
        forget_missing=forget_counts,
        offset_columns=(),
    )


# Robust covariances


def naive_scores(updater: Meat | ClusterScores, blocks: Sequence[Block]) -> Any:
    """Columns of the complete rows, their score residuals and weights, and their places among all rows."""
    made, family = updater.model.design, updater.model.family
    rows = rows_of(blocks, VARIABLES)
    used = [number for number, row in enumerate(rows) if not any(math.isnan(value) for value in row)]
    columns = basis(made.layout, [rows[number] for number in used])
    eta = [
        math.fsum(float(b) * float(c) for b, c in zip(updater.model.beta, column, strict=True)) for column in columns
    ]
    weights = [1.0 if made.weight < 0 else rows[number][made.weight] for number in used]
    residuals = np.array([
        w * (rows[number][made.response] - (e if family == glm.GAUSSIAN_IDENTITY else 1 / (1 + math.exp(-e))))
        for number, e, w in zip(used, eta, weights, strict=True)
    ])  # fmt: skip
    return columns, residuals, np.array(weights), used


def exact_sums(columns: Any, weights: Any) -> Any:
    return np.array([
        [math.fsum(w * a * b for w, a, b in zip(weights, one, other, strict=True)) for other in columns.T]
        for one in columns.T
    ])  # fmt: skip


def naive_meat(updater: Meat, blocks: Sequence[Block]) -> MeatResult:
    columns, residuals, weights, _ = naive_scores(updater, blocks)
    copies = weights if updater.repeated else np.ones_like(weights)
    squares = copies * (residuals / copies) ** 2
    if updater.power:
        leverage = np.array([column @ updater.bread @ column for column in columns])
        squares = squares / (1.0 - leverage * weights / copies) ** updater.power
    return MeatResult(exact_sums(columns, squares), 0)


def meat_case(name: str, weight: int, **settings: Any) -> UpdaterCase:
    made = design([((X,), ()), ((), (G,)), ((X,), (G,))], weight)
    beta = np.linspace(-0.3, 0.4, made.layout.n_basis)
    bread = 1e-3 * (np.eye(made.layout.n_basis) + 0.5)
    make = partial(Meat, GlmPass(made, glm.GAUSSIAN_IDENTITY, beta), bread, **settings)
    return UpdaterCase(
        name=name,
        make=make,
        blocks=example_blocks(),
        comparison=Rounding(constant=16.0, floor=1.0),
        reference=lambda blocks: naive_meat(make(), blocks),
        offset_columns=(),  # at fixed coefficients a shift is another residual
    )


def naive_clusters(updater: ClusterScores, names: Sequence[int], blocks: Sequence[Block]) -> tuple[ClusterMeat, ...]:
    columns, residuals, _, used = naive_scores(updater, blocks)
    keys = [tuple(rows_of(blocks, [VARIABLES[v] for v in names])[number]) for number in used]
    choices = [(0,)] if len(names) == 1 else [(0,), (1,), (0, 1)]
    found = []
    for choice in choices:
        groups: dict[Any, list[int]] = {}
        for place, key in enumerate(keys):
            groups.setdefault(tuple(key[part] for part in choice), []).append(place)
        sums = np.array([
            [math.fsum(residuals[i] * columns[i, m] for i in rows) for m in range(columns.shape[1])]
            for rows in groups.values()
        ]).reshape(-1, columns.shape[1])  # fmt: skip
        found.append(ClusterMeat(exact_sums(sums, np.ones(len(groups))), len(groups)))
    return tuple(found)


def cluster_case(name: str, clusters: Sequence[int], family: int) -> UpdaterCase:
    made = design([((X,), ()), ((), (G,)), ((X,), (G,))], W)
    present = tuple(Variable(VARIABLES[v].label, VARIABLES[v].column, presence=True) for v in clusters)
    made = replace(made, variables=VariableSet((*VARIABLES, *present)))
    beta = np.linspace(-0.3, 0.4, made.layout.n_basis)
    columns = tuple(VARIABLES[v].label for v in clusters)
    parts = tuple(n_parts(bool(VARIABLES[v].levels)) for v in clusters)
    make = partial(ClusterScores, GlmPass(made, family, beta), columns, parts, 1000, 100_000, 10**9, "the laws")
    return UpdaterCase(
        name=name,
        make=make,
        blocks=example_blocks(),
        comparison=Rounding(constant=16.0, floor=1.0),
        reference=lambda blocks: naive_clusters(make(), clusters, blocks),
        offset_columns=(),  # at fixed coefficients a shift is another residual
    )


# Levels


def naive_levels(names: Sequence[str], blocks: Sequence[Block]) -> dict[str, tuple[str, ...]]:
    found = {}
    for name in names:
        seen: dict[str, None] = {}
        for block in blocks:
            column = block.columns[name].as_factor()
            valid = valid_rows(column)
            seen.update((column.levels[int(code)].as_py(), None) for code in column.values[valid])
        found[name] = tuple(seen)
    return found


UPDATERS: tuple[UpdaterCase, ...] = (
    moments_case("Moments"),
    moments_case("Moments, weighted", weight=W),
    moments_case("Moments, listwise", listwise=True),
    moments_case("Moments, weighted and listwise", weight=W, listwise=True),
    cross_product_case("CrossProduct, cells", WITH_CELLS, weight=-1),
    cross_product_case("CrossProduct, cells, weighted", WITH_CELLS, weight=W),
    cross_product_case("CrossProduct, many numbers, weighted", MANY_NUMBERS, weight=W),
    precise_product_case("PreciseProduct, cells, weighted", WITH_CELLS, weight=W),
    precise_product_case("PreciseProduct, many numbers", MANY_NUMBERS, weight=-1),
    glm_case("GlmPass, gaussian", glm.GAUSSIAN_IDENTITY, weight=-1),
    glm_case("GlmPass, logit", glm.BINOMIAL_LOGIT, weight=-1),
    glm_case("GlmPass, logit, weighted", glm.BINOMIAL_LOGIT, weight=W),
    meat_case("Meat", weight=-1),
    meat_case("Meat, HC3, weighted", weight=W, power=2),
    meat_case("Meat, HC2, repeated", weight=W, power=1, repeated=True),
    cluster_case("ClusterScores, whole numbers", (K,), glm.GAUSSIAN_IDENTITY),
    cluster_case("ClusterScores, text and whole numbers", (TEXT, K), glm.GAUSSIAN_IDENTITY),
    cluster_case("ClusterScores, factor and truth, logit", (G, FLAG), glm.BINOMIAL_LOGIT),
    family_case("FamilyPass, probit, weighted", families.binomial("probit"), FLAG, W, null_mean=0.4),
    family_case("FamilyPass, poisson, offset", families.poisson(), FLAG, offset=W, null_mean=0.4),
    family_case("FamilyPass, Gamma", families.Gamma("log"), W, null_mean=1.2),
    family_case("FamilyPass, Tweedie, weighted", families.tweedie(1.5, 0.0), FLAG, W, trials=False),
    family_case(
        "FamilyPass, negative binomial", families.negative_binomial(1.5), FLAG, W, null_mean=0.4, with_theta=True
    ),
    UpdaterCase(
        name="Levels",
        make=lambda: Levels(("text", "g")),
        blocks=example_blocks(),
        reference=lambda blocks: naive_levels(("text", "g"), blocks),
    ),
)
