"""Probes of the machine. Each module is loaded when its metric is first needed."""
