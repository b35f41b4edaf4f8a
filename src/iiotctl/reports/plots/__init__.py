"""Trends as drawings: in the terminal (plotext), as SVG and PNG (matplotlib), as one HTML page (uPlot, vendored)."""
