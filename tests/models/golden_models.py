"""Models whose bytes are kept for ever: tests/models/golden/*.rxmodel, one set for each format version.

Run from the root of the repository to add the set of a new format: python tests/models/golden_models.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))
from made_flights import made_flights  # noqa: E402

FOLDER = HERE / "golden"


def models() -> dict[str, Any]:
    """Every kind of variable, term and option that a design has."""
    from rxcore import rx_glm, rx_lin_mod, rx_logit

    table = made_flights(3_000)
    quiet: dict[str, Any] = {"report_progress": 0}
    return {
        "linear": rx_lin_mod("delay ~ day + carrier + hour:carrier + log(distance)", table, cov_coef=True, **quiet),
        "cube": rx_lin_mod("delay ~ day:carrier + I(hour^2)", table, cube=True, fweights="weight", **quiet),
        "binned": rx_lin_mod("delay ~ F(hour) + distance - 1", table, drop_first=True, coef_label_style="R", **quiet),
        "rates": rx_glm("late ~ day + offset(log(hour))", table, family="quasipoisson", pweights="weight", **quiet),
        "logistic": rx_logit("late ~ carrier * hour", table, cov_coef=True, pweights="weight", **quiet),
    }


def scores(model: Any) -> Any:
    """Predictions of forty flights."""
    from rxcore import rx_predict

    return rx_predict(model, made_flights(40, seed=1), report_progress=0).iloc[:, 0]


def main() -> None:
    from rxcore import rx_serialize_model
    from rxcore.persistence.container import FORMAT

    FOLDER.mkdir(exist_ok=True)
    for name, model in models().items():
        path = FOLDER / f"{name}-{FORMAT}.rxmodel"
        if not path.exists():
            path.write_bytes(rx_serialize_model(model))
            values = [float(value).hex() for value in scores(model)]
            (FOLDER / f"{name}-{FORMAT}.json").write_text(json.dumps(values, indent=0) + "\n")
            print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
