"""Selection of terms. Linear models are swept out of one cross-product; the data are not read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rxcore.analyses.cross_products import basis_of, model_products, narrowed, rounding_of
from rxcore.analyses.modelling import ModelRequest
from rxcore.analyses.scope import SearchScope
from rxcore.design import Design, DesignTerm
from rxcore.errors import DesignError
from rxcore.kernels import cross_product as kernels
from rxcore.results.steps import StepPath
from rxcore.solvers.normal_equations import Basis, solve
from rxcore.solvers.stepwise import Step, Terms, Worth, Yardstick, search
from rxcore.solvers.subsets import Subset
from rxcore.step_control import RxStepControl
from rxcore.updaters.cross_product import CrossProduct, CrossProducts
from rxcore.variables import Floats
from xdf.schema import Schema

# A model that leaves less than this share of the response's square sum unexplained leaves nothing but rounding.
PERFECT = 1e-24


class LinearModels:
    """Linear models of the terms in scope, swept from one to the next."""

    def __init__(self, design: Design, nothing: Subset) -> None:
        self.columns = [
            [int(m) for m in design.order if design.term_of[m] == term] for term in range(len(design.terms))
        ]
        self.current = nothing.adding([0] if design.intercept else [])
        self.terms: Terms = frozenset()

    def move(self, terms: Terms) -> Worth:
        """Sweep to the model of these terms."""
        self.current = self._reached(terms)
        self.terms = terms
        return Worth(self.current.residual, self.current.rank)

    def look(self, candidates: Sequence[Terms]) -> list[Worth]:
        """What these models are worth."""
        reached = (self._reached(terms) for terms in candidates)
        return [Worth(model.residual, model.rank) for model in reached]

    def _reached(self, terms: Terms) -> Subset:
        gone = [m for term in sorted(self.terms - terms) for m in self.columns[term]]
        new = [m for term in sorted(terms - self.terms) for m in self.columns[term]]
        reached = self.current.dropping(gone) if gone else self.current
        return reached.adding(new) if new else reached


@dataclass(frozen=True, slots=True, eq=False)
class _Products:
    """Cross-product of all columns in scope and the response, before anything is swept."""

    high: Floats
    low: Floats
    magnitudes: Floats
    noise_share: float


def select_linear(
    request: ModelRequest,
    scope: SearchScope,
    design: Design,
    updater: CrossProduct,
    found: CrossProducts,
    schema: Schema,
) -> tuple[StepPath, list[DesignTerm]]:
    """The path of the search, and the terms where it ends, in the order of the scope."""
    control = request.selection
    assert control is not None
    own, products = narrowed(updater, found, design)
    high, low = model_products(own, products)
    magnitudes, noise_share = rounding_of(own, products, schema)
    n = float(found.matrix[0, 0]) if request.fweights is not None else float(found.counts[kernels.N_VALID])
    yardstick = Yardstick(n, control.scale, control.k, True, False, control.test or "F")
    nothing = Subset.empty(high, low, basis_of(own.design), magnitudes, noise_share)
    models = LinearModels(design, nothing)
    unexplained = models.move(frozenset()).deviance
    steps = search(scope.lattice, control, models, yardstick)
    if steps[-1].worth.deviance <= PERFECT * unexplained:
        raise DesignError(
            f"{request.caller}: {scope.formula(steps[-1].terms)!r} fits the data without error, where no "
            "criterion can compare models; take the terms that define the response out of scope"
        )
    coefficients = None
    if control.keep_step_coefs:
        kept = [_coefficients(own.design, _Products(high, low, magnitudes, noise_share), step.terms) for step in steps]
        values = {str(place): column for place, column in enumerate(kept)}
        coefficients = pd.DataFrame({"Coefficient": list(design.names), **values})
    path = describe(scope, control, yardstick, steps, coefficients)
    return path, [design.terms[term] for term in sorted(steps[-1].terms)]


def _coefficients(design: Design, products: _Products, terms: Terms) -> Floats:
    """Coefficients of a model in scope over all columns in scope: 0 where a term is absent, NaN where dropped."""
    chosen = np.array([term < 0 or term in terms for term in design.term_of], np.bool_)
    places = np.flatnonzero(chosen)
    with_response = np.append(places, design.n_coefficients)
    number = np.cumsum(chosen) - 1
    order = np.array([number[m] for m in design.order if chosen[m]], np.int64)
    basis = basis_of(design)
    part = Basis(basis.first[places], basis.second[places], basis.factor[places])
    block = np.ix_(with_response, with_response)
    solution = solve(
        products.high[block],
        products.low[block],
        order,
        part,
        products.magnitudes,
        intercept=design.intercept,
        noise_share=products.noise_share,
    )
    values = np.zeros(design.n_coefficients)
    values[places] = solution.coefficients
    return values


# -- the path as a table -----------------------------------------------------------------------------------------------


def describe(
    scope: SearchScope,
    control: RxStepControl,
    yardstick: Yardstick,
    steps: list[Step],
    coefficients: pd.DataFrame | None,
) -> StepPath:
    """The steps as R's ``step`` and RevoScaleR's ``anova`` show them."""
    return StepPath(
        anova=_anova(scope, control, yardstick, steps),
        initial=scope.formula(steps[0].terms),
        final=scope.formula(steps[-1].terms),
        candidates=tuple(_in_question(scope, control, yardstick, step) for step in steps),
        coefficients=coefficients,
    )


def _criterion_name(yardstick: Yardstick) -> str:
    return "Cp" if yardstick.gaussian and yardstick.scale > 0.0 else "AIC"


def _test_names(yardstick: Yardstick) -> tuple[str, str]:
    return ("F value", "Pr(>F)") if yardstick.test == "F" else ("LRT", "Pr(>Chi)")


def _anova(scope: SearchScope, control: RxStepControl, yardstick: Yardstick, steps: list[Step]) -> pd.DataFrame:
    deviances = np.array([step.worth.deviance for step in steps])
    left = yardstick.n - np.array([step.worth.rank for step in steps], np.float64)
    columns = {
        "Step": np.array([_change(scope, step.sign, step.term) for step in steps], object),
        "Df": np.append(np.nan, np.diff(left)),
        "Deviance": np.append(np.nan, np.abs(np.diff(deviances))),
        "Resid. Df": left,
        "Resid. Dev": deviances,
        _criterion_name(yardstick): np.array([step.aic for step in steps]),
    }
    if control.test is not None or control.step_criterion == "SigLevel":
        tests = [yardstick.compare(steps[0].worth, step.worth) for step in steps]
        for place, name in enumerate(_test_names(yardstick)):
            columns[name] = np.array([test[place] for test in tests])
    return pd.DataFrame(columns)


def _in_question(scope: SearchScope, control: RxStepControl, yardstick: Yardstick, step: Step) -> pd.DataFrame:
    changes, worth = step.candidates, step.worth
    deviances = np.array([change.worth.deviance for change in changes], np.float64)
    df = np.array([abs(change.worth.rank - worth.rank) if change.sign else np.nan for change in changes], np.float64)
    difference = np.where(np.isnan(df), np.nan, np.abs(deviances - worth.deviance))
    columns = {
        "Change": np.array([_change(scope, change.sign, change.term) or "<none>" for change in changes], object),
        "Df": df,
    }
    if yardstick.gaussian:
        columns |= {"Sum of Sq": difference, "RSS": deviances}
    else:
        columns["Deviance"] = deviances
    columns[_criterion_name(yardstick)] = np.array([change.aic for change in changes], np.float64)
    if control.test is not None or control.step_criterion == "SigLevel":
        value, p_value = _test_names(yardstick)
        columns[value] = np.array([change.statistic for change in changes], np.float64)
        columns[p_value] = np.array([change.p_value for change in changes], np.float64)
    return pd.DataFrame(columns)


def _change(scope: SearchScope, sign: str, term: int) -> str:
    return f"{sign} {scope.terms[term]}" if sign else ""
