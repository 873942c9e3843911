"""What every contender computes: the same columns, the same two models, over the same rows."""

from __future__ import annotations

SUMMARY_COLUMNS = ["ArrDelay", "DepDelay", "AirTime", "Distance", "CRSDepTime", "Month"]
CATEGORICAL = ["DayOfWeek", "Carrier", "Dest"]
NUMERIC = ["CRSDepTime", "Distance"]
RIGHT_HAND_SIDE = " + ".join(CATEGORICAL + NUMERIC)
LINEAR = f"ArrDelay ~ {RIGHT_HAND_SIDE}"
LOGIT = f"Late ~ {RIGHT_HAND_SIDE}"
