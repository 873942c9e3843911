"""Make predict.json anew: write the flights and the insurance policies as text, run predict.R, store what it prints.

Run from the root of the repository, with R installed: python tests/parity/r/make_predict.py
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
    from insurance import read_policies

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        read_flights().drop(columns="late").to_csv(folder / "flights.csv", index=False, na_rep="NA")
        read_policies().to_csv(folder / "policies.csv", index=False, na_rep="NA")
        script = ["Rscript", "--vanilla", str(HERE / "predict.R"), str(folder)]
        printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    values = json.loads(printed)
    (HERE / "predict.json").write_text(printed)
    print(f"predict.json: {values['r_version']}, {len(values['models'])} models, {len(printed)} bytes")


if __name__ == "__main__":
    main()
