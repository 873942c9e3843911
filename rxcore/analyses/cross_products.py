"""The pass that linear models, their selection and covariances share, and what can be read from it afterwards."""

from __future__ import annotations

import numpy as np

from rxcore.analyses.modelling import ModelRequest, check_finite, check_rows
from rxcore.analyses.precision import value_magnitudes
from rxcore.design import Design, DesignTerm, Layout
from rxcore.kernels import cross_product as kernels
from rxcore.kernels import double_double
from rxcore.runner import Runner, scale_of_block
from rxcore.solvers.normal_equations import NOISE, NOISE_OF_VALUES, Basis, in_model_basis
from rxcore.updaters.cross_product import CrossProduct, CrossProducts
from rxcore.variables import Floats, Ints
from xdf.schema import Schema

# A mean this many times its standard deviation away from its origin costs eight digits: sum again, about the mean.
MOST_OFFSET = 1e4


def collect(runner: Runner, request: ModelRequest, design: Design) -> tuple[CrossProduct, CrossProducts]:
    """One pass of cross-products; a second one, about the means, where the first block's were no guide."""
    block = runner.first_block(design.variables.columns)
    origin = 0.0
    if design.response >= 0:
        origin = float(scale_of_block(design.variables, [(design.response,)], block).origins[0])
    updater = CrossProduct(design, origin)
    found = runner.run(updater)
    check_rows(request, design, found.counts, found.missing)
    check_finite(request, found.matrix)
    if _far_off(updater, found):
        updater = _about_means(updater, found)
        found = runner.run(updater)
    return updater, found


def moments_of(updater: CrossProduct, found: CrossProducts) -> tuple[float, Floats, Floats]:
    """Sum of weights, and mean and centred square sum of every number (the response last), about their origins."""
    width = 1 + len(updater.layout.numbers)
    block = found.matrix[:width, :width]
    total = block[0, 0]
    means = block[0, 1:] / total
    return float(total), means, np.diag(block)[1:] - total * means**2


def _far_off(updater: CrossProduct, found: CrossProducts) -> bool:
    total, means, squares = moments_of(updater, found)
    spread = np.maximum(squares, 0.0) / total
    # A number without any spread is constant; no origin helps or hurts it.
    return bool(np.any((means**2 > MOST_OFFSET**2 * spread) & (spread > 0.0)))


def _about_means(updater: CrossProduct, found: CrossProducts) -> CrossProduct:
    _, means, _ = moments_of(updater, found)
    origins = updater.layout.origins + means
    if updater.design.response < 0:
        return CrossProduct(updater.design.with_origins(origins))
    return CrossProduct(updater.design.with_origins(origins[:-1]), float(origins[-1]))


# -- larger and smaller designs over one pass --------------------------------------------------------------------------


def with_numbers(runner: Runner, design: Design, variables: list[int]) -> Design:
    """The design with these variables as further numbers, so that one pass sums them beside the columns."""
    if not variables:
        return design
    wide = design.with_terms([*design.terms, *number_terms(design, variables)])
    block = runner.first_block(design.variables.columns)
    return wide.with_origins(scale_of_block(wide.variables, wide.layout.numbers, block).origins)


def number_terms(design: Design, variables: list[int]) -> list[DesignTerm]:
    """Terms of single numbers."""
    return [DesignTerm(design.variables.variables[v].label, (v,), ()) for v in variables]


def narrowed(updater: CrossProduct, found: CrossProducts, design: Design) -> tuple[CrossProduct, CrossProducts]:
    """What the pass says of a smaller design over the same variables, whose response it summed."""
    if design.terms == updater.design.terms and design.response == updater.design.response:
        same = design.with_origins(updater.design.layout.origins)
        return CrossProduct(same, updater.response_origin), found
    layout = updater.layout
    origins = dict(zip(layout.numbers, layout.origins.tolist(), strict=True))
    design = design.with_origins(np.array([origins[number] for number in design.layout.numbers], np.float64))
    smaller = CrossProduct(design, origins[(design.response,)])
    places = _places(layout, smaller.layout)
    block = np.ix_(places, places)
    low = None if found.low is None else found.low[block]
    return smaller, CrossProducts(found.matrix[block], found.counts, found.missing, low)


