"""Tangent kernels in neural-tangents: of networks (entk.*, over outputs the trace or all pairs) and at infinite
width (inf.*). See rows.py for the arguments."""

import os

import rows

rows.use_cores()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from functools import partial

import jax
import neural_tangents as nt
from neural_tangents import stax

ACTIVATIONS = {"relu": stax.Relu, "erf": stax.Erf}
EXAMPLES, INPUTS, DEPTH = [1000, 4000], 784, 3


def normal(seed, *shape):
    return jax.random.normal(jax.random.PRNGKey(seed), shape)


def network(activation, width, depth, outputs):
    hidden = [stax.Dense(width, rows.SIGMA_W, rows.SIGMA_B), ACTIVATIONS[activation]()]
    return stax.serial(*hidden * depth, stax.Dense(outputs, rows.SIGMA_W, rows.SIGMA_B))


def empirical(workload, trace_axes):
    """By structured derivatives, the fastest of the three methods on these workloads."""
    init, f, _ = network(workload.activation, workload.width, workload.depth, workload.outputs)
    x = normal(1, workload.examples, workload.inputs)
    _, theta = init(jax.random.PRNGKey(0), x.shape)
    method = nt.NtkImplementation.STRUCTURED_DERIVATIVES
    kernel = nt.empirical_ntk_fn(f, trace_axes=trace_axes, vmap_axes=0, implementation=method)
    return partial(jax.jit(lambda x, theta: kernel(x, None, theta)), x, theta)


def infinite(activation, examples):
    _, _, kernel = network(activation, 1, DEPTH, 1)
    return partial(jax.jit(lambda x: kernel(x, None, "ntk")), normal(1, examples, INPUTS))


if __name__ == "__main__":
    every_row = [
        (f"{workload.name}.{kind}", partial(empirical, workload, axes))
        for workload in rows.KERNEL_WORKLOADS
        for kind, axes in [("trace", (-1,)), ("full", ())]
    ] + [
        (f"inf.{activation}.{examples}", partial(infinite, activation, examples))
        for examples in EXAMPLES
        for activation in ACTIVATIONS
    ]
    version = f"neural-tangents {nt.__version__} on JAX {jax.__version__}"
    rows.main(version, every_row, jax.block_until_ready)
