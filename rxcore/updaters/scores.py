"""Score residuals of the rows of a block, for the updaters that weigh or sum scores."""

from __future__ import annotations

import numpy as np

from rxcore.kernels import scores as kernels
from rxcore.updaters.glm import GlmPass
from rxcore.variables import BoundBlock, Floats

# Rows whose scores are held at once; a multiple of the kernels' tile.
ROWS_AT_ONCE = 64 * 512

# Bytes of what is known of each row.
ROW_NBYTES = 8 * kernels.SCORES


def row_scores(model: GlmPass, bound: BoundBlock, begin: int, end: int) -> Floats:
    """Residuals, working and prior weights (see ``kernels/scores.py``) of some rows of a block, at the coefficients of
    a pass.
    """
    design, layout = model.design, model.design.layout
    scores = np.empty((kernels.SCORES, end - begin))
    kernels.score_rows(
        bound.columns, bound.variables, bound.lookup, begin, end,
        design.weight, design.response, model.offset, model.family,
        layout.number_factors, layout.number_first, layout.origins,
        layout.cell_factors, layout.cell_first, layout.cell_strides, layout.multipliers,
        model.beta, layout.basis_offsets, scores,
    )  # fmt: skip
    return scores
