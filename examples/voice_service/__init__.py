"""A small voice-therapy service that keeps the promises of its BENCHMARKS.md."""
