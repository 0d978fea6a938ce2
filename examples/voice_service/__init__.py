"""A small voice-therapy service with the performance budgets of its BENCHMARKS.md."""
