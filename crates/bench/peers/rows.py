"""What the peers share: the workloads, the choice of rows, and the timing loop.

A script of this folder calls `main` before it imports its library:

    python jax_rows.py [NAME...]     rows by name, `m.vjp`, or by its beginning, `m`; all without names
    python jax_rows.py --version     the library and its version

It prints `name seconds` a line: best of five, warm, each timing 0.3 s or longer, on two cores.
"""

import math
import os
import sys
import time
from functools import partial
from typing import NamedTuple

SIGMA_W, SIGMA_B = 1.5, 0.05
RATE = 1e-6
CORES = 2
TIMINGS, SECONDS = 5, 0.3


class Workload(NamedTuple):
    """A multilayer perceptron in NTK parameterization, and a batch."""

    name: str
    activation: str
    examples: int
    inputs: int
    width: int
    depth: int
    outputs: int

    def layers(self):
        """(inputs, outputs) of each layer."""
        units = [self.inputs] + [self.width] * self.depth + [self.outputs]
        return list(zip(units, units[1:]))


WORKLOADS = [
    Workload("s", "tanh", 128, 64, 128, 2, 1),
    Workload("m", "relu", 256, 784, 512, 3, 10),
    Workload("e", "erf", 256, 784, 512, 3, 10),
    Workload("l", "relu", 256, 3072, 2048, 3, 10),
]
# What is trained in function space beside `e`.
ONE_OUTPUT = Workload("e1", "erf", 256, 784, 512, 3, 1)
ROWS = ["forward", "train_step", "jvp", "vjp", "lin_apply", "lin_step"]
KERNEL_WORKLOADS = [
    Workload("entk.s", "erf", 128, 64, 512, 2, 1),
    Workload("entk.m", "relu", 128, 784, 512, 3, 10),
    Workload("entk.l", "relu", 256, 784, 2048, 3, 1),
]


def use_cores():
    """Confines the process to its first two cores; libraries imported later start as many threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def best_of_five(run, wait):
    """Seconds that `run` takes. What it returns may be a promise, which `wait` waits for."""

    def timing(times):
        start = time.perf_counter()
        for _ in range(times):
            result = run()
        wait(result)
        return time.perf_counter() - start

    timing(1)
    times = 1
    while (seconds := timing(times)) < SECONDS / 4:
        times *= 2
    times = math.ceil(times * SECONDS / seconds)
    return min(timing(times) for _ in range(TIMINGS)) / times


def of_workloads(prepare):
    """Every row of every workload; `prepare` makes the function to time from a workload and a row's name."""
    every_row = [(workload, row) for workload in WORKLOADS for row in ROWS] + [(ONE_OUTPUT, "lin_step")]
    return [(f"{workload.name}.{row}", partial(prepare, workload, row)) for workload, row in every_row]


def main(version, rows, wait=lambda result: None):
    """Prints the version, or the rows that the command line names.

    `rows` lists a name and a function for each, which prepares the row and returns the function to time."""
    names = sys.argv[1:]
    if names == ["--version"]:
        print(version)
        return
    for row, prepare in rows:
        if not names or any(f"{row}.".startswith(f"{name}.") for name in names):
            print(f"{row} {best_of_five(prepare(), wait):.9f}", flush=True)
