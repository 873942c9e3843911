"""How models are selected term by term: the options that users give as ``variable_selection``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from rxcore.arguments import take_spellings
from rxcore.errors import OptionError

_METHODS = ("stepwise", "forward", "backward")
_TESTS = {"f": "F", "chisq": "Chisq"}
_CRITERIA = {"aic": "AIC", "siglevel": "SigLevel"}

# RevoScaleR's spellings.
_SPELLINGS = {
    "maxSteps": "max_steps",
    "stepCriterion": "step_criterion",
    "maxSigLevelToAdd": "max_sig_level_to_add",
    "minSigLevelToDrop": "min_sig_level_to_drop",
    "refitEachStep": "refit_each_step",
    "keepStepCoefs": "keep_step_coefs",
}


@dataclass(frozen=True, init=False)
class RxStepControl:
    """How :func:`rx_lin_mod`, :func:`rx_logit` and :func:`rx_glm` select terms: their ``variable_selection``.

    The search starts from the formula of the call. An interaction enters after all of its main effects and leaves
    before them.

    Parameters
    ----------
    method : str, optional
        ``"stepwise"`` adds and drops, ``"forward"`` only adds, ``"backward"`` only drops. Default: ``"stepwise"`` with
        a scope, ``"backward"`` without.
    scope : str or dict, optional
        The largest model, ``"~ a + b + c"``, or ``{"lower": "~ a", "upper": "~ a + b*c"}``, of which either may be
        missing. Without an upper model it is the formula; without a lower one only the intercept stays. ``.`` stands
        for the terms of the formula.
    max_steps : int, default 1000
        Steps after which the search ends.
    step_criterion : str, default "AIC"
        ``"AIC"``: the change that lowers it most, as R's ``step``. ``"SigLevel"``: p values, as SAS does: what is least
        significant leaves, then what is most significant enters.
    max_sig_level_to_add : float, optional
        With SigLevel a term enters when its p value is at most this; default 0.50 forward, 0.15 stepwise.
    min_sig_level_to_drop : float, optional
        With SigLevel a term leaves when its p value is above this; default 0.10 backward, 0.15 stepwise.
    refit_each_step : bool, optional
        Linear models never need refitting: the cross-products of one pass give every model in scope. Other models are
        refitted with each change in question unless this is False; then score and Wald statistics of one more pass at
        the current model rank the changes, and only the model chosen is refitted.
    keep_step_coefs : bool, default False
        Keep the coefficients of every step, in ``model.step_coefs``.
    scale : float, default 0
        The known scale (error variance) in AIC; 0 estimates it.
    k : float, default 2
        AIC's penalty for each coefficient; the logarithm of the number of rows gives BIC.
    test : str, optional
        ``"F"`` or ``"Chisq"``: the test behind SigLevel, and shown for each step against the first model. Default for
        SigLevel: F where the dispersion is estimated, Chisq where it is known.
    **kwargs
        RevoScaleR's spellings, such as ``maxSteps``.

    Notes
    -----
    Rows with a missing value in any variable in scope are left out before the search starts, so that all models are
    fitted to the same rows. Matches RevoScaleR's ``rxStepControl``.

    Examples
    --------
    >>> import pandas as pd
    >>> from rxcore import rx_lin_mod
    >>> frame = pd.DataFrame({"y": [1.0, 2.1, 2.9, 4.2, 5.0], "x": [1.0, 2.0, 3.0, 4.0, 5.0], "z": [1.0, 0, 1, 1, 0]})
    >>> control = RxStepControl(scope="~ x + z")
    >>> rx_lin_mod("y ~ 1", frame, variable_selection=control, report_progress=0).formula
    'y ~ x'
    """

    method: str
    lower: str | None
    upper: str | None
    max_steps: int
    step_criterion: str
    max_sig_level_to_add: float
    min_sig_level_to_drop: float
    refit_each_step: bool | None
    keep_step_coefs: bool
    scale: float
    k: float
    test: str | None

    def __init__(
        self,
        method: str | None = None,
        scope: str | Mapping[str, str] | None = None,
        max_steps: int = 1000,
        step_criterion: str = "AIC",
        max_sig_level_to_add: float | None = None,
        min_sig_level_to_drop: float | None = None,
        refit_each_step: bool | None = None,
        keep_step_coefs: bool = False,
        scale: float = 0,
        k: float = 2,
        test: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = {
            "max_steps": max_steps,
            "step_criterion": step_criterion,
            "max_sig_level_to_add": max_sig_level_to_add,
            "min_sig_level_to_drop": min_sig_level_to_drop,
            "refit_each_step": refit_each_step,
            "keep_step_coefs": keep_step_coefs,
        }
        given |= take_spellings("RxStepControl", kwargs, _SPELLINGS, RxStepControl)
        lower, upper = _scope(scope)
        if method is None:
            method = "stepwise" if scope is not None else "backward"
        method = _one_of("method", method, {name: name for name in _METHODS})
        both = method == "stepwise"
        enter, stay = given["max_sig_level_to_add"], given["min_sig_level_to_drop"]
        values = {
            "method": method,
            "lower": lower,
            "upper": upper,
            "max_steps": _whole("max_steps", given["max_steps"]),
            "step_criterion": _one_of("step_criterion", given["step_criterion"], _CRITERIA),
            "max_sig_level_to_add": _level("max_sig_level_to_add", (0.15 if both else 0.5) if enter is None else enter),
            "min_sig_level_to_drop": _level("min_sig_level_to_drop", (0.15 if both else 0.1) if stay is None else stay),
            "refit_each_step": _flag("refit_each_step", given["refit_each_step"], optional=True),
            "keep_step_coefs": _flag("keep_step_coefs", given["keep_step_coefs"]),
            "scale": _number("scale", scale),
            "k": _number("k", k),
            "test": None if test is None else _one_of("test", test, _TESTS),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def adds(self) -> bool:
        """Whether terms may enter."""
        return self.method != "backward"

    @property
    def drops(self) -> bool:
        """Whether terms may leave."""
        return self.method != "forward"


def as_step_control(caller: str, value: Any) -> RxStepControl | None:
    """The control that a user gave as object or as a dict of its arguments; None and an empty dict select nothing.

    Raises
    ------
    OptionError
        For anything else.
    """
    if value is None or isinstance(value, RxStepControl):
        return value
    if isinstance(value, Mapping):
        return RxStepControl(**value) if value else None
    raise OptionError(
        f"{caller}: variable_selection is a {type(value).__name__}; allowed are an RxStepControl or a dict of its "
        f"arguments: {', '.join(item.name for item in fields(RxStepControl))}"
    )


def _scope(scope: Any) -> tuple[str | None, str | None]:
    if scope is None or isinstance(scope, str):
        return None, scope
    if not isinstance(scope, Mapping) or not set(scope) <= {"lower", "upper"}:
        raise OptionError(
            f"RxStepControl: scope is {scope!r}; allowed are a formula such as '~ a + b' or a dict with 'lower' and "
            "'upper'"
        )
    for name, value in scope.items():
        if value is not None and not isinstance(value, str):
            raise OptionError(f"RxStepControl: scope {name!r} is {value!r}; write a formula such as '~ a + b'")
    return scope.get("lower"), scope.get("upper")


def _one_of(name: str, value: Any, allowed: Mapping[str, str]) -> str:
    found = allowed.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise OptionError(f"RxStepControl: {name} is {value!r}; allowed are {', '.join(map(repr, allowed.values()))}")
    return found


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value >= 0):
        raise OptionError(f"RxStepControl: {name} is {value!r}; it must be a number, zero or more")
    return float(value)


def _level(name: str, value: Any) -> float:
    level = _number(name, value)
    if level > 1.0:
        raise OptionError(f"RxStepControl: {name} is {value!r}; a significance level lies between 0 and 1")
    return level


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise OptionError(f"RxStepControl: {name} is {value!r}; it must be a whole number, zero or more")
    return value


def _flag(name: str, value: Any, *, optional: bool = False) -> bool | None:
    if isinstance(value, bool) or (optional and value is None):
        return value
    raise OptionError(f"RxStepControl: {name} is {value!r}; allowed are {'None, ' if optional else ''}True and False")
