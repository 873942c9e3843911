"""The rows of the references for robust and clustered standard errors: flights with planes and days, and two portfolios
of insurance policies.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

INSURANCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "insurance"


def read_planes() -> pd.DataFrame:
    """The flights with their planes (text) and days (whole numbers, 1 to 365)."""
    from rxcore.samples import read_flights as published

    table = published().to_pandas()
    days = pd.to_datetime(table[["year", "month", "day"]])
    frame = table[["arr_delay", "distance", "hour", "carrier", "origin", "tailnum"]].copy()
    frame["day"] = days.dt.day_of_year.astype("int64")
    for name in ("carrier", "origin"):
        frame[name] = pd.Categorical(frame[name], categories=frame[name].unique())
    return frame


def read_policies() -> pd.DataFrame:
    """100,021 policies of two years in 471 districts (``pg15training``), factors by first appearance."""
    frame = pd.read_csv(INSURANCE / "pg15training.csv.gz")
    frame["Claimed"] = (frame["Numtppd"] > 0).astype("int64")
    frame["Years"] = frame["Exppdays"] / 365.0
    for name in ("Gender", "Category", "Occupation"):
        frame[name] = pd.Categorical(frame[name], categories=frame[name].unique())
    return frame[[
        "Claimed", "Indtppd", "Gender", "Category", "Occupation", "Age", "Bonus", "Poldur", "Density", "Exppdays",
        "Years", "SubGroup2",
    ]]  # fmt: skip


def read_motors() -> pd.DataFrame:
    """The first 20,000 of the Belgian policies (``beMTPL97``), whose cars are one to twenty years old."""
    frame = pd.read_csv(INSURANCE / "beMTPL97.csv.gz")
    frame = frame[(frame["agec"] >= 1) & (frame["agec"] <= 20)].head(20_000).reset_index(drop=True)
    for name in ("coverage", "fuel"):
        frame[name] = pd.Categorical(frame[name], categories=frame[name].unique())
    return frame[["claim", "nclaims", "amount", "expo", "ageph", "bm", "power", "coverage", "fuel", "agec", "postcode"]]
