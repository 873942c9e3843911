"""Which covariance of the coefficients a user asks for with ``vcov=``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rxcore.errors import DesignError, OptionError
from xdf.schema import Schema

CLASSICAL, CLUSTERED = "classical", "CR1"

# How often each squared residual is divided by 1 - leverage.
LEVERAGE_POWERS = {"HC0": 0, "HC1": 0, "HC2": 1, "HC3": 2}

_ALLOWED = "'classical', 'HC0', 'HC1', 'HC2', 'HC3', {'cluster': 'column'} and {'cluster': ['one', 'other']}"


@dataclass(frozen=True, slots=True)
class CovarianceChoice:
    """A kind of covariance, and the columns whose values make the clusters."""

    kind: str = CLASSICAL
    clusters: tuple[str, ...] = ()


CLASSICAL_CHOICE = CovarianceChoice()


def covariance_choice(caller: str, vcov: Any) -> CovarianceChoice:
    """Read the argument ``vcov``.

    Raises
    ------
    OptionError
        For anything else than what :func:`rxcore.rx_lin_mod` documents, naming what is allowed.
    """
    if vcov is None:
        return CLASSICAL_CHOICE
    if isinstance(vcov, str) and vcov.lower() == CLASSICAL:
        return CLASSICAL_CHOICE
    if isinstance(vcov, str) and vcov.upper() in LEVERAGE_POWERS:
        return CovarianceChoice(vcov.upper())
    if isinstance(vcov, Mapping) and list(vcov) == ["cluster"]:
        return CovarianceChoice(CLUSTERED, _cluster_columns(caller, vcov["cluster"]))
    raise OptionError(f"{caller}: vcov is {vcov!r}; allowed are {_ALLOWED}")


def _cluster_columns(caller: str, given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise OptionError(
            f"{caller}: vcov={{'cluster': {given!r}}}: a cluster is the name of a column, or a list of two"
        )
    if len(names) > 2:
        raise OptionError(
            f"{caller}: vcov clusters by {len(names)} columns ({', '.join(map(repr, names))}); one or two are allowed"
        )
    if len(set(names)) < len(names):
        raise OptionError(f"{caller}: vcov clusters by {names[0]!r} twice; name two different columns, or one")
    return tuple(names)


def check_clusters(caller: str, choice: CovarianceChoice, schema: Schema) -> None:
    """Refuse columns whose values cannot be told apart by kernels."""
    for name in choice.clusters:
        column = schema.field(name)
        if not (column.is_factor or column.is_string or column.is_numeric):
            raise DesignError(
                f"{caller}: cluster column {name!r} has type {column.type}; a cluster is a factor, text, number or date"
            )
