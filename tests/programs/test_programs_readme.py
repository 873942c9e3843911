"""The README's example does what the README says, to the letter."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_what_is_shown(tmp_path: Path) -> None:
    ((code, shown),) = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    assert printed.strip() == shown.strip()
    assert done.stderr == ""


def test_it_fits_on_a_screen_or_two() -> None:
    assert len(README.splitlines()) <= 100


def test_every_target_it_names_is_in_the_makefile() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`?make ([a-z]+)", README))
    assert named >= {"demo", "test"}
    assert not {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)}


def test_continuous_integration_runs_the_readme_s_test_command_and_nothing_else() -> None:
    script = (Path(__file__).parents[2] / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]
