"""Numbers held against published ones, as they were printed."""

from __future__ import annotations

from typing import Any

from tolerances import printed


def assert_printed(values: Any, texts: list[str], what: str) -> None:
    values = [float(value) for value in values]
    assert len(values) == len(texts), what
    for i, (value, text) in enumerate(zip(values, texts, strict=True)):
        assert printed(value, text), f"{what}[{i}]: {value!r} is not printed as {text}"


def assert_model(model: Any, expected: dict[str, Any]) -> None:
    kept = ~model.aliased
    assert_printed(model.coefficients[kept], expected["estimates"], "estimates")
    if "errors" in expected:
        assert_printed(model.coef_std_error[kept], expected["errors"], "standard errors")
        assert_printed(model.coef_t_value[kept], expected.get("t", expected.get("z", [])), "t or z values")
    for name, text in expected.get("p", {}).items():
        assert printed(model.coef_p_value[name], text), name
    for name in ("sigma", "r_squared", "adj_r_squared", "f_value", "condition_number", "deviance", "aic"):
        if name in expected:
            assert printed(getattr(model, name), expected[name]), f"{name} is {getattr(model, name)!r}"
    if "f" in expected:
        assert (model.df_model, model.df_residual) == expected["f"]
    assert (model.n_valid, model.n_missing) == expected["n"]
