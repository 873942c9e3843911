"""Models as bytes: exact round trips, golden files, and what damaged, forged, newer or foreign ones say."""

from __future__ import annotations

import contextlib
import json
import struct
import warnings
from dataclasses import fields
from typing import Any

import golden_models
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_flights import made_flights

from rxcore import RxStepControl, rx_lin_mod, rx_predict, rx_serialize_model, rx_unserialize_model
from rxcore.design import Design
from rxcore.errors import ModelFormatError, OptionError, RxError
from rxcore.options import options
from rxcore.persistence import models as persistence
from rxcore.persistence.container import FORMAT, pack, unpack

NAMES = ("linear", "cube", "binned", "logistic", "rates")
NEW = made_flights(40, seed=1)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    return golden_models.models()


def same(one: Any, other: Any) -> bool:
    """To the bit, through arrays, frames and designs."""
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f")) and one.dtype == other.dtype
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True, check_column_type=False)
        return True
    if isinstance(one, Design):
        # The types of the columns that were read are those of whatever data come next.
        kept = [field.name for field in fields(one) if field.name not in ("variables", "layout")]
        shape = one.variables.variables == other.variables.variables and one.layout.cells == other.layout.cells
        return shape and all(same(getattr(one, name), getattr(other, name)) for name in kept)
    both_nan = isinstance(one, float) and one != one and other != other
    return (both_nan or bool(one == other)) and type(one) is type(other)


@pytest.mark.parametrize("name", NAMES)
def test_round_trip(name: str, fitted: dict[str, Any]) -> None:
    model = fitted[name]
    data = rx_serialize_model(model)
    copy = rx_unserialize_model(data)
    for field in fields(model):
        assert same(model.__dict__[field.name], copy.__dict__[field.name]), field.name
    assert (str(copy), str(copy.summary())) == (str(model), str(model.summary()))
    assert rx_serialize_model(copy) == data
    wanted: dict[str, Any] = {"compute_residuals": True, "compute_standard_errors": model.cov_coef is not None}
    pd.testing.assert_frame_equal(rx_predict(copy, NEW, **wanted), rx_predict(model, NEW, **wanted), check_exact=True)


@pytest.mark.parametrize("path", sorted(golden_models.FOLDER.glob("*.rxmodel")), ids=lambda path: str(path.stem))
def test_golden_files_are_read_for_ever(path: Any) -> None:
    model = rx_unserialize_model(path.read_bytes())
    expected = [float.fromhex(value) for value in json.loads(path.with_suffix(".json").read_text())]
    np.testing.assert_array_equal(golden_models.scores(model), expected)
    assert f"Number of valid observations: {model.n_valid}" in str(model) or model.fweights is not None
    assert model.summary().to_frame().shape[0] == len(model.coefficient_names)


def test_every_format_has_its_golden_files() -> None:
    found = {path.stem for path in golden_models.FOLDER.glob("*.rxmodel")}
    assert found == {f"{name}-{version}" for name in NAMES for version in range(1, FORMAT + 1)}


def test_a_design_is_stored_whole() -> None:
    """A field that is added to a design must be stored, or follow from what is."""
    assert {field.name for field in fields(Design)} == {
        *persistence.STORED_OF_DESIGN,
        *persistence.REBUILT_OF_DESIGN,
    }


def test_for_scoring_only(fitted: dict[str, Any]) -> None:
    model = fitted["linear"]
    short = rx_serialize_model(model, realtime_scoring_only=True)
    assert len(short) < len(rx_serialize_model(model))
    copy = rx_unserialize_model(short)
    pd.testing.assert_frame_equal(rx_predict(copy, NEW), rx_predict(model, NEW), check_exact=True)
    with pytest.raises(OptionError, match="Fit the model with cov_coef=True"):
        rx_predict(copy, NEW, compute_standard_errors=True)


# -- bytes that are no model -----------------------------------------------------------------------------------------


def test_damage_is_noticed(fitted: dict[str, Any]) -> None:
    data = rx_serialize_model(fitted["logistic"])
    for place in (*range(64), *range(64, len(data), 97)):
        broken = bytearray(data)
        broken[place] ^= 0x10
        with pytest.raises(ModelFormatError):
            rx_unserialize_model(bytes(broken))
    for length in (0, 7, 63, 64, len(data) - 1):
        with pytest.raises(ModelFormatError):
            rx_unserialize_model(data[:length])
    with pytest.raises(ModelFormatError, match="bytes long where its header says"):
        rx_unserialize_model(data + b"\0")


