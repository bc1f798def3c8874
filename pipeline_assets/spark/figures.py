"""What a session has done by now, as Spark counted it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: Resident memory of an executor's Java and of the Python workers that it started.
_RESIDENT: Final = ("ProcessTreeJVMRSSMemory", "ProcessTreePythonRSSMemory")


def figures_of(session: SparkSession) -> dict[str, int]:
    """Read what a session has done by now.

    Parameters
    ----------
    session
        The session.

    Returns
    -------
    dict
        ``tasks`` done, ``failed_tasks``, the number of ``executors``, and ``peak_memory``, the bytes that the largest
        executor had in the memory with its Python workers, 0 where Spark has not measured it.
    """
    listed: Any = session.sparkContext._jsc.sc().statusStore().executorList(False)  # noqa: SLF001
    executors = [listed.apply(place) for place in range(listed.size())]
    return {
        "tasks": sum(each.completedTasks() for each in executors),
        "failed_tasks": sum(each.failedTasks() for each in executors),
        "executors": len(executors),
        "peak_memory": max((_peak(each) for each in executors), default=0),
    }


def _peak(executor: Any) -> int:  # noqa: ANN401 - of Java
    metrics = executor.peakMemoryMetrics()
    return sum(int(metrics.get().getMetricValue(name)) for name in _RESIDENT) if metrics.isDefined() else 0
