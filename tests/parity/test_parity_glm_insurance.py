"""Frequency, severity and pure premium of two motor portfolios as in R (tests/parity/r/glm_insurance.R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from glm_checks import assert_as_in_r
from glm_data import INSURANCE, insurance

STORED = json.loads((Path(__file__).parent / "r" / "glm_insurance.json").read_text())["models"]

RISK = "coverage + ageph + sex + bm + power + agec + fuel"
FREQUENCY = f"nclaims ~ {RISK} + use + fleet + offset(log(expo))"
SEVERITY = f"average ~ {RISK} + use + fleet"
GAME = "Gender + Type + Category"
MODELS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "frequency": ("belgium", FREQUENCY, "poisson", {}),
    "frequency-crossed": (
        "belgium", "nclaims ~ coverage*fuel + sex:ageph + bm + offset(log(expo))", "poisson", {}
    ),
    "frequency-quasi": ("belgium", FREQUENCY, "quasipoisson", {}),
    "frequency-negative": ("belgium", FREQUENCY, "negative.binomial(1.5)", {}),
    "frequency-theta": ("belgium", FREQUENCY, "negative.binomial", {}),
    "any-claim": ("belgium", f"claim ~ {RISK}", "binomial(cloglog)", {"offset": "log(expo)"}),
    "any-claim-logit": ("belgium", f"claim ~ {RISK}", "binomial", {}),
    "any-claim-probit": ("belgium", "claim ~ coverage + ageph + sex + bm", "binomial(probit)", {"pweights": "expo"}),
    "severity": ("claims", SEVERITY, "Gamma(log)", {"pweights": "nclaims"}),
    "severity-identity": ("claims", "average ~ coverage + fuel", "Gamma(identity)", {"pweights": "nclaims"}),
    "severity-inverse": ("claims", "average ~ coverage + fuel + sex", "Gamma", {"pweights": "nclaims"}),
    "severity-inverse-gaussian": (
        "claims", "average ~ coverage + ageph + sex", "inverse.gaussian(log)", {"pweights": "nclaims"}
    ),
    "severity-gaussian": ("claims", SEVERITY, "gaussian", {"pweights": "nclaims"}),
    "premium": (
        "belgium", "premium ~ coverage + ageph + sex + bm + power + fuel", "Tweedie(1.5, 0)", {"pweights": "expo"}
    ),
    "premium-canonical": ("belgium", "premium ~ coverage + sex + fuel", "Tweedie(1.5)", {"pweights": "expo"}),
    "game-frequency": (
        "game",
        f"Numtppd ~ {GAME} + Occupation + Age + Group1 + Bonus + Poldur + Group2 + Density + offset(log(year))",
        "poisson", {},
    ),
    "game-theta": ("game", f"Numtpbi ~ {GAME} + Age + Bonus + offset(log(year))", "negative.binomial", {}),
    "game-premium": ("game", f"Indtppd ~ {GAME} + Age + Bonus + offset(log(year))", "Tweedie(1.7, 0)", {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def portfolios() -> dict[str, pd.DataFrame]:
    if not INSURANCE.exists():
        pytest.skip("the portfolios are not here: they are looked for in ../shared/data/insurance")
    return insurance()


def test_every_stored_model_is_compared() -> None:
    assert set(MODELS) == set(STORED)


@pytest.mark.parametrize("name", MODELS)
def test_model(portfolios: dict[str, pd.DataFrame], name: str) -> None:
    data, formula, family, arguments = MODELS[name]
    assert_as_in_r(formula, portfolios[data], family, STORED[name], **arguments)
