"""Exported models score as rx_predict does: ONNX in onnxruntime, PMML in an evaluator of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_flights import made_flights
from pmml_reader import Document, InvalidValueError
from tolerances import AGAINST_FRACTIONS

from rxcore import rx_export_onnx, rx_export_pmml, rx_glm, rx_lin_mod, rx_logit, rx_predict, rx_unserialize_model
from rxcore import rx_serialize_model as serialized
from rxcore.errors import DataWarning, DesignError, MissingExtraError, ModelFormatError, OptionError, OutputExistsError
from rxcore.families import binomial
from rxcore.options import options

TABLE = made_flights(3_000)
# Forty flights, some with something missing.
NEW = made_flights(40, seed=2).to_pandas()
NEW.loc[3, "carrier"] = None
NEW.loc[[5, 6], "hour"] = [np.nan, 99.0]

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "main effects": ("delay ~ day + carrier + hour + distance", {}),
    "interactions": ("delay ~ day:carrier + carrier*hour + hour:distance", {"drop_first": True}),
    "three factors": ("delay ~ carrier:day:F(hour, 0, 11, exclude=FALSE)", {}),
    "bins": ("delay ~ F(hour) + distance - 1", {}),
    "polynomial": ("delay ~ hour + I(hour^2) + log(distance) + sqrt(hour/24) + pow(hour, 3)", {}),
    "logarithms": ("delay ~ log2(hour) + log10(hour) + log(hour, 7) + log1p(hour) + exp(-hour)", {}),
    "conditions": (
        "delay ~ ifelse(hour > 12 & distance <= 2000, hour, -distance) + I(hour %in% c(6, 7)) + I(!(hour < 9))",
        {},
    ),
    "text in conditions": ('delay ~ I(carrier == "UA") + I(day %in% c("Monday", "Friday")):hour', {}),
    "extremes": ("delay ~ pmin(hour, 12) + pmax(hour, distance/100) + abs(hour-10) + floor(hour) + ceiling(hour)", {}),
    "collinear": ("delay ~ hour + I(2 * hour) + carrier", {}),
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:rx_lin_mod. dropped")


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


def onnx_scores(path: Path, frame: pd.DataFrame) -> np.ndarray:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {}
    for given in session.get_inputs():
        column = frame[given.name].to_numpy().reshape(-1, 1)
        if given.type == "tensor(string)":
            feeds[given.name] = np.array([["" if pd.isna(value) else value for value in column[:, 0]]], object).T
        else:
            feeds[given.name] = column.astype(np.float64)
    (only,) = session.get_outputs()
    (scores,) = session.run([only.name], feeds)
    assert scores.dtype == np.float64
    return np.asarray(scores)[:, 0]


def pmml_scores(path: Path, frame: pd.DataFrame) -> np.ndarray:
    document = Document(path)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return np.array([np.nan if value is None else value for value in map(document.predict, rows)], np.float64)


ENGINES = pytest.mark.parametrize(
    ("export", "scores"), [(rx_export_onnx, onnx_scores), (rx_export_pmml, pmml_scores)], ids=["onnx", "pmml"]
)


@ENGINES
@pytest.mark.parametrize("name", MODELS)
def test_linear_models(name: str, export: Any, scores: Any, tmp_path: Path) -> None:
    formula, settings = MODELS[name]
    model = rx_lin_mod(formula, TABLE, **settings)
    path = tmp_path / "model"
    export(model, path)
    expected = rx_predict(model, NEW)["delay_Pred"].to_numpy()
    assert np.isnan(expected).any()
    assert not np.isnan(expected).all()
    np.testing.assert_allclose(scores(path, NEW), expected, rtol=AGAINST_FRACTIONS, atol=AGAINST_FRACTIONS)
    again = tmp_path / "again"
    export(rx_unserialize_model(serialized(model)), again)
    assert again.read_bytes() == path.read_bytes()


@ENGINES
def test_logistic_models(export: Any, scores: Any, tmp_path: Path) -> None:
    frame = TABLE.to_pandas().dropna()
    frame["verdict"] = pd.Categorical(np.where(frame["late"].astype(bool), "late", "on time"))
    for response in ("late", "verdict"):
        model = rx_logit(f"{response} ~ carrier*hour + day", frame)
        path = tmp_path / f"{response}.model"
        export(model, path)
        expected = rx_predict(model, NEW)[f"{response}_Pred"].to_numpy()
        np.testing.assert_allclose(scores(path, NEW), expected, rtol=AGAINST_FRACTIONS)


@ENGINES
@pytest.mark.parametrize("family", ["poisson", "quasibinomial", "gaussian"])
def test_generalized_models_and_offsets(family: str, export: Any, scores: Any, tmp_path: Path) -> None:
    frame = TABLE.to_pandas().dropna().assign(late=lambda rows: rows["late"].astype(float))
    model = rx_glm("late ~ carrier + offset(log(hour)/9) + day:hour", frame, family=family)
    path = tmp_path / "model"
    export(model, path)
    expected = rx_predict(model, NEW)["late_Pred"].to_numpy()
    np.testing.assert_allclose(scores(path, NEW), expected, rtol=AGAINST_FRACTIONS)
    with pytest.raises(ModelFormatError, match="a model of the link 'probit' cannot be exported"):
        export(rx_glm("late ~ hour", frame, family=binomial("probit")), tmp_path / "probit")


@ENGINES
def test_unseen_levels(export: Any, scores: Any, tmp_path: Path) -> None:
    model = rx_lin_mod("delay ~ carrier + hour:carrier", TABLE)
    strange = NEW.assign(carrier=NEW["carrier"].astype(object).replace("UA", "ZZ"))
    path = tmp_path / "model"
    for policy in ("missing", "reference"):
        export(model, path, unseen_levels=policy, overwrite=True)
        with pytest.warns(DataWarning, match="rows with levels unknown"):
            expected = rx_predict(model, strange, unseen_levels=policy)["delay_Pred"]
        np.testing.assert_allclose(scores(path, strange), expected, rtol=AGAINST_FRACTIONS)
    export(model, path, overwrite=True)
    # onnxruntime's own error is a class of its extension module.
    with pytest.raises((InvalidValueError, Exception), match=r"ZZ|Unknown Category"):
        scores(path, strange)
    with pytest.raises(DesignError):
        rx_predict(model, strange)


@ENGINES
@pytest.mark.parametrize("term", ["I(hour %% 2)", "round(hour, 1)", "I(hour %/% 2)", "N(carrier)"])
def test_what_has_no_equal_is_refused(term: str, export: Any, scores: Any, tmp_path: Path) -> None:
    frame = TABLE.to_pandas()
    frame["carrier"] = frame["carrier"].astype("category")
    model = rx_lin_mod(f"delay ~ {term} + day", frame)
    with pytest.raises(ModelFormatError, match="has no equal among"):
        export(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@ENGINES
def test_what_the_messages_say(export: Any, scores: Any, tmp_path: Path) -> None:
    model = rx_lin_mod("delay ~ hour", TABLE)
    path = tmp_path / "model"
    with pytest.raises(OptionError, match="unseen_levels is 'skip'; allowed are 'error', 'missing', 'reference'"):
        export(model, path, unseen_levels="skip")
    with pytest.raises(ModelFormatError, match="a dict cannot be exported; linear and logistic models"):
        export({}, path)
    with pytest.raises(ModelFormatError, match="the model has an intercept only"):
        export(rx_lin_mod("delay ~ 1", TABLE), path)
    export(model, path)
    with pytest.raises(OutputExistsError, match="exists; pass overwrite=True"):
        export(model, path)


def test_without_onnx_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = rx_lin_mod("delay ~ hour", TABLE)
    for name in [name for name in sys.modules if name.startswith(("rxcore.export.onnx", "onnx"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rxcore\[export\]'"):
        rx_export_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
