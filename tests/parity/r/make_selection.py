"""Make selection.json anew: write the flights as text, run selection.R on them, store what it prints.

Run from the root of the repository, with R installed: python tests/parity/r/make_selection.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))


def main() -> None:
    from conftest import read_flights

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "flights.csv"
        read_flights().drop(columns="late").to_csv(data, index=False, na_rep="NA")
        script = ["Rscript", "--vanilla", str(HERE / "selection.R"), str(data)]
        printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    values = json.loads(printed)
    (HERE / "selection.json").write_text(printed)
    print(f"selection.json: {values['r_version']}, {len(printed)} bytes")


if __name__ == "__main__":
    main()
