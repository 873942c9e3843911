"""Results that Microsoft printed for data we have, digit for digit.

Ids are those of the catalogue of published results in the steering documents; the pages are in the public repository
MicrosoftDocs/machine-learning-server-docs (folder microsoft-r/). A value is kept as the text that was printed, so that
the digits say how exactly it is known.
"""

from __future__ import annotations

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def split(text: str) -> list[str]:
    return text.split()


# A12: r/how-to-revoscaler-spark.md 180-212
SUMMARY = {
    "ArrDelay": split("11.31794 40.688536 -86.000000 1490.00000 582628 17372"),
    "CRSDepTime": split("13.48227 4.697566 0.016667 23.98333 600000 0"),
}
DAY_COUNTS = [97975, 77725, 78875, 81304, 82987, 86159, 94975]

# A11: r/how-to-revoscaler-data-summaries.md 224-254
BY_DAY = {
    "Means": split("12.025604 11.293808 10.156539 8.658007 14.804335 11.875326 10.331806"),
    "StdDev": split("40.02463 43.66269 39.58803 36.74724 41.79260 45.24540 37.33348"),
    "Min": split("-76 -70 -81 -58 -78 -73 -86"),
    "Max": split("1017 1143 1166 1053 1490 1370 1202"),
    "ValidObs": split("95298 74011 76786 79145 80142 83851 93395"),
}

# A1 and A3: r/how-to-revoscaler-linear-model.md 37-62, r/tutorial-revoscaler-data-model-analysis.md (history) 96-131
DAY_MODEL = {
    "estimates": split("10.3318058 1.6937981 0.9620019 -0.1752668 -1.6737983 4.4725290 1.5435207"),
    "errors": split("0.1330 0.1872 0.2001 0.1980 0.1964 0.1957 0.1934"),
    "t": split("77.673 9.049 4.809 -0.885 -8.522 22.850 7.981"),
    "p": {"DayOfWeek=Tuesday": "1.52e-06", "DayOfWeek=Wednesday": "0.376"},
    "sigma": "40.65",
    "r_squared": "0.001869",
    "adj_r_squared": "0.001858",
    "f_value": "181.8",
    "f": (6, 582621),
    "condition_number": "10.5595",
    "n": (582628, 17372),
}

# A2: r/how-to-revoscaler-linear-model.md 67-140
CUBE_MODEL = {
    "estimates": BY_DAY["Means"],
    "errors": split("0.1317 0.1494 0.1467 0.1445 0.1436 0.1404 0.1330"),
    "t": split("91.32 75.58 69.23 59.92 103.10 84.59 77.67"),
    "counts": BY_DAY["ValidObs"],
    "sigma": "40.65",
    "r_squared": "0.001869",
    "adj_r_squared": "0.001858",
    "f_value": "181.8",
    "f": (6, 582621),
    "condition_number": "1",
    "n": (582628, 17372),
}

# A5: r/tutorial-revoscaler-data-model-analysis.md (history) 219-244
HOUR_CELLS = {
    "means": split(
        "7.4360902 7.0000000 3.7857143 3.0097087 4.4752475 4.5460993 0.9243697 2.6590909 5.5428571 -5.9696970 "
        "5.1714286 -4.9062500 -4.2727273 -1.7368421 -0.2000000"
    ),
    "counts": [133, 107, 98, 103, 101, 141, 119, 44, 35, 33, 35, 32, 44, 38, 15],
}

# A14 and A15: r/how-to-revoscaler-data-sort.md 170-264
HOUR_MODEL = {
    "estimates": split("-3.19458 0.97862 2.08100 1.34015 0.15155 -1.32301 4.80042 2.18965"),
    "errors": split("0.20413 0.01126 0.18602 0.19881 0.19679 0.19518 0.19452 0.19229"),
    "t": split("-15.650 86.948 11.187 6.741 0.770 -6.778 24.679 11.387"),
    "p": {"DayOfWeek=Tuesday": "1.58e-11", "DayOfWeek=Wednesday": "0.441", "DayOfWeek=Thursday": "1.22e-11"},
    "sigma": "40.39",
    "r_squared": "0.01465",
    "adj_r_squared": "0.01464",
    "f_value": "1238",
    "f": (7, 582620),
    "condition_number": "10.6542",
    "n": (582628, 17372),
}
DEDUPLICATED_ROWS = 232451
DEDUPLICATED_MISSING = 3503

