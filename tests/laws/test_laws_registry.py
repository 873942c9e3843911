"""The laws hold for every updater, source and context of the package: those of the tables in ``registry_*.py``, which
may leave none out.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from registry_contexts import CONTEXTS
from registry_sources import SOURCES
from registry_updaters import UPDATERS

import rxcore.contexts
import rxcore.sources
import rxcore.updaters
from rxcore.testing import (
    CONTEXT_LAWS,
    SOURCE_LAWS,
    UPDATER_LAWS,
    ContextCase,
    LawDoesNotApply,
    SourceCase,
    UpdaterCase,
)


@pytest.mark.parametrize("law", UPDATER_LAWS.names)
@pytest.mark.parametrize("case", UPDATERS, ids=lambda case: case.name)
def test_updaters_keep_every_law(case: UpdaterCase, law: str) -> None:
    try:
        UPDATER_LAWS[law](case)
    except LawDoesNotApply as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module", params=SOURCES)
def source_case(request, tmp_path_factory) -> SourceCase:
    return SOURCES[request.param](tmp_path_factory.mktemp(request.param.replace(" ", "_")))


@pytest.mark.parametrize("law", SOURCE_LAWS.names)
def test_sources_keep_every_law(source_case: SourceCase, law: str) -> None:
    try:
        SOURCE_LAWS[law](source_case)
    except LawDoesNotApply as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("law", CONTEXT_LAWS.names)
@pytest.mark.parametrize("name", CONTEXTS)
def test_contexts_keep_every_law(name: str, law: str) -> None:
    # One of each kind: the last, which is the most elaborate.
    updaters = {type(case.make()): case.make() for case in UPDATERS}
    CONTEXT_LAWS[law](ContextCase(name=name, make=CONTEXTS[name], updaters=tuple(updaters.values())))


def classes_with(package: ModuleType, *methods: str) -> Iterator[str]:
    """Names of the classes of a package that have all of these attributes, its protocols left out."""
    for found in pkgutil.iter_modules(package.__path__):
        if found.name == "base":
            continue
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        for name, value in vars(module).items():
            own = isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
            if own and all(hasattr(value, method) for method in methods):
                yield name


def test_no_updater_is_left_out() -> None:
    covered = {type(case.make()).__name__ for case in UPDATERS}
    assert set(classes_with(rxcore.updaters, "init", "update", "merge", "finalize")) == covered


def test_no_source_is_left_out(tmp_path: Path) -> None:
    covered = set()
    for name, make in SOURCES.items():
        (tmp_path / name).mkdir()
        covered.add(type(make(tmp_path / name).make()).__name__)
    assert set(classes_with(rxcore.sources, "partitions", "block_nbytes")) == covered


def test_no_context_is_left_out() -> None:
    assert set(classes_with(rxcore.contexts, "run_pass")) == {type(make()).__name__ for make in CONTEXTS.values()}
