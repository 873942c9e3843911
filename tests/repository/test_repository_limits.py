"""Rules of the house that no other tool checks. They may be tightened; loosening one needs a sentence here."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("xdf", "rxcore")
LONGEST_FILE = 600
LONGEST_BODY = 50

# Functions that may be longer, and how long. Kernels only: one flat loop compiles better than many small functions.
LONG_BODIES = {
    "rxcore/kernels/moments.py:moments": 75,
    "rxcore/kernels/tiles.py:widen": 60,
}

# Readers of these formats run code that the file holds. The law kit sends its own objects through pickle and back.
CODE_IN_DATA = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}

XDF_MAY_IMPORT = {"xdf", "pyarrow", "numpy", "zstandard"}
KERNELS_MAY_IMPORT = {"numpy", "numba", "llvmlite"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(path: Path) -> Iterator[str]:
    """Every module a file imports, annotations included, with relative imports spelled out."""
    for node in ast.walk(parsed(path)):
        yield from imported_by(node, path)


def imported_by(node: ast.AST, path: Path) -> Iterator[str]:
    """The modules of one import statement."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = path.relative_to(ROOT).with_suffix("").parts[: -node.level] if node.level else ()
        yield ".".join((*above, *([node.module] if node.module else [])))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the end."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]


@pytest.mark.parametrize("path", sources("xdf", "rxcore", "bench", "tests"), ids=short)
def test_file_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{short(path)} has {lines} lines; split it where two things live in one room"


@pytest.mark.parametrize("path", sources(*PACKAGES, "bench"), ids=short)
def test_functions_are_short(path: Path) -> None:
    long = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            allowed = LONG_BODIES.get(f"{short(path)}:{node.name}", LONGEST_BODY)
            if body_lines(node) > allowed:
                long.append(f"{node.name} has {body_lines(node)} lines, allowed {allowed}")
    assert not long, f"{short(path)}: {long}"


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=short)
def test_nothing_changes_sums_or_runs_code_from_data(path: Path) -> None:
    found = []
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in {"eval", "exec", "__import__", "prange"}:
            found.append(f"line {node.lineno}: {name}()")
        for keyword in node.keywords:
            on = not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
            if keyword.arg in {"fastmath", "parallel", "allow_pickle"} and on:
                found.append(f"line {node.lineno}: {keyword.arg}=")
    assert not found, f"{short(path)}: {found}"


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=short)
def test_no_format_that_runs_code_is_read(path: Path) -> None:
    if short(path).startswith("rxcore/testing/"):
        return
    assert not {name.split(".")[0] for name in imported(path)} & CODE_IN_DATA


@pytest.mark.parametrize("path", sources("xdf"), ids=short)
def test_the_container_stands_alone(path: Path) -> None:
    # What a function imports when it is called (pandas for a frame, a file system for a remote file) is optional.
    first = [node for node in parsed(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    at_import = {name for node in first for name in imported_by(node, path)}
    others = {name.split(".")[0] for name in at_import} - XDF_MAY_IMPORT - set(sys.stdlib_module_names)
    assert not others, f"{short(path)} imports {others}; xdf may import {sorted(XDF_MAY_IMPORT)}"


@pytest.mark.parametrize("path", sources("rxcore/kernels"), ids=short)
def test_kernels_import_numpy_and_numba_only(path: Path) -> None:
    outside = {
        name
        for name in imported(path)
        if not name.startswith("rxcore.kernels")
        and name.split(".")[0] not in KERNELS_MAY_IMPORT | set(sys.stdlib_module_names)
    }
    assert not outside, f"{short(path)} imports {outside}"


def text_files() -> list[Path]:
    """Everything that belongs to the project, found without asking git so that an unpacked archive passes too."""
    folders = [*PACKAGES, "bench", "tests", "docs", ".ci"]
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    # A second checkout has a file where the first has the folder .git; it belongs to no project.
    top = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    suffixes = {".py", ".md", ".toml", ".cfg", ".R", ".r", ".csv", ".json", ".txt", ""}
    made = ("__pycache__", "bench/work")
    return [path for path in inside + top if path.suffix in suffixes and not any(part in short(path) for part in made)]


def test_no_path_of_one_machine() -> None:
    places = "work|tmp|root|home|Users|farm"  # without slashes, so that this file does not find itself
    machine = re.compile(rf"(^|[^A-Za-z0-9_.])/({places})/[A-Za-z0-9]")
    found = [
        f"{short(path)}:{number}: {line.strip()[:80]}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if machine.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("package", PACKAGES)
def test_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_there_is_a_test_of_these_tests() -> None:
    """A checker that finds nothing anywhere proves nothing: hand it one of each sin."""
    sins = ast.parse("def long():\n    'doc'\n" + "    x = 1\n" * (LONGEST_BODY + 1))
    (function,) = sins.body
    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == LONGEST_BODY + 1
    assert "rxcore.errors" in set(imported(ROOT / "rxcore" / "measure.py"))
    assert any(path.name == "pyproject.toml" for path in text_files())