# A7, A8, A9: r/tutorial-revoscaler-data-model-analysis.md (history) 315-414
LATE_MODEL = {
    "estimates": split("-2.0990076 0.0790215 -0.3027030"),
    "errors": split("0.0104460 0.0007671 0.0109914"),
    "z": split("-200.94 103.01 -27.54"),
    "deviance": "649607.8613",
    "condition_number": "3.0178",
    "n": (582628, 17372),
}
VERY_LATE_MODEL = {
    "estimates": split("-3.29095 0.40086 0.84018 0.36982 0.29396 0.54427 0.48319"),
    "errors": split("0.01745 0.02256 0.02192 0.02378 0.02400 0.02274 0.02282"),
    "z": split("-188.64 17.77 38.33 15.55 12.25 23.93 21.18"),
    "deviance": "251244.7201",
    "condition_number": "16.7804",
    "n": (600000, 0),
}
VERY_LATE_CELLS = {
    "estimates": split("-2.89008 -2.45077 -2.92113 -2.99699 -2.74668 -2.80776 -3.29095"),
    "errors": split("0.01431 0.01327 0.01617 0.01648 0.01459 0.01471 0.01745"),
    "z": split("-202.0 -184.7 -180.7 -181.9 -188.3 -190.9 -188.6"),
    "deviance": "251244.7201",
    "condition_number": "1",
    "n": (600000, 0),
}

# A10: the same page 422-451. The seventh digit depends on where the iterations stop.
LATE_PREDICTIONS = split("0.199757 0.354893 0.255075 0.226221 0.164533")

# A25: python/quickstart-revoscalepy-linear-regression-model.md (history) 61-114
DAY_PREDICTIONS = split("11.323407 1.760001 8.658007 14.804335 600000.0 0.0")

# M3: r/tutorial-r-to-revoscaler.md 773-801
DEFAULT_MODEL = {
    "estimates": split("-1.614e+01 1.414e-03 -3.317e-01"),
    "errors": split("2.074e+00 2.139e-04 1.608e-01"),
    "z": split("-7.781 6.610 -2.063"),
    "p": {"ccDebt": "3.83e-11", "yearsEmploy": "0.0391"},
    "deviance": "100.6036",
    "condition_number": "1.4455",
    "n": (9982, 0),
}

# M4: r/how-to-revoscaler-logistic-regression.md 287-393: threshold, sensitivity, specificity (those of 0 are forced)
DEFAULT_ROC = [
    ("0.01", "0.825902335", "0.9197118"), ("0.02", "0.647558386", "0.9567965"), ("0.03", "0.569002123", "0.9721488"),
    ("0.04", "0.481953291", "0.9797647"), ("0.05", "0.437367304", "0.9845472"), ("0.06", "0.386411890", "0.9877825"),
    ("0.07", "0.335456476", "0.9900130"), ("0.08", "0.305732484", "0.9916406"), ("0.09", "0.288747346", "0.9930272"),
    ("0.10", "0.261146497", "0.9940520"), ("0.11", "0.237791932", "0.9947252"), ("0.12", "0.225053079", "0.9953682"),
    ("0.13", "0.208067941", "0.9959107"), ("0.14", "0.197452229", "0.9963528"), ("0.15", "0.182590234", "0.9967648"),
    ("0.16", "0.171974522", "0.9971064"), ("0.17", "0.161358811", "0.9973877"), ("0.18", "0.152866242", "0.9975886"),
    ("0.19", "0.150743100", "0.9978298"), ("0.20", "0.144373673", "0.9980307"), ("0.21", "0.138004246", "0.9982518"),
    ("0.22", "0.131634820", "0.9984527"), ("0.23", "0.131634820", "0.9986034"), ("0.24", "0.129511677", "0.9987340"),
    ("0.25", "0.123142251", "0.9987843"), ("0.26", "0.116772824", "0.9988546"), ("0.27", "0.116772824", "0.9989149"),
    ("0.28", "0.114649682", "0.9989752"), ("0.29", "0.108280255", "0.9990355"), ("0.30", "0.101910828", "0.9991158"),
    ("0.31", "0.099787686", "0.9991661"), ("0.32", "0.091295117", "0.9992264"), ("0.33", "0.087048832", "0.9992866"),
    ("0.34", "0.082802548", "0.9993469"), ("0.35", "0.080679406", "0.9994072"), ("0.36", "0.074309979", "0.9994474"),
    ("0.37", "0.072186837", "0.9994675"), ("0.38", "0.070063694", "0.9995077"), ("0.39", "0.067940552", "0.9995780"),
    ("0.40", "0.063694268", "0.9995881"), ("0.41", "0.063694268", "0.9996182"), ("0.42", "0.063694268", "0.9996684"),
    ("0.43", "0.055201699", "0.9996986"), ("0.44", "0.050955414", "0.9997287"), ("0.45", "0.048832272", "0.9997790"),
    ("0.46", "0.046709130", "0.9997790"), ("0.47", "0.042462845", "0.9997991"), ("0.48", "0.040339703", "0.9998091"),
    ("0.49", "0.040339703", "0.9998292"), ("0.50", "0.040339703", "0.9998493"), ("0.51", "0.040339703", "0.9998794"),
    ("0.52", "0.033970276", "0.9998895"), ("0.53", "0.031847134", "0.9999096"), ("0.54", "0.031847134", "0.9999196"),
    ("0.55", "0.031847134", "0.9999297"), ("0.58", "0.029723992", "0.9999397"), ("0.59", "0.027600849", "0.9999498"),
    ("0.60", "0.023354565", "0.9999598"), ("0.61", "0.016985138", "0.9999598"), ("0.63", "0.014861996", "0.9999598"),
    ("0.65", "0.014861996", "0.9999799"), ("0.70", "0.014861996", "0.9999900"), ("0.72", "0.012738854", "0.9999900"),
    ("0.74", "0.010615711", "0.9999900"), ("0.78", "0.010615711", "1.0000000"), ("0.80", "0.008492569", "1.0000000"),
    ("0.83", "0.006369427", "1.0000000"), ("0.89", "0.004246285", "1.0000000"), ("0.91", "0.000000000", "1.0000000"),
]  # fmt: skip
SMALL_ROC = [
    ("0.01", "0.108280255", "0.9612776"), ("0.02", "0.000000000", "0.9994474"), ("0.03", "0.000000000", "1.0000000"),
]  # fmt: skip

