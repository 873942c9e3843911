"""Make glm.json and glm_insurance.json anew: write the flights as text, run the R scripts, store what they print.

Run from the root of the repository, with R and its package MASS installed: python tests/parity/r/make_glm_references.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))


def store(name: str, folder: str) -> None:
    """Run one script on the data in a folder."""
    script = ["Rscript", "--vanilla", str(HERE / f"{name}.R"), folder]
    printed = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=True).stdout
    values = json.loads(printed)
    (HERE / f"{name}.json").write_text(printed)
    print(f"{name}.json: {values['r_version']}, {len(values['models'])} models, {len(printed)} bytes")


def main() -> None:
    from conftest import read_flights
    from glm_data import INSURANCE, cells_of, january_of

    with tempfile.TemporaryDirectory() as folder:
        flights = read_flights()
        january_of(flights).to_csv(Path(folder) / "january.csv", index=False)
        cells_of(flights).to_csv(Path(folder) / "cells.csv", index=False)
        store("glm", folder)
    if INSURANCE.exists():
        store("glm_insurance", str(INSURANCE))


if __name__ == "__main__":
    main()
