"""The tables that generalized linear models are compared with R on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

INSURANCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "insurance"

# The flights stand in order of time; these are January's.
N_JANUARY = 27_004


def january_of(flights: pd.DataFrame) -> pd.DataFrame:
    """One row for each flight of January that arrived: positive times, delays with zeros, late or not."""
    frame = flights.iloc[:N_JANUARY].dropna(subset=["arr_delay", "air_time"]).reset_index(drop=True)
    frame["late"] = frame["late"].astype("int64")
    frame["delay"] = np.maximum(frame["arr_delay"], 0.0)
    for name in ("carrier", "origin"):
        frame[name] = pd.Categorical(frame[name].astype(str), categories=frame[name].astype(str).unique())
    return frame[["air_time", "delay", "late", "distance", "hour", "carrier", "origin"]]


def cells_of(flights: pd.DataFrame) -> pd.DataFrame:
    """One row for each weekday, carrier, origin and hour: how many flights arrived, and how many of them late."""
    arrived = flights.dropna(subset=["arr_delay"])
    groups = arrived.groupby(["day_of_week", "carrier", "origin", "hour"], observed=True, sort=True)["late"]
    frame = groups.agg(flights="size", n_late="sum").reset_index()
    frame["n_late"] = frame["n_late"].astype("int64")
    frame["n_early"] = frame["flights"] - frame["n_late"]
    frame["share"] = frame["n_late"] / frame["flights"]
    for name in ("day_of_week", "carrier", "origin"):
        frame[name] = pd.Categorical(frame[name].astype(str), categories=frame[name].astype(str).unique())
    return frame


def insurance() -> dict[str, pd.DataFrame]:
    """The two portfolios and the claims of the first."""
    belgium = pd.read_csv(INSURANCE / "beMTPL97.csv.gz")
    game = pd.read_csv(INSURANCE / "pg15training.csv.gz")
    for frame in (belgium, game):
        for name in frame.select_dtypes(["object", "string"]).columns:
            frame[name] = pd.Categorical(frame[name], categories=frame[name].unique())
    belgium["premium"] = belgium["amount"] / belgium["expo"]
    game["year"] = game["Exppdays"] / 365
    claims = belgium[(belgium["nclaims"] > 0) & (belgium["amount"] > 0)].reset_index(drop=True)
    return {"belgium": belgium, "claims": claims, "game": game}