# M5: python-reference/revoscalepy/rx-predict.md 95-124
CREDIT_PREDICTIONS = split("700.089114 699.834355 699.783403 699.681499 699.783403")

# K1: r/how-to-revoscaler-logistic-regression.md 37-74
KYPHOSIS_MODEL = {
    "estimates": split("-2.03693354 0.01093048 -0.20651005 0.41060119"),
    "deviance": "61.38",
    "aic": "69.38",
    "n": (81, 0),
}

# R6: r/how-to-revoscaler-linear-model.md 277-308
EYE_COLOUR_MODEL = split("47.33333333 -0.01075269 -0.08333333 0.40579710")

# R7: the same page 315-337
CARS_MODEL = split("-17.579095 3.932409")
CARS = {
    "speed": [4, 4, 7, 7, 8, 9, 10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 16, 16,
              17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22, 23, 24, 24, 24, 24, 25],
    "dist": [2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60, 80, 20, 26, 54, 32,
             40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66, 54, 70, 92, 93, 120, 85],
}  # fmt: skip

# R9: the same page 502-532
FAT_GAIN = {
    "neaInc": [-94, -57, -29, 135, 143, 151, 245, 355, 392, 473, 486, 535, 571, 580, 620, 690],
    "fatGain": [4.2, 3.0, 3.7, 2.7, 3.2, 3.6, 2.4, 1.3, 3.8, 1.7, 1.6, 2.2, 1.0, 0.4, 2.3, 1.1],
}
FAT_GAIN_ERRORS = split(
    "0.3613863 0.3381111 0.3209344 0.2323853 0.2288433 0.2254018 0.1941840 0.1863180 0.1915656 0.2151569 0.2202366 "
    "0.2418892 0.2598922 0.2646223 0.2865818 0.3279390"
)


# -- tables as they were printed ---------------------------------------------------------------------------------------
# Compared line by line, but for the width of the space between the words.

# A2
CUBE_LINES = """
DayOfWeek=Monday 12.0256 0.1317 91.32 2.22e-16 *** | 95298
DayOfWeek=Tuesday 11.2938 0.1494 75.58 2.22e-16 *** | 74011
DayOfWeek=Wednesday 10.1565 0.1467 69.23 2.22e-16 *** | 76786
DayOfWeek=Thursday 8.6580 0.1445 59.92 2.22e-16 *** | 79145
DayOfWeek=Friday 14.8043 0.1436 103.10 2.22e-16 *** | 80142
DayOfWeek=Saturday 11.8753 0.1404 84.59 2.22e-16 *** | 83851
DayOfWeek=Sunday 10.3318 0.1330 77.67 2.22e-16 *** | 93395
Residual standard error: 40.65 on 582621 degrees of freedom
Multiple R-squared: 0.001869 (as if intercept included)
Adjusted R-squared: 0.001858
F-statistic: 181.8 on 6 and 582621 DF, p-value: < 2.2e-16
Condition number: 1
"""

# A1
DAY_LINES = """
Dependent variable(s): ArrDelay
Total independent variables: 8 (Including number dropped: 1)
Number of valid observations: 582628
Number of missing observations: 17372
(Intercept) 10.3318058
DayOfWeek=Monday 1.6937981
DayOfWeek=Tuesday 0.9620019
DayOfWeek=Wednesday -0.1752668
DayOfWeek=Thursday -1.6737983
DayOfWeek=Friday 4.4725290
DayOfWeek=Saturday 1.5435207
DayOfWeek=Sunday Dropped
"""

