"""The machine: settings, plans, and the journey of a call."""
