"""Make nist.json anew: write the NIST sets as text, run nist.R on them, store what it prints.

Run from the root of the repository, with R installed: python tests/parity/r/make_nist.py
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
    import nist_data

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for one in (*nist_data.REGRESSIONS, *nist_data.UNIVARIATE):
            nist_data.frame(one.name).to_csv(folder / f"{one.name}.txt", sep=" ", index=False, float_format="%.17g")
        lines = [f"{one.name}\t{one.formula}" for one in nist_data.REGRESSIONS]
        (folder / "regressions.tsv").write_text("\n".join(["name\tformula", *lines]) + "\n")
        (folder / "univariate.txt").write_text("\n".join(one.name for one in nist_data.UNIVARIATE) + "\n")
        script = ["Rscript", "--vanilla", str(HERE / "nist.R"), str(folder)]
        printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    values = json.loads(printed)
    (HERE / "nist.json").write_text(printed)
    print(f"nist.json: {values['r_version']}, {len(printed)} bytes")


if __name__ == "__main__":
    main()
