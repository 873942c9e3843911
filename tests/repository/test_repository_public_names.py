"""What users can import: present, documented, and quick to get at."""

from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
from typing import Any

import pytest

import rxcore
import rxcore.errors
import xdf.errors

NAMES = sorted(name for name in rxcore.__all__ if not name.startswith("_"))
FUNCTIONS = [name for name in NAMES if name.startswith("rx_")]


def documented_parameters(docstring: str) -> set[str]:
    """Names in the Parameters section, ``one, two : type`` counted as two."""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-{3,}$|\Z)", inspect.cleandoc(docstring), re.MULTILINE | re.DOTALL
    )
    if section is None:
        return set()
    heads = re.findall(r"^([*\w][\w*, /]*?)(?: :.*)?$", section[1], re.MULTILINE)
    return {name.strip("* ") for head in heads for name in re.split(r"[,/]", head)}


@pytest.mark.parametrize("name", NAMES)
def test_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(rxcore, name)
    assert found.__doc__, f"rxcore.{name} has no docstring"
    assert name in dir(rxcore)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("rx_")])
def test_methods_of_public_classes_are_documented(name: str) -> None:
    kind = getattr(rxcore, name)
    bare = [
        attribute
        for attribute, value in inspect.getmembers(kind)
        if not attribute.startswith("_")
        and (inspect.isroutine(value) or isinstance(value, property))
        and not inspect.getdoc(value)
    ]
    assert not bare, f"{name}: no docstring on {bare}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_documents_each_parameter_and_shows_an_example(name: str) -> None:
    function = getattr(rxcore, name)
    parameters = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    missing = set(parameters) - documented_parameters(function.__doc__)
    assert not missing, f"{name} does not say what these are: {sorted(missing)}"
    if parameters:
        assert "\nExamples\n" in inspect.cleandoc(function.__doc__), f"{name} shows no example"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="rx_nothing"):
        _ = rxcore.rx_nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", [rxcore.errors, xdf.errors], ids=lambda module: str(module.__name__))
def test_errors_survive_pickling_with_their_message(module: Any) -> None:
    classes = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    assert len(classes) > 5
    for kind in classes:
        assert kind.__doc__
        copy = pickle.loads(pickle.dumps(kind("column 'incme' is not there")))
        assert type(copy) is kind
        assert str(copy) == "column 'incme' is not there"


def test_importing_is_quick_because_heavy_libraries_wait() -> None:
    heavy = "{'numba', 'pandas', 'scipy', 'formulaic', 'pyarrow.dataset'}"
    code = f"import sys, rxcore; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_the_container_brings_neither_rxcore_nor_numba_nor_pandas() -> None:
    code = "import sys, xdf; print(*sorted({'rxcore', 'numba', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
