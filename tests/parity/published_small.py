"""What was printed for small data sets and for the flights; see published.py."""

from __future__ import annotations

from published import split

# C6
CLAIMS_LINES = """
Dependent variable(s): cost
Total independent variables: 13 (Including number dropped: 2)
Number of valid observations: 123
Number of missing observations: 5
(Intercept) 117.38544
age=17-20 88.15174
age=21-24 34.15903
age=25-29 54.68750
age=30-34 2.93750
age=35-39 -20.77430
age=40-49 1.68750
age=50-59 63.12500
age=60+ Dropped
car_age=0-3 159.30531
"""

# K1
KYPHOSIS_LINES = """
Dependent variable(s): Kyphosis
Total independent variables: 4
Number of valid observations: 81
Number of missing observations: 0
(Intercept) -2.03693354
Age 0.01093048
Start -0.20651005
Number 0.41060119
"""

# R6
EYE_COLOUR_LINES = """
Frequency weights: reps
Dependent variable(s): height
Total independent variables: 5 (Including number dropped: 1)
Number of missing observations: 0
(Intercept) 47.33333333
eyecolor=Blue -0.01075269
eyecolor=Brown -0.08333333
eyecolor=Green 0.40579710
eyecolor=Hazel Dropped
"""

# R7
CARS_LINES = """
Dependent variable(s): dist
Total independent variables: 2
Number of valid observations: 50
Number of missing observations: 0
(Intercept) -17.579095
speed 3.932409
"""

# R8
CELLS_LINES = """
Cube Linear Regression Results for: y ~ xfac1
Total independent variables: 3
Number of valid observations: 12
xfac1=One1 3.109302
xfac1=Two1 5.142086
xfac1=Three1 8.250260
"""
CELLS_AND_FACTOR_LINES = """
Cube Linear Regression Results for: y ~ xfac1 + xfac2
Total independent variables: 6 (Including number dropped: 1)
xfac1=One1 7.725231
xfac1=Two1 8.833730
xfac1=Three1 8.942099
xfac2=One2 -4.615929
xfac2=Two2 -2.767359
xfac2=Three2 Dropped
"""

# R10
STEP_COEFFICIENTS = [
    ("(Intercept)", split("2.2491402 0.9962913 1.1477685 0.7228228")),
    ("Sepal.Width", split("0.5955247 0.4322172 0.4958889 0.5050955")),
    ("Petal.Length", split("0.4719200 0.7756295 0.8292439 0.8702840")),
    ("Petal.Width", split("0.0000000 0.0000000 -0.3151552 -0.2313888")),
    ("Species1", split("0.0000000 1.3940979 1.0234978 1.2715542")),
    ("Species2", split("0.0000000 0.4382856 0.2999359 1.0781752")),
    ("Species3", split("0.0000000 NA NA NA")),
    ("Petal.Width:Species1", split("0.0000000 0.0000000 0.0000000 0.2630978")),
    ("Petal.Width:Species2", split("0.0000000 0.0000000 0.0000000 -0.5012827")),
    ("Petal.Width:Species3", split("0.0000000 0.0000000 0.0000000 NA")),
]

# R11
PETROL_LINES = """
Total independent variables: 11
Number of valid observations: 32
No=A 32.5493917
No=B 24.2746407
No=C 27.7820456
No=D 21.1541642
No=E 21.5191269
No=F 20.4355218
No=G 15.0359067
No=H 13.0630467
No=I 9.8053871
No=J 4.4360767
EP 0.1587296
"""

# R12
REGION_LINES = """
region=Urban, sex=Female 2501.83 33.18 75.41 2.22e-16 *** | 5
region=Rural, sex=Male 1480.44 33.18 44.62 2.22e-16 *** | 5
region=Urban, sex=Male 3944.51 33.18 118.90 2.22e-16 *** | 5
"""
CROSSED_LINES = """
Cube Linear Regression Results for: income ~ region*sex
Total independent variables: 8 (Including number dropped: 4)
region=Rural 1480.4378
region=Urban 3944.5127
sex=Female -1442.6824
sex=Male Dropped
region=Rural, sex=Female 932.9968
region=Urban, sex=Female Dropped
region=Rural, sex=Male Dropped
region=Urban, sex=Male Dropped
"""

