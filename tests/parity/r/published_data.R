# Data of published examples that come with R or out of its random numbers; stored as published_data.json.
# Run from this folder: Rscript --vanilla published_data.R > published_data.json     (needs the recommended package MASS)
suppressWarnings(RNGversion("3.2.0"))   # the sampler of the R under which the examples were published
number <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
column <- function(x) paste0("[", paste(if (is.numeric(x)) number(x) else paste0("\"", x, "\""), collapse = ", "), "]")
frame <- function(d) paste0("{", paste0("\"", names(d), "\": ", sapply(d, column), collapse = ",\n"), "}")

set.seed(100)
xfac1 <- factor(c(1,1,1,1,2,2,2,2,3,3,3,3), labels = c("One1", "Two1", "Three1"))
xfac2 <- factor(c(1,1,1,1,1,1,2,2,2,3,3,3), labels = c("One2", "Two2", "Three2"))
cube <- data.frame(y = as.integer(xfac1) + as.integer(xfac2) * 2 + rnorm(12), xfac1, xfac2)

set.seed(50)
income <- rep(c(1000, 1500, 2500, 4000), each = 5) + 100 * rnorm(20)
incomes <- data.frame(income, region = rep(c("Rural", "Urban"), each = 10), sex = rep(rep(c("Female", "Male"), each = 5), 2))

set.seed(14)
x <- rnorm(100); y <- rnorm(100, mean = x, sd = .01); z <- rnorm(100, mean = 2 + x + y)
ridge <- data.frame(x, y, z)

set.seed(59)
missing <- data.frame(x = rnorm(100), y = runif(100))
missing$x[seq.int(5, 100, by = 5)] <- NA; missing$y[seq.int(2, 100, by = 5)] <- NA

petrol <- MASS::petrol; petrol[, 2:5] <- scale(petrol[, 2:5], scale = FALSE)
epil <- unique(MASS::epil[, c("subject", "base", "age", "trt")])
epil$sumY <- tapply(MASS::epil$y, MASS::epil$subject, sum)[as.character(epil$subject)]; epil$sumY[8] <- epil$sumY[8] + 2   # as in breslow.dat
breslow <- data.frame(Base = epil$base, Age = epil$age, Trt = epil$trt, sumY = epil$sumY)

sets <- list(cube = cube, incomes = incomes, ridge = ridge, missing = missing, iris = iris, attitude = attitude, petrol = petrol, breslow = breslow)
cat("{", paste0("\"", names(sets), "\": ", sapply(sets, frame), collapse = ",\n"), "}\n", sep = "")
