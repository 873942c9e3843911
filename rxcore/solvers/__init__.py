"""From sufficient statistics to coefficients; no data source in sight."""