def _places(layout: Layout, part: Layout) -> Ints:
    """Where the basis columns of a part stand in the basis of the whole."""
    numbers = [0, *(1 + layout.numbers.index(number) for number in part.numbers)]
    offsets = {
        (term.factors, _multiplier(layout, term.multiplier)): int(at)
        for term, at in zip(layout.cells, layout.basis_offsets, strict=True)
    }
    cells = [np.arange(term.n_cells) + offsets[term.factors, _multiplier(part, term.multiplier)] for term in part.cells]
    return np.concatenate([np.array(numbers, np.int64), *cells])


def _multiplier(layout: Layout, place: int) -> tuple[int, ...]:
    return layout.numbers[place - 1] if place else ()


# -- reading the pass --------------------------------------------------------------------------------------------------


def basis_of(design: Design, *, beside_response: bool = True) -> Basis:
    """Where the model columns stand in the basis of the pass, where the response is the last number."""
    if not beside_response:
        return Basis(design.first, design.second, design.factor)
    return Basis(after_response(design.first, design), after_response(design.second, design), design.factor)


def after_response(places: Ints, design: Design) -> Ints:
    """Places in the design's basis moved to that of the pass: the response stands before the cells there."""
    width = 1 + len(design.layout.numbers)
    return np.where(places >= width, places + 1, places)


def model_products(updater: CrossProduct, found: CrossProducts) -> tuple[Floats, Floats]:
    """Cross-product of the model columns, and of the response behind them, as high and low halves."""
    design = updater.design
    if design.response < 0:
        return in_model_basis(found.matrix, basis_of(design, beside_response=False), found.low)
    basis = basis_of(design)
    response = len(updater.layout.numbers)
    with_response = Basis(
        np.append(basis.first, response),
        np.append(basis.second, 0 if updater.response_origin else -1),
        np.append(basis.factor, updater.response_origin),
    )
    return in_model_basis(found.matrix, with_response, found.low)


def rounding_of(updater: CrossProduct, found: CrossProducts, schema: Schema) -> tuple[Floats, float]:
    """What rounding is proportional to in each basis column, and how much of it there is: of sums in double, or of the
    values themselves where they were summed in double-double.
    """
    if found.low is None:
        return np.sqrt(np.diag(found.matrix)), NOISE
    return value_magnitudes(updater, found, schema), NOISE_OF_VALUES


def column_sums(updater: CrossProduct, found: CrossProducts) -> Floats:
    """Weighted sum of each model column."""
    design = updater.design
    basis = basis_of(design, beside_response=design.response >= 0)
    sums: Floats = found.matrix[0, basis.first].copy()
    moved = basis.second >= 0
    sums[moved] += found.matrix[0, basis.second[moved]] * basis.factor[moved]
    return sums


def centred_products(updater: CrossProduct, found: CrossProducts) -> Floats:
    """Cross-product of the columns behind the intercept about their weighted means."""
    high, low = model_products(updater, found)
    double_double.sweep(high, low, 0)
    size = updater.design.n_coefficients
    return high[1:size, 1:size]


def degrees_of_freedom(request: ModelRequest, found: CrossProducts, squared_weights: float | None) -> float:
    """What a covariance divides by: rows less one; with fweights their sum less one; with pweights as for reliability
    weights, so that it is unbiased when weights are inverse variances up to a factor.
    """
    total = float(found.matrix[0, 0])
    if request.fweights is not None:
        return total - 1.0
    if request.pweights is not None:
        assert squared_weights is not None
        return total - squared_weights / total
    return float(found.counts[kernels.N_VALID]) - 1.0


def squared_weights(updater: CrossProduct, found: CrossProducts) -> float:
    """Sum of the squared weights, where the weight was summed as a number beside the columns."""
    place = 1 + updater.layout.numbers.index((updater.design.weight,))
    origin = float(updater.layout.origins[place - 1])
    return float(found.matrix[0, place] + origin * found.matrix[0, 0])
