"""Endings: sinks that take violations out of perfkit, each to one kind of place."""