# R15, blank where the print is (below 0.1)
LOADINGS = [
    ["0.504", "-0.302", "0.577", "0.567"],
    ["-0.455", "-0.889", "", ""],
    ["0.709", "-0.331", "-0.219", "-0.583"],
    ["0.191", "", "-0.786", "0.580"],
]

# R16
RIDGE = [
    (0.0, "1.827112 4.35917238 -2.58387778"),
    (0.02, "1.827674 0.89179239 0.87233344"),
    (0.2, "1.833899 0.81020130 0.80959911"),
    (2.0, "1.865339 0.44512940 0.44575060"),
    (20.0, "1.896779 0.08092296 0.08105322"),
]

# R20
ATTITUDE_LINES = """
(Intercept) 14.37632 6.61999 2.172 0.0385 *
complaints 0.75461 0.09753 7.737 1.99e-08 ***
Residual standard error: 6.993 on 28 degrees of freedom
Multiple R-squared: 0.6813
Adjusted R-squared: 0.6699
"""

# R24
MISSING_SUMMARY = {
    "x": "0.07431126 0.9350711 -1.94160646 1.9933814 80 20",
    "y": "0.54622241 0.3003457 0.04997869 0.9930338 80 20",
}

# P1: akzaidi/MRS-for-trainers, output/intro-to-mrs.html. Means were printed to 15 digits.
FLIGHTS_SUMMARY = {
    "year": "2013 0.000000e+00 2013 2013 336776 0",
    "month": "6.54850998883537 3.414457e+00 1 12 336776 0",
    "day": "15.7107869919471 8.768607e+00 1 31 336776 0",
    "dep_time": "1349.10994730931 4.882818e+02 1 2400 328521 8255",
    "sched_dep_time": "1344.25484001236 4.673358e+02 106 2359 336776 0",
    "dep_delay": "12.6390702573048 4.021006e+01 -43 1301 328521 8255",
    "arr_time": "1502.05499858258 5.332641e+02 1 2400 328063 8713",
    "sched_arr_time": "1536.38022008693 4.974571e+02 1 2359 336776 0",
    "arr_delay": "6.89537675731489 4.463329e+01 -86 1272 327346 9430",
    "flight": "1971.92361985413 1.632472e+03 1 8500 336776 0",
    "air_time": "150.68646019808 9.368830e+01 20 695 327346 9430",
    "distance": "1039.9126036297 7.332330e+02 17 4983 336776 0",
    "hour": "13.1802474048032 4.661316e+00 1 23 336776 0",
    "minute": "26.2300995320331 1.930085e+01 0 59 336776 0",
}

# P2: the same
BY_ORIGIN = {
    "EWR": "9.107055 45.52918 -86 1109 117127",
    "LGA": "5.783488 43.86227 -68 915 101140",
    "JFK": "5.551481 44.27745 -79 1272 109079",
}

# P3: RevolutionAnalytics/dplyrXdf, inst/doc/dplyrXdf_intro.html
BY_CARRIER = {
    "OO": "72.16667 2750.294",
    "F9": "24.81886 873367.110",
    "EV": "21.80613 23400472.426",
    "YV": "20.78378 128401.219",
    "FL": "15.61127 1979744.767",
    "9E": "13.85877 7160918.303",
}

# P3b: the same, in a later version
CARRIER_LINES = """
Dependent variable(s): mean_delay
Total independent variables: 18 (Including number dropped: 2)
Number of valid observations: 16
Number of missing observations: 0
(Intercept) 7.329135e+01
sum_dist -4.089336e-04
carrier=UA 2.848410e+04
carrier=AA 1.440611e+04
carrier=B6 1.883800e+04
carrier=DL 1.918825e+04
carrier=EV 9.517754e+03
carrier=MQ 4.870775e+03
carrier=US 3.566139e+03
carrier=WN 3.748552e+03
carrier=VX 3.767950e+03
carrier=FL 7.519040e+02
carrier=AS 5.014858e+02
carrier=9E 2.868907e+03
carrier=F9 3.086766e+02
carrier=HA 5.217585e+02
carrier=YV Dropped
carrier=OO Dropped
"""