def test_what_the_messages_say(fitted: dict[str, Any]) -> None:
    data = bytearray(rx_serialize_model(fitted["logistic"]))
    struct.pack_into("<I", data, 8, FORMAT + 1)
    with pytest.raises(ModelFormatError, match=rf"in format {FORMAT + 1}; this version of rxcore reads formats up to"):
        rx_unserialize_model(data)
    with pytest.raises(ModelFormatError, match="rx_unserialize_model: these bytes are not a model"):
        rx_unserialize_model(b"\x80\x04pickle" * 20)
    with pytest.raises(ModelFormatError, match="got str; it needs the bytes"):
        rx_unserialize_model("model")
    with pytest.raises(ModelFormatError, match=r"rx_serialize_model: a builtins.dict is not portable"):
        rx_serialize_model({"a": 1})


def test_a_model_that_holds_code_is_refused(fitted: dict[str, Any]) -> None:
    model = rx_lin_mod("delay ~ hour", made_flights(100))
    model.params["transform"] = len
    with pytest.raises(ModelFormatError, match="builtin_function_or_method cannot be stored without running code"):
        rx_serialize_model(model)


def test_an_unknown_field_is_named(fitted: dict[str, Any]) -> None:
    contents = unpack(rx_serialize_model(fitted["logistic"]))
    contents.tree["model"]["fields"]["momentum"] = 1.0
    with pytest.raises(ModelFormatError, match=r"LogisticResults has 'momentum', which this version .* Upgrade rxcore"):
        rx_unserialize_model(pack(contents.tree, list(contents.arrays)))
    del contents.tree["model"]["fields"]["momentum"], contents.tree["model"]["fields"]["deviance"]
    with pytest.raises(ModelFormatError, match="LogisticResults lacks 'deviance'"):
        rx_unserialize_model(pack(contents.tree, list(contents.arrays)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda design: design["n_coefficients"].__class__, "columns, not those that it says"),
        (lambda design: design["variables"]["tuple"].pop(0), "reads a variable that is not there|takes a factor"),
        (lambda design: design.update(label_style="SAS"), "does not say how it is coded"),
        (lambda design: design.update(terms={"tuple": [1]}), "something else among its terms"),
    ],
)
def test_forged_designs(change: Any, message: str, fitted: dict[str, Any]) -> None:
    contents = unpack(rx_serialize_model(fitted["logistic"]))
    design = contents.tree["model"]["fields"]["design"]["fields"]
    change(design)
    if "not those" in message:
        design["n_coefficients"] = 10**9
    with pytest.raises(ModelFormatError, match=message):
        rx_unserialize_model(pack(contents.tree, list(contents.arrays)))


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5), st.just([]), st.just({}), st.integers(-2, 20).map(lambda n: {"array": n}),
    st.lists(st.integers(-1, 9), max_size=3).map(lambda items: {"tuple": items}),
    st.just({"float": "nan"}), st.just({"object": "Design", "fields": {}}),
)  # fmt: skip


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every place in a tree that can be overwritten."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    return [found for key in keys for found in ((tree, key), *places(tree[key]))]


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_forged_bytes_with_a_right_checksum_do_no_harm(data: st.DataObject) -> None:
    """Whatever stands anywhere: a model that scores, or an error that says so."""
    name = data.draw(st.sampled_from(NAMES))
    contents = unpack((golden_models.FOLDER / f"{name}-{FORMAT}.rxmodel").read_bytes())
    found = places(contents.tree)
    where, key = found[data.draw(st.integers(0, len(found) - 1))]
    where[key] = data.draw(JUNK)
    with contextlib.suppress(RxError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = rx_unserialize_model(pack(contents.tree, list(contents.arrays)))
        assert len(golden_models.scores(model)) == NEW.num_rows


def test_several_responses_and_selected_terms_travel_too() -> None:
    table = made_flights(500)
    several = rx_lin_mod("cbind(delay, hour) ~ carrier", table, report_progress=0)
    copy = rx_unserialize_model(rx_serialize_model(several))
    assert (str(copy), str(copy.summary())) == (str(several), str(several.summary()))
    short = rx_unserialize_model(rx_serialize_model(several, realtime_scoring_only=True))
    pd.testing.assert_frame_equal(
        rx_predict(short, NEW, report_progress=0), rx_predict(several, NEW, report_progress=0)
    )
    control = RxStepControl(scope="~ hour + carrier + distance", keep_step_coefs=True)
    selected = rx_lin_mod("delay ~ 1", table, variable_selection=control, drop_main=False, report_progress=0)
    copy = rx_unserialize_model(rx_serialize_model(selected))
    assert str(copy.steps) == str(selected.steps)
    pd.testing.assert_frame_equal(copy.step_coefs, selected.step_coefs)
    assert copy.design.main_first
    assert rx_unserialize_model(rx_serialize_model(selected, realtime_scoring_only=True)).steps is None
