"""Models of some of the columns of one cross-product, reached from each other by sweeping; no data source needed.

Goodnight, "A tutorial on the SWEEP operator" (1979): adding a column to a model is one sweep, dropping it another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rxcore.kernels import double_double
from rxcore.solvers.normal_equations import NOISE, Basis, Dependence
from rxcore.variables import Floats

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """A cross-product, the response last, swept on the columns of one model.

    Attributes
    ----------
    high, low : arrays (p + 1, p + 1)
        The swept matrix in double-double.
    wanted : array of bool (p,)
        Columns of the model.
    kept : array of bool (p,)
        Those of them that do not depend on the others.
    dependence : Dependence
    """

    high: Floats
    low: Floats
    wanted: Flags
    kept: Flags
    dependence: Dependence

    @classmethod
    def empty(cls, high: Floats, low: Floats, basis: Basis, magnitudes: Floats, noise_share: float = NOISE) -> Subset:
        """The model without any column. Matrices as for :func:`rxcore.solvers.normal_equations.solve`."""
        none = np.zeros(len(basis.first), np.bool_)
        return cls(high.copy(), low.copy(), none, none, Dependence.of(high, basis, magnitudes, noise_share))

    @property
    def rank(self) -> int:
        """Columns kept."""
        return int(self.kept.sum())

    @property
    def residual(self) -> float:
        """What the model leaves of the response's square sum."""
        return float(self.high[-1, -1])

    def adding(self, columns: Iterable[int]) -> Subset:
        """The model with these columns too."""
        changed = self._copy()
        for m in columns:
            changed.wanted[m] = True
            changed._take(m)
        return changed

    def dropping(self, columns: Iterable[int]) -> Subset:
        """The model without these columns; others that depended on them are taken up."""
        changed = self._copy()
        for m in columns:
            changed.wanted[m] = False
            if changed.kept[m]:
                changed._give_back(m)
        for m in np.flatnonzero(changed.wanted & ~changed.kept).tolist():
            changed._take(m)
        return changed

    def _copy(self) -> Subset:
        return Subset(self.high.copy(), self.low.copy(), self.wanted.copy(), self.kept.copy(), self.dependence)

    def _take(self, m: int) -> None:
        if not self.kept[m] and self.dependence.stands_alone(self.high, self.kept, m):
            double_double.sweep(self.high, self.low, m)
            self.kept[m] = True

    def _give_back(self, m: int) -> None:
        # Sweeping twice is no change but for the signs of row and column.
        double_double.sweep(self.high, self.low, m)
        for half in (self.high, self.low):
            half[m, :] *= -1.0
            half[:, m] *= -1.0
        self.kept[m] = False