# P3c: the same repository, inst/doc/dplyrXdf_user.html, in two versions
BY_CARRIER_MODELS = {
    "9E": """
Number of valid observations: 17294
Number of missing observations: 1166
(Intercept) -3.4373316
dep_delay 1.0284862
hour -0.4247951
""",
    "UA": """
Number of valid observations: 57782
Number of missing observations: 883
(Intercept) -8.98982876
dep_delay 1.02019301
hour 0.02243255
""",
}

# C7, C8: r/how-to-revoscaler-generalized-linear-model.md 206-253 and 524-563
CLAIMS_MODELS = {
    "C7": {
        "heading": """
Generalized Linear Model Results for: cost ~ age + car.age + type
Dependent variable(s): cost
Total independent variables: 17 (Including number dropped: 3)
Number of valid observations: 123
Number of missing observations: 5
Family-link: Gamma-inverse
""",
        "estimates": "0.0032807 0.0006593 0.0003911 0.0012388 0.0017152 0.0012649 0.0002863 0.0013006 0.0003444 "
        "0.0011005 0.0034437 -0.0004443 -0.0004189 -0.0016209",
        "errors": "0.0005126 0.0005471 0.0005183 0.0005982 0.0006514 0.0006007 0.0005087 0.0006041 0.0003535 0.0004161 "
        "0.0006107 0.0004880 0.0004912 0.0004344",
        "statistics": "6.400 1.205 0.755 2.071 2.633 2.106 0.563 2.153 0.974 2.645 5.639 -0.911 -0.853 -3.732",
        "p": "4.02e-09 0.230843 0.452114 0.040720 0.009685 0.037516 0.574771 0.033519 0.332120 0.009375 1.36e-07 "
        "0.364508 0.395668 0.000304",
        "deviance": "15.6397",
        "dispersion": "0.1785316",
        "condition": "12.4648",
    },
    "C8": {
        "heading": """
Generalized Linear Model Results for: cost ~ car.age + type
Total independent variables: 9 (Including number dropped: 2)
Number of valid observations: 123
Number of missing observations: 5
Family-link: Gamma-inverse
""",
        "estimates": "0.0040354 0.0003568 0.0011825 0.0035478 -0.0004512 -0.0004135 -0.0016307",
        "errors": "0.0004661 0.0004037 0.0004688 0.0006853 0.0005519 0.0005558 0.0004923",
        "statistics": "8.657 0.884 2.522 5.177 -0.818 -0.744 -3.313",
        "p": "3.24e-14 0.37868 0.01302 9.57e-07 0.41528 0.45837 0.00123",
        "deviance": "18.0433",
        "dispersion": "0.2249467",
        "condition": "9.1775",
    },
}

# R13, R14: the same page 67-195
POISSON_LINES = """
Total independent variables: 5 (Including number dropped: 1)
Number of valid observations: 59
Number of missing observations: 0
Family-link: poisson-log
Residual deviance: 559.4437 (on 55 degrees of freedom)
(Intercept) 1.9488259 0.1356191 14.370 2.22e-16 ***
Base 0.0226517 0.0005093 44.476 2.22e-16 ***
Age 0.0227401 0.0040240 5.651 5.85e-07 ***
Trt=placebo Dropped Dropped Dropped Dropped
Trt=progabide -0.1527009 0.0478051 -3.194 0.00232 **
(Dispersion parameter for poisson family taken to be 1)
Condition number of final variance-covariance matrix: 3.3382
"""
QUASIPOISSON_LINES = """
Family-link: quasipoisson-log
Residual deviance: 559.4437 (on 55 degrees of freedom)
(Intercept) 1.948826 0.465091 4.190 0.000102 ***
Base 0.022652 0.001747 12.969 2.22e-16 ***
Age 0.022740 0.013800 1.648 0.105085
Trt=placebo Dropped Dropped Dropped Dropped
Trt=progabide -0.152701 0.163943 -0.931 0.355702
(Dispersion parameter for quasipoisson family taken to be 11.76075)
Condition number of final variance-covariance matrix: 3.3382
"""
