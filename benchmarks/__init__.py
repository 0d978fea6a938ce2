"""Benchmarks of the cost of perfkit and of its alternatives."""
