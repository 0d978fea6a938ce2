"""Save the figures for pyperf's own tools."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Result
from benchmarks.row import Kind


def save(path: str, results: Sequence[Result]) -> None:
    """Write CPU and wall time of every row to `path`, for ``python -m pyperf stats`` and others.

    Raises:
        ImportError: If pyperf is not installed.
        OSError: If the file is there already, or cannot be written.
    """
    import pyperf  # noqa: PLC0415 - only this file needs it

    benchmarks = [
        pyperf.Benchmark(
            [
                pyperf.Run(
                    [nanoseconds / 1e9 for nanoseconds in figures],
                    metadata={"name": f"{result.row.key}: {clock}", "unit": "second"},
                )
            ]
        )
        for result in results
        if result.series is not None and result.row.kind is not Kind.MEMORY
        for clock, figures in (("cpu", result.series.cpu_ns), ("wall", result.series.wall_ns))
    ]
    pyperf.BenchmarkSuite(benchmarks).dump(path)
