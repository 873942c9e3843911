# Reference values for tests/parity/test_parity_robust.py: vcovHC and vcovCL of the package sandwich.
# Not run by hand: tests/parity/r/make_robust_references.py writes the data, runs this, and stores what it prints as robust.json.
suppressPackageStartupMessages(library(sandwich))
folder <- commandArgs(TRUE)[1]

number <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
quoted <- function(x) paste0("\"", x, "\"")
array <- function(x) paste0("[", paste(number(x), collapse = ", "), "]")
named <- function(...) { parts <- list(...); paste0("{", paste0(quoted(names(parts)), ": ", unlist(parts), collapse = ",\n"), "}") }

# Levels in order of first appearance; the last one is the reference.
seen <- function(x) { f <- factor(x, levels = unique(x)); contrasts(f) <- contr.treatment(levels(f), base = nlevels(f)); f }
read <- function(name, factors) {
  data <- read.csv(file.path(folder, paste0(name, ".csv")), stringsAsFactors = FALSE)
  data[factors] <- lapply(data[factors], seen)
  data
}
planes <- read("planes", c("carrier", "origin"))
policies <- read("policies", c("Gender", "Category", "Occupation"))
motors <- read("motors", c("coverage", "fuel"))

# Errors by the covariance V, and the Wald F of all coefficients but the intercept, where V is positive definite.
described <- function(fit, V) {
  b <- coef(fit)[!is.na(coef(fit))]; rest <- if (attr(terms(fit), "intercept") == 1) -1 else seq_along(b)
  positive <- min(eigen(cov2cor(V[rest, rest]), TRUE, TRUE)$values) > 0
  named(error = array(sqrt(diag(V))), f = number(if (positive) sum(b[rest] * solve(V[rest, rest], b[rest])) / length(b[rest]) else NA), covariance = array(V[1, ]))
}
# one, two: columns to cluster by; used: the rows of the data that the fit used.
robust <- function(fit, one, two, used, rows = identity) {
  used <- rows(used); G <- function(x) length(unique(x))
  kinds <- c("HC0", "HC1", "HC2", "HC3")
  values <- lapply(setNames(kinds, kinds), function(kind) described(fit, vcovHC(fit, type = kind)))
  values$one_way <- described(fit, vcovCL(fit, cluster = used[one], type = "HC1"))
  values$two_way <- described(fit, vcovCL(fit, cluster = used[c(one, two)], type = "HC1"))
  named(estimate = array(coef(fit)[!is.na(coef(fit))]), n = nobs(fit), clusters = array(c(G(used[[one]]), G(used[[two]]))), vcov = do.call(named, values))
}
linear <- function(formula, data, one, two, weights = NULL) {
  data$.w <- if (is.null(weights)) 1 else as.numeric(data[[weights]]); environment(formula) <- environment()
  robust(lm(formula, data, weights = .w), one, two, data[complete.cases(data[c(all.vars(formula), one, two)]), ])
}
logistic <- function(formula, data, one, two, weights = NULL) {
  data$.w <- if (is.null(weights)) 1 else as.numeric(data[[weights]]); environment(formula) <- environment()
  fit <- suppressWarnings(glm(formula, binomial, data, weights = .w, control = glm.control(epsilon = 1e-15, maxit = 50)))
  robust(fit, one, two, data[complete.cases(data[c(all.vars(formula), one, two)]), ])
}
repeated <- function(data, by) data[rep(seq_len(nrow(data)), data[[by]]), ]

planes$late <- planes$arr_delay > 15
models <- named(
  flights = linear(arr_delay ~ carrier + distance + hour, planes, "tailnum", "day"),
  flights_weighted = linear(arr_delay ~ carrier + distance + hour, planes, "tailnum", "day", weights = "distance"),
  flights_interaction = linear(terms(arr_delay ~ origin * hour + distance, keep.order = TRUE), planes, "carrier", "day"),
  flights_aliased = linear(arr_delay ~ distance + hour + I(2 * distance) + origin, planes, "day", "carrier"),
  flights_no_intercept = linear(arr_delay ~ origin + distance - 1, planes, "day", "carrier"),
  policies = linear(Indtppd ~ Gender + Category + Age + Bonus + Density, policies, "SubGroup2", "Occupation"),
  policies_weighted = linear(Indtppd ~ Gender + Category + Age + Bonus + Density, policies, "SubGroup2", "Occupation", weights = "Exppdays"),
  motors_repeated = linear(amount ~ coverage + fuel + ageph + bm + power, repeated(motors, "agec"), "postcode", "bm"),
  logit_flights = logistic(late ~ carrier + distance + hour, planes, "tailnum", "day"),
  logit_policies = logistic(Claimed ~ Gender + Category + Age + Bonus + Poldur + Density, policies, "SubGroup2", "Occupation"),
  logit_policies_weighted = logistic(Claimed ~ Gender + Category + Age + Bonus + Poldur + Density, policies, "SubGroup2", "Occupation", weights = "Years"),
  logit_motors_repeated = logistic(claim ~ coverage + fuel + ageph + bm + power, repeated(motors, "agec"), "postcode", "bm"))
cat(named(script = quoted("tests/parity/r/robust.R"), r_version = quoted(R.version.string), sandwich_version = quoted(as.character(packageVersion("sandwich"))), models = models), "\n", sep = "")
