# Predictions, standard errors, limits and residuals of R's predict for tests/parity/test_parity_predict.py.
# Not run by hand: tests/parity/r/make_predict.py writes the data, runs this, and stores what it prints as predict.json.
folder <- commandArgs(TRUE)[1]
flights <- read.csv(file.path(folder, "flights.csv"), stringsAsFactors = TRUE)
policies <- read.csv(file.path(folder, "policies.csv"), stringsAsFactors = TRUE)
flights$late <- flights$arr_delay > 15

array <- function(x) paste0("[", paste(ifelse(is.na(x), "null", sprintf("%.17g", x)), collapse = ","), "]")
named <- function(...) { x <- list(...); paste0("{", paste0("\"", names(x), "\": ", x, collapse = ",\n"), "}") }
# Forty rows without missing values, spread over the data.
chosen <- function(data, formula) { whole <- which(complete.cases(data[all.vars(formula)])); whole[seq(7, length(whole), length.out = 40)] }

linear <- function(data, formula, weights = NULL, level = 0.95) {
  data$.w <- if (is.null(weights)) 1 else data[[weights]]
  environment(formula) <- environment()
  fit <- lm(formula, data, weights = .w); rows <- chosen(data, formula); new <- data[rows, ]
  line <- predict(fit, new, se.fit = TRUE)
  confidence <- predict(fit, new, interval = "confidence", level = level)
  prediction <- suppressWarnings(predict(fit, new, interval = "prediction", level = level, weights = 1))
  named(rows = array(rows - 1), level = level, fit = array(line$fit), error = array(line$se.fit),
    confidence_lower = array(confidence[, 2]), confidence_upper = array(confidence[, 3]),
    prediction_lower = array(prediction[, 2]), prediction_upper = array(prediction[, 3]),
    usual = array(residuals(fit)[as.character(rows)]), pearson = array(residuals(fit, "pearson")[as.character(rows)]),
    deviance = array(residuals(fit, "deviance")[as.character(rows)]))
}
generalized <- function(data, formula, family, weights = NULL, level = 0.95) {
  data$.w <- if (is.null(weights)) 1 else data[[weights]]
  environment(formula) <- environment()
  fit <- glm(formula, family, data, weights = .w, control = glm.control(epsilon = 1e-13, maxit = 60))
  # glm's errors are those of the weights before its last step: a fit that starts where this one ends has converged ones.
  .at <- coef(fit); fit <- glm(formula, family, data, weights = .w, start = .at, control = glm.control(epsilon = 1e-13, maxit = 60))
  rows <- chosen(data, formula); new <- data[rows, ]
  eta <- predict(fit, new, se.fit = TRUE); mean <- predict(fit, new, type = "response", se.fit = TRUE)
  estimated <- !(fit$family$family %in% c("binomial", "poisson"))
  reach <- eta$se.fit * if (estimated) qt(0.5 + level / 2, fit$df.residual) else qnorm(0.5 + level / 2)
  r <- function(type) array(residuals(fit, type)[as.character(rows)])
  named(rows = array(rows - 1), level = level, link = array(eta$fit), link_error = array(eta$se.fit),
    fit = array(mean$fit), error = array(mean$se.fit), link_lower = array(eta$fit - reach), link_upper = array(eta$fit + reach),
    confidence_lower = array(fit$family$linkinv(eta$fit - reach)), confidence_upper = array(fit$family$linkinv(eta$fit + reach)),
    usual = r("response"), pearson = r("pearson"), deviance = r("deviance"))
}

models <- named(
  flights_main = linear(flights, arr_delay ~ day_of_week + carrier + distance + hour),
  flights_weighted = linear(flights, arr_delay ~ carrier + hour + origin:distance, "distance", 0.8),
  flights_expressions = linear(flights, arr_delay ~ log(distance) + I(hour^2) + carrier * hour, level = 0.99),
  flights_late = generalized(flights, late ~ day_of_week + carrier + distance + hour, binomial),
  flights_late_weighted = generalized(flights, late ~ origin * hour, binomial, "hour", 0.9),
  policies_value = linear(policies, Value ~ Gender + Category + Age + Density + Poldur, "Exppdays"),
  policies_claim = generalized(policies, claim ~ Gender + Type + Age + Bonus + Density, binomial),
  policies_counts = generalized(policies, Numtppd ~ Gender + Category + Age + Density + offset(log(Exppdays)), poisson),
  policies_gamma = generalized(policies, Value ~ Gender + Category, Gamma(link = "inverse")))
cat(named(script = "\"tests/parity/r/predict.R\"", r_version = paste0("\"", R.version.string, "\""), models = models), "\n", sep = "")
