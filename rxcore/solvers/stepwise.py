"""The search for a model term by term. What a set of terms is worth somebody else knows; no data source needed.

The AIC path is that of R's ``step`` (Venables and Ripley, "Modern Applied Statistics with S", 4th edition, 2002), the
significance path that of classical stepwise regression.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from rxcore.step_control import RxStepControl

Terms = frozenset[int]

# R's step stops where a change does not lower AIC by this much.
LEAST_GAIN = 1e-7


@dataclass(frozen=True, slots=True)
class Worth:
    """What a model is worth.

    Attributes
    ----------
    deviance : float
        Residual sum of squares, or the deviance.
    rank : int
        Coefficients estimated.
    aic : float
        Of a likelihood whose penalty is 2 for each coefficient; NaN for a linear model, where it follows from the
        deviance.
    dispersion : float
        Estimated or known; NaN for a linear model.
    """

    deviance: float
    rank: int
    aic: float = math.nan
    dispersion: float = math.nan


class Models(Protocol):
    """Models of sets of terms, of which one is current."""

    def move(self, terms: Terms) -> Worth:
        """Make the model of these terms the current one."""

    def look(self, candidates: Sequence[Terms]) -> list[Worth]:
        """What models one term away from the current one are worth."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """The terms in scope, each as the set of what it multiplies.

    Attributes
    ----------
    parts : tuple of frozenset of str
        Of every term, in the order of the upper model.
    base, lower : frozenset of int
        Terms of the first model, and those that always stay.
    """

    parts: tuple[frozenset[str], ...]
    base: Terms
    lower: Terms

    def droppable(self, terms: Terms) -> list[int]:
        """Terms that may leave: no other term that may leave contains them."""
        free = sorted(terms - self.lower)
        return [t for t in free if not any(self.parts[t] <= self.parts[s] for s in free if s != t)]

    def addable(self, terms: Terms) -> list[int]:
        """Terms that may enter: everything they contain is there."""
        absent = [t for t in range(len(self.parts)) if t not in terms]
        return [t for t in absent if not any(self.parts[s] <= self.parts[t] for s in absent if s != t)]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How models are compared.

    Attributes
    ----------
    n : float
        Observations.
    scale, k : float
        As in :class:`RxStepControl`.
    gaussian : bool
        Whether AIC follows from a residual sum of squares.
    known_dispersion : bool
        Whether the dispersion is given by the family (1) rather than estimated.
    test : str
        ``"F"`` or ``"Chisq"``.
    """

    n: float
    scale: float
    k: float
    gaussian: bool
    known_dispersion: bool
    test: str

    def aic(self, worth: Worth) -> float:
        """Akaike's criterion, up to a constant, as R's ``extractAIC``; with a known scale Mallows' Cp."""
        if not self.gaussian:
            return worth.aic + (self.k - 2.0) * worth.rank
        if self.scale > 0.0:
            return worth.deviance / self.scale - self.n + self.k * worth.rank
        size = math.log(worth.deviance / self.n) if worth.deviance > 0.0 else -math.inf
        return self.n * size + self.k * worth.rank

    def candidate_aic(self, worth: Worth, current: Worth) -> float:
        """AIC of a change in question: where the dispersion is estimated, with that of the current model, as R's
        ``add1`` and ``drop1`` have it.
        """
        if self.gaussian or self.known_dispersion:
            return self.aic(worth)
        dispersion = self.scale if self.scale > 0.0 else current.dispersion
        difference = (worth.deviance - current.deviance) / dispersion + self.k * (worth.rank - current.rank)
        return self.aic(current) + difference

    def compare(self, one: Worth, other: Worth) -> tuple[float, float]:
        """Statistic and p value of the larger of two nested models against the smaller; NaN when they are as large."""
        small, large = sorted((one, other), key=lambda worth: worth.rank)
        df = large.rank - small.rank
        if df == 0:
            return math.nan, math.nan
        gain = max(small.deviance - large.deviance, 0.0)
        if self.test == "F":
            df_large = self.n - large.rank
            with np.errstate(divide="ignore", invalid="ignore"):
                value = float(np.float64(gain / df) / (large.deviance / df_large)) if df_large > 0 else math.nan
            return value, float(special.fdtrc(df, df_large, value)) if df_large > 0 else math.nan
        value = self._likelihood_ratio(small, large, gain)
        return value, float(special.chdtrc(df, value))

    def _likelihood_ratio(self, small: Worth, large: Worth, gain: float) -> float:
        if self.scale > 0.0:
            return gain / self.scale
        if self.gaussian:
            return self.n * math.log(small.deviance / large.deviance) if large.deviance > 0.0 else math.inf
        return gain if self.known_dispersion else gain / large.dispersion


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change in question: ``sign`` "+" or "-" of a term, or "" of none."""

    sign: str
    term: int
    worth: Worth
    aic: float
    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Step:
    """A model on the way.

    Attributes
    ----------
    sign, term : str, int
        How it was reached; "" and -1 for the first.
    terms : frozenset of int
    worth : Worth
    aic : float
    candidates : tuple of Candidate
        The changes that were in question here, the best first.
    """

    sign: str
    term: int
    terms: Terms
    worth: Worth
    aic: float
    candidates: tuple[Candidate, ...] = ()


def search(lattice: Lattice, control: RxStepControl, models: Models, yardstick: Yardstick) -> list[Step]:
    """Walk from the first model to the one that no change betters; the last step is the model found.

    Where the dispersion is estimated a change is judged by that of the current model, and its own AIC may come out
    higher. Then the search ends with that change, as R's ``step`` and RevoScaleR do.
    """
    worth = models.move(lattice.base)
    steps = [Step("", -1, lattice.base, worth, yardstick.aic(worth))]
    while True:
        current = steps[-1]
        candidates = _candidates(lattice, control, models, yardstick, current)
        if control.step_criterion == "AIC":
            ranked, chosen = _by_aic(candidates, current)
        else:
            ranked, chosen = _by_significance(control, candidates, steps)
        steps[-1] = Step(current.sign, current.term, current.terms, current.worth, current.aic, tuple(ranked))
        if chosen is None or len(steps) > control.max_steps:
            return steps
        terms = current.terms | {chosen.term} if chosen.sign == "+" else current.terms - {chosen.term}
        worth = models.move(terms)
        aic = yardstick.aic(worth)
        steps.append(Step(chosen.sign, chosen.term, terms, worth, aic))
        if control.step_criterion == "AIC" and aic >= current.aic + LEAST_GAIN:
            return steps


def _candidates(
    lattice: Lattice, control: RxStepControl, models: Models, yardstick: Yardstick, current: Step
) -> list[Candidate]:
    changes = [("-", t) for t in lattice.droppable(current.terms)] if control.drops else []
    changes += [("+", t) for t in lattice.addable(current.terms)] if control.adds else []
    neighbours = [current.terms - {t} if sign == "-" else current.terms | {t} for sign, t in changes]
    found = []
    for (sign, term), worth in zip(changes, models.look(neighbours), strict=True):
        aic = yardstick.candidate_aic(worth, current.worth)
        found.append(Candidate(sign, term, worth, aic, *yardstick.compare(current.worth, worth)))
    return found


def _by_aic(candidates: list[Candidate], current: Step) -> tuple[list[Candidate], Candidate | None]:
    free = [c for c in candidates if c.sign == "-" and c.worth.rank == current.worth.rank]
    if free:
        # A term that costs no degree of freedom explains nothing of its own: the last of them leaves first.
        return candidates, free[-1]
    none = Candidate("", -1, current.worth, current.aic, math.nan, math.nan)
    counted = [c for c in candidates if c.worth.rank != current.worth.rank]
    ranked = sorted([none, *counted], key=lambda c: c.aic)
    return ranked, None if ranked[0] is none else ranked[0]


def _by_significance(
    control: RxStepControl, candidates: list[Candidate], steps: list[Step]
) -> tuple[list[Candidate], Candidate | None]:
    current = steps[-1]
    free = [c for c in candidates if c.sign == "-" and c.worth.rank == current.worth.rank]
    if free:
        return candidates, free[-1]
    drops = sorted((c for c in candidates if c.sign == "-"), key=lambda c: (-c.p_value, c.statistic))
    adds = [c for c in candidates if c.sign == "+" and c.worth.rank != current.worth.rank]
    adds.sort(key=lambda c: (c.p_value, -c.statistic))
    ranked = [*drops, *adds]
    if drops and drops[0].p_value > control.min_sig_level_to_drop:
        return ranked, _unless_undone(drops[0], steps)
    if adds and adds[0].p_value <= control.max_sig_level_to_add:
        return ranked, _unless_undone(adds[0], steps)
    return ranked, None


def _unless_undone(chosen: Candidate, steps: list[Step]) -> Candidate | None:
    """Nothing, where the change would lead back to a model that was left before: it would go round for ever."""
    terms = steps[-1].terms
    reached = terms | {chosen.term} if chosen.sign == "+" else terms - {chosen.term}
    return None if any(step.terms == reached for step in steps) else chosen
