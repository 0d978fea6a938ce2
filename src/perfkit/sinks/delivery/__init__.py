"""Layers that wrap a sink, or another layer: each adds one policy, and is usable alone."""
