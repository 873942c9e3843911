"""When sums in double are not enough for least squares, and what rounding of the values themselves then amounts to."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rxcore.kernels import cross_product as kernels
from rxcore.solvers.normal_equations import Solution
from rxcore.updaters.cross_product import CrossProduct, CrossProducts
from rxcore.variables import Floats
from xdf.schema import Schema

# So many products are summed in double-double within some hundredths of a second: small data get every digit.
FEW_PRODUCTS = 2_000_000

# A single-precision value is rounded 2**29 times as coarsely as a double.
_SINGLE = 2.0**29


def wants_precision(updater: CrossProduct, found: CrossProducts, solution: Solution) -> bool:
    """Whether the columns deserve sums in double-double: little data, or a number of which too little was left to tell
    it from rounding.

    Cells times a number are left out of the second question: that their sums by level depend on each other is how
    factors are coded, and costs no digit.
    """
    design, layout = updater.design, updater.layout
    n_rows = int(found.counts[kernels.N_VALID])
    width, n_terms = 1 + len(layout.numbers), len(layout.cells)
    n_products = width * (width + 1) // 2 + n_terms * width + n_terms * (n_terms - 1) // 2
    if n_rows * n_products <= FEW_PRODUCTS:
        return True
    numbers = np.array([term >= 0 and not design.terms[term].factors for term in design.term_of], np.bool_)
    return bool(np.any(solution.doubtful & numbers))


def value_magnitudes(updater: CrossProduct, found: CrossProducts, schema: Schema) -> Floats:
    """Root sums of squares of the basis columns before their shift, in units of a double's rounding: what the rounding
    of the values themselves is proportional to.
    """
    layout, matrix = updater.layout, found.matrix
    variables = updater.design.variables.variables
    width = 1 + len(layout.numbers)
    coarse = np.ones(width)
    for place, factors in enumerate(layout.numbers):
        names = {name for v in factors for name in variables[v].columns if name in schema}
        if any(pa.types.is_float32(schema.field(name).type) for name in names):
            coarse[place + 1] = _SINGLE
    origins = np.concatenate([[0.0], layout.origins])
    diagonal = np.diag(matrix)
    shifted = diagonal[:width] + 2.0 * origins * matrix[0, :width] + origins**2 * matrix[0, 0]
    magnitudes = np.sqrt(np.maximum(diagonal, 0.0))
    magnitudes[:width] = np.sqrt(np.maximum(shifted, 0.0)) * coarse
    for term, at in zip(layout.cells, layout.basis_offsets, strict=True):
        cells = slice(int(at), int(at) + term.n_cells)
        counts = matrix[cells, 0] if term.multiplier == 0 else _bare_counts(updater, matrix, term.factors)
        moved = abs(origins[term.multiplier]) * np.sqrt(np.maximum(counts, 0.0))
        magnitudes[cells] = (magnitudes[cells] + moved) * coarse[term.multiplier]
    return magnitudes


def _bare_counts(updater: CrossProduct, matrix: Floats, factors: tuple[int, ...]) -> Floats:
    """Sums of weights in the cells of these factors; a design with cells times a number has them too."""
    layout = updater.layout
    at, n_cells = next(
        (int(at), term.n_cells)
        for term, at in zip(layout.cells, layout.basis_offsets, strict=True)
        if term.factors == factors and term.multiplier == 0
    )
    counts: Floats = matrix[at : at + n_cells, 0]
    return counts
