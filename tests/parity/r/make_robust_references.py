"""Make robust.json anew: write the rows as text, run robust.R on them, store what it prints.

Run from the root of the repository, with R and its package sandwich installed:
python tests/parity/r/make_robust_references.py
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
    from robust_data import read_motors, read_planes, read_policies

    with tempfile.TemporaryDirectory() as folder:
        for name, read in (("planes", read_planes), ("policies", read_policies), ("motors", read_motors)):
            read().to_csv(Path(folder) / f"{name}.csv", index=False, na_rep="NA")
        script = ["Rscript", "--vanilla", str(HERE / "robust.R"), folder]
        printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    values = json.loads(printed)
    (HERE / "robust.json").write_text(printed)
    print(f"robust.json: {values['r_version']}, sandwich {values['sandwich_version']}, {len(values['models'])} models")


if __name__ == "__main__":
    main()
