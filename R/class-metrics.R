# Made by tools/metrics.py from python/homespot/expression/metrics.py: not to be
# edited. The metrics by name, in the order of their columns.
.metrics <- data.frame(
  label = c("PCC", "SSIM", "RMSE", "JSD"),
  key = c(
    "homespot_pcc",
    "homespot_ssim",
    "homespot_rmse",
    "homespot_jsd"
  ),
  higherIsBetter = c(TRUE, TRUE, FALSE, FALSE),
  row.names = c("pcc", "ssim", "rmse", "jsd")
)
