"""Market Intelligence Hub: sales forecasts with intervals, their scores, and trends."""
