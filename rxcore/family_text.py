"""Families as users write them: an object, a name, or R's notation such as ``Gamma(log)`` or ``quasi(link="log",
variance="mu^2")``. Text is taken apart, never evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from rxcore import families
from rxcore.errors import OptionError
from rxcore.families import Family

_LONGEST = 200

# Every accepted spelling, and the function that makes the family with the names of its arguments in order.
_MAKERS: dict[str, tuple[Callable[..., Family], tuple[str, ...]]] = {
    "binomial": (families.binomial, ("link",)),
    "gaussian": (families.gaussian, ("link",)),
    "normal": (families.gaussian, ("link",)),
    "poisson": (families.poisson, ("link",)),
    "Gamma": (families.Gamma, ("link",)),
    "gamma": (families.Gamma, ("link",)),
    "inverse.gaussian": (families.inverse_gaussian, ("link",)),
    "inverse_gaussian": (families.inverse_gaussian, ("link",)),
    "quasi": (families.quasi, ("link", "variance")),
    "quasibinomial": (families.quasibinomial, ("link",)),
    "quasipoisson": (families.quasipoisson, ("link",)),
    "negative.binomial": (families.negative_binomial, ("theta", "link")),
    "negative_binomial": (families.negative_binomial, ("theta", "link")),
    "Tweedie": (families.tweedie, ("var_power", "link_power")),
    "tweedie": (families.tweedie, ("var_power", "link_power")),
    "rxTweedie": (families.tweedie, ("var_power", "link_power")),
    "rx_tweedie": (families.tweedie, ("var_power", "link_power")),
}
NAMES = (
    "binomial", "gaussian", "poisson", "Gamma", "inverse.gaussian", "Tweedie", "quasi", "quasibinomial",
    "quasipoisson", "negative.binomial",
)  # fmt: skip
_NUMBERS = ("theta", "var_power", "link_power")
_CALL = re.compile(r"\s*([A-Za-z_.][\w.]*)\s*(?:\((.*)\))?\s*", re.DOTALL)
_NAMED = re.compile(r"\s*([A-Za-z_.][\w.]*)\s*=(?!=)(.*)", re.DOTALL)


def as_family(value: Any, caller: str) -> Family:
    """The family that a user means.

    Parameters
    ----------
    value : Family, str or callable
        An object, ``"poisson"``, ``"Gamma(log)"``, ``"Tweedie(var.power=1.5, link.power=0)"``, or a function of
        ``rxcore.families`` itself.

    Raises
    ------
    OptionError
        Naming the closest family, or the links that the family takes.
    """
    if isinstance(value, Family):
        return value
    maker = next((name for name, (function, _) in _MAKERS.items() if function is value), None)
    text = maker if maker is not None else value
    if not isinstance(text, str):
        raise OptionError(f"{caller}: family must be a family or its name; got {type(value).__name__}")
    found = _CALL.fullmatch(text[:_LONGEST])
    if found is None:
        raise OptionError(f"{caller}: family {text[:40]!r} cannot be read; write for instance 'Gamma(link=\"log\")'")
    name, inside = found.group(1), found.group(2)
    if name not in _MAKERS:
        closest = get_close_matches(name, [*NAMES, *_MAKERS], n=1)
        hint = f" Closest: {closest[0]!r}." if closest else ""
        raise OptionError(f"{caller}: family {name!r} is unknown.{hint} Families: {', '.join(NAMES)}")
    function, parameters = _MAKERS[name]
    try:
        return function(**_arguments(name, inside or "", parameters))
    except OptionError as error:
        raise OptionError(f"{caller}: {error}") from None


def _arguments(name: str, inside: str, parameters: tuple[str, ...]) -> Mapping[str, Any]:
    given: dict[str, Any] = {}
    for place, piece in enumerate(_split(inside)):
        named = _NAMED.fullmatch(piece)
        key = named.group(1).replace(".", "_") if named else (parameters[place] if place < len(parameters) else "")
        if key not in parameters or key in given:
            why = "twice" if key in given else f"the argument {key!r}" if key else "too many arguments"
            raise OptionError(f"family {name} has {why}; it takes {', '.join(parameters)}")
        given[key] = _value(name, key, (named.group(2) if named else piece).strip())
    return given


def _value(name: str, key: str, text: str) -> str | float:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    if key not in _NUMBERS:
        return text.strip()
    number = families.number_of(text)
    if number is None:
        raise OptionError(f"family {name}: {key} must be a number; got {text!r}")
    return number


def _split(inside: str) -> list[str]:
    """The pieces between commas that stand in no parentheses and no quotes."""
    pieces, depth, quote = [""], 0, ""
    for letter in inside:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        depth += 0 if quote else (letter == "(") - (letter == ")")
        if letter == "," and depth == 0 and not quote:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces if inside.strip() else []
