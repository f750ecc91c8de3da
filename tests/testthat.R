library(testthat)
library(homespot)

test_check("homespot")
