# What glm.R and glm_insurance.R share: fits to the last digit, and their values as JSON.
number <- function(x) ifelse(is.na(x), "null", ifelse(is.infinite(x), ifelse(x > 0, "\"Inf\"", "\"-Inf\""), sprintf("%.17g", x)))
quoted <- function(x) paste0("\"", x, "\"")
array <- function(x) paste0("[", paste(if (is.character(x)) quoted(x) else number(x), collapse = ", "), "]")
named <- function(...) { parts <- list(...); paste0("{", paste0(quoted(names(parts)), ": ", unlist(parts), collapse = ",\n"), "}") }

# Levels in order of first appearance; the last one is the reference.
last <- function(x) { f <- factor(x, levels = unique(x)); contrasts(f) <- contr.treatment(levels(f), base = nlevels(f)); f }
# R's names to RevoScaleR's: originEWR -> origin=EWR, originEWR:hour -> hour for origin=EWR.
label <- function(names, factors) {
  for (f in factors) {
    names <- gsub(paste0("^", f, "([^:]+):(.+)$"), paste0("\\2 for ", f, "=\\1"), names)
    names <- gsub(paste0("^", f, "([^:]+)$"), paste0(f, "=\\1"), names)
  }
  names
}

# As statmod::tweedie, which is not everywhere: variance mu^p, link mu^q (0: log). R's own power() knows no negative powers.
tweedie <- function(p, q = 1 - p) {
  link <- if (q == 0) make.link("log") else list(linkfun = function(mu) mu^q, linkinv = function(eta) eta^(1 / q), mu.eta = function(eta) eta^(1 / q - 1) / q)
  structure(list(family = "Tweedie", link = paste0("mu^", q), linkfun = link$linkfun, linkinv = link$linkinv, mu.eta = link$mu.eta, valideta = function(eta) q == 0 || all(eta > 0),
    variance = function(mu) mu^p, validmu = function(mu) all(mu > 0), aic = function(y, n, mu, wt, dev) NA,
    dev.resids = function(y, mu, wt) { y1 <- y + 0.1 * (y == 0); theta <- if (p == 1) log(y1 / mu) else (y1^(1 - p) - mu^(1 - p)) / (1 - p)
      kappa <- if (p == 2) log(y1 / mu) else (y^(2 - p) - mu^(2 - p)) / (2 - p); 2 * wt * (y * theta - kappa) },
    initialize = expression({ n <- rep.int(1, nobs); mustart <- y + 0.1 * (y == 0) })), class = "family")
}

# Convergence to where nothing changes any more. Where R finds no start of its own it gets the mean.
control <- glm.control(epsilon = 1e-15, maxit = 60)
converge <- function(formula, family, data) {
  environment(formula) <- environment()
  fit <- try(suppressWarnings(glm(formula, family, data, weights = .w, control = control)), silent = TRUE)
  if (inherits(fit, "try-error")) {
    y <- model.response(model.frame(formula, data)); m <- if (is.matrix(y)) sum(y[, 1]) / sum(y) else weighted.mean(y, data$.w)
    fit <- suppressWarnings(glm(formula, family, data, weights = .w, control = control, start = c(family$linkfun(m), rep(0, ncol(model.matrix(formula, data)) - 1))))
  }
  polish(fit, model.matrix(fit), model.offset(model.frame(fit)))
}
# glm stops where the deviance does not change any more, which leaves half of the digits of the coefficients to go where Fisher scoring is not Newton's method.
polish <- function(fit, X, offset) {
  if (is.null(offset)) offset <- 0
  kept <- !is.na(coef(fit)); X <- X[, kept, drop = FALSE]; beta <- coef(fit)[kept]; family <- fit$family; w <- fit$prior.weights
  for (i in 1:100) {
    eta <- drop(X %*% beta) + offset; mu <- family$linkinv(eta); slope <- family$mu.eta(eta); W <- w * slope^2 / family$variance(mu)
    step <- qr.coef(qr(X * sqrt(W)), sqrt(W) * (fit$y - mu) / slope); beta <- beta + step
    if (max(abs(step)) <= 1e-15 * max(abs(beta))) break
  }
  fit$coefficients[kept] <- beta; fit$weights <- W; fit$residuals <- (fit$y - mu) / slope; fit$fitted.values <- mu; fit$deviance <- sum(family$dev.resids(fit$y, mu, w))
  fit$unscaled <- chol2inv(qr.R(qr(X * sqrt(W))))
  n <- if (is.matrix(model.response(model.frame(fit)))) w else rep(1, length(mu))
  fit$aic <- family$aic(fit$y, n, mu, w, fit$deviance) + 2 * fit$rank
  fit
}
known <- c("binomial", "poisson")
values <- function(fit, factors, frequency = FALSE, dispersion = NULL, aic = NULL, extra = list()) {
  estimate <- coef(fit); kept <- !is.na(estimate); w <- fit$prior.weights
  pearson <- sum(fit$weights * fit$residuals^2); df <- (if (frequency) sum(w) else length(fit$y)) - fit$rank
  is_known <- fit$family$family %in% known || grepl("Negative", fit$family$family)
  d <- if (!is.null(dispersion)) dispersion else if (is_known) 1 else pearson / df
  error <- rep(NA_real_, length(estimate)); error[kept] <- sqrt(diag(fit$unscaled) * d)
  do.call(named, c(list(names = array(label(names(estimate), factors)), estimate = array(estimate), error = array(error), n = length(fit$y), rank = fit$rank,
    df_residual = number(df), df_null = number(fit$df.null + df + fit$rank - length(fit$y)), deviance = number(deviance(fit)), null_deviance = number(fit$null.deviance), aic = number(if (is.null(aic)) fit$aic else aic),
    dispersion = number(d), pearson = number(pearson), iterations = fit$iter), extra))
}
fit_all <- function(models, sets, factors) {
  results <- lapply(names(models), function(name) {
    m <- models[[name]]; message(name); data <- sets[[m$data]]; data$.w <- if (is.null(m$weights)) 1 else as.numeric(data[[m$weights]])
    formula <- m$formula; environment(formula) <- environment()
    if (identical(m$family, "theta")) return(with_theta(formula, data, m$link, factors))
    values(converge(formula, m$family, data), factors, !is.null(m$frequency))
  })
  do.call(named, setNames(results, names(models)))
}
# MASS::glm.nb alternates fits that are good to 1e-8; here the alternation goes on until nothing changes.
with_theta <- function(formula, data, link, factors) {
  family <- function(theta) eval(substitute(MASS::negative.binomial(theta = t, link = l), list(t = theta, l = link)))
  theta <- suppressWarnings(eval(substitute(MASS::glm.nb(formula, data, link = l), list(l = link))))$theta
  for (i in 1:60) {
    fit <- converge(formula, family(theta), data); before <- theta
    theta <- MASS::theta.ml(fit$y, fitted(fit), sum(fit$prior.weights), fit$prior.weights, limit = 50, eps = 1e-14)
    if (abs(theta - before) <= 1e-14 * theta) break
  }
  error <- attr(MASS::theta.ml(fit$y, fitted(fit), sum(fit$prior.weights), fit$prior.weights, limit = 50, eps = 1e-14), "SE"); theta <- as.numeric(theta)
  likelihood <- sum(fit$prior.weights * dnbinom(fit$y, size = theta, mu = fitted(fit), log = TRUE))
  values(fit, factors, aic = -2 * likelihood + 2 * fit$rank + 2, extra = list(theta = number(theta), theta_error = number(error), two_log_likelihood = number(2 * likelihood)))
}
