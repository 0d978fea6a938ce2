"""Save the measured times for pyperf's tools."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import RowResult
from benchmarks.row import Kind


def save(path: str, results: Sequence[RowResult]) -> None:
    """Write CPU and wall time of every row to `path`, for ``python -m pyperf stats`` and others.

    Raises:
        ImportError: If pyperf is not installed.
        OSError: If the file exists, or cannot be written.
    """
    import pyperf  # noqa: PLC0415 - only this file needs it

    benchmarks = [
        pyperf.Benchmark(
            [
                pyperf.Run(
                    [nanoseconds / 1e9 for nanoseconds in times],
                    metadata={"name": f"{result.row.key}: {clock}", "unit": "second"},
                )
            ]
        )
        for result in results
        if result.series is not None and result.row.kind is not Kind.MEMORY
        for clock, times in (("cpu", result.series.cpu_ns), ("wall", result.series.wall_ns))
    ]
    pyperf.BenchmarkSuite(benchmarks).dump(path)