# A3, A13
DAY_SUMMARY_LINES = """
Coefficients: (1 not defined because of singularities)
Estimate Std. Error t value Pr(>|t|)
(Intercept) 10.3318 0.1330 77.673 2.22e-16 ***
DayOfWeek=Monday 1.6938 0.1872 9.049 2.22e-16 ***
DayOfWeek=Tuesday 0.9620 0.2001 4.809 1.52e-06 ***
DayOfWeek=Wednesday -0.1753 0.1980 -0.885 0.376
DayOfWeek=Thursday -1.6738 0.1964 -8.522 2.22e-16 ***
DayOfWeek=Friday 4.4725 0.1957 22.850 2.22e-16 ***
DayOfWeek=Sunday Dropped Dropped Dropped Dropped
Signif. codes: 0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1
Residual standard error: 40.65 on 582621 degrees of freedom
Multiple R-squared: 0.001869
Adjusted R-squared: 0.001858
F-statistic: 181.8 on 6 and 582621 DF, p-value: < 2.2e-16
Condition number: 10.5595
"""

# A14, A15
HOUR_SUMMARY_LINES = """
(Intercept) -3.19458 0.20413 -15.650 2.22e-16 ***
CRSDepTime 0.97862 0.01126 86.948 2.22e-16 ***
DayOfWeek=Monday 2.08100 0.18602 11.187 2.22e-16 ***
DayOfWeek=Tuesday 1.34015 0.19881 6.741 1.58e-11 ***
DayOfWeek=Wednesday 0.15155 0.19679 0.770 0.441
DayOfWeek=Thursday -1.32301 0.19518 -6.778 1.22e-11 ***
DayOfWeek=Friday 4.80042 0.19452 24.679 2.22e-16 ***
DayOfWeek=Saturday 2.18965 0.19229 11.387 2.22e-16 ***
DayOfWeek=Sunday Dropped Dropped Dropped Dropped
Residual standard error: 40.39 on 582620 degrees of freedom
Multiple R-squared: 0.01465
Adjusted R-squared: 0.01464
F-statistic: 1238 on 7 and 582620 DF, p-value: < 2.2e-16
Condition number: 10.6542
"""

# A7
LATE_LINES = """
-2*LogLikelihood: 649607.8613 (Residual deviance on 582625 degrees of freedom)
(Intercept) -2.0990076 0.0104460 -200.94 2.22e-16 ***
DepHour 0.0790215 0.0007671 103.01 2.22e-16 ***
Night -0.3027030 0.0109914 -27.54 2.22e-16 ***
Condition number of final variance-covariance matrix: 3.0178
"""

# A8
VERY_LATE_LINES = """
Total independent variables: 8 (Including number dropped: 1)
-2*LogLikelihood: 251244.7201 (Residual deviance on 599993 degrees of freedom)
(Intercept) -3.29095 0.01745 -188.64 2.22e-16 ***
DayOfWeek=Monday 0.40086 0.02256 17.77 2.22e-16 ***
DayOfWeek=Tuesday 0.84018 0.02192 38.33 2.22e-16 ***
DayOfWeek=Wednesday 0.36982 0.02378 15.55 2.22e-16 ***
DayOfWeek=Thursday 0.29396 0.02400 12.25 2.22e-16 ***
DayOfWeek=Friday 0.54427 0.02274 23.93 2.22e-16 ***
DayOfWeek=Saturday 0.48319 0.02282 21.18 2.22e-16 ***
DayOfWeek=Sunday Dropped Dropped Dropped Dropped
Condition number of final variance-covariance matrix: 16.7804
"""

# A9
VERY_LATE_CELL_LINES = """
Total independent variables: 7
DayOfWeek=Monday -2.89008 0.01431 -202.0 2.22e-16 ***
DayOfWeek=Tuesday -2.45077 0.01327 -184.7 2.22e-16 ***
DayOfWeek=Wednesday -2.92113 0.01617 -180.7 2.22e-16 ***
DayOfWeek=Thursday -2.99699 0.01648 -181.9 2.22e-16 ***
DayOfWeek=Friday -2.74668 0.01459 -188.3 2.22e-16 ***
DayOfWeek=Saturday -2.80776 0.01471 -190.9 2.22e-16 ***
DayOfWeek=Sunday -3.29095 0.01745 -188.6 2.22e-16 ***
Condition number of final variance-covariance matrix: 1
"""

# M3
DEFAULT_LINES = """
-2*LogLikelihood: 100.6036 (Residual deviance on 9979 degrees of freedom)
Condition number of final variance-covariance matrix: 1.4455
"""
