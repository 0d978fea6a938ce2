"""Settings, plans, and the measurement of calls."""
