"""100,021 French motor policies (pg15training of the R package CASdatasets), from the folder beside the repository."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

WHERE = Path(__file__).parents[3] / "shared" / "data" / "insurance" / "pg15training.csv.gz"
COLUMNS = ["Gender", "Type", "Category", "Age", "Bonus", "Poldur", "Value", "Density", "Exppdays", "Numtppd"]


def read_policies() -> pd.DataFrame:
    """The columns that references use; text as factors in order of appearance; ``claim``: was there any."""
    frame = pd.read_csv(WHERE, usecols=COLUMNS)[COLUMNS]
    for name in ("Gender", "Type", "Category"):
        frame[name] = pd.Categorical(frame[name], categories=frame[name].unique())
    return frame.assign(claim=(frame["Numtppd"] > 0).astype(int))
