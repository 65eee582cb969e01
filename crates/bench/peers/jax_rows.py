"""The rows in JAX, 0.4.23 or later. See rows.py for the arguments."""

import rows

rows.use_cores()

import math
from functools import partial

import jax
import jax.numpy as jnp

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu, "erf": jax.scipy.special.erf}


def normal(seed, *shape):
    return jax.random.normal(jax.random.PRNGKey(seed), shape)


def parameters(workload, seed):
    """The weight and bias of each layer."""
    layers = enumerate(workload.layers())
    return [(normal(seed + 2 * i, n, m), normal(seed + 2 * i + 1, m)) for i, (n, m) in layers]


def network(activation, theta, x):
    for layer, (weight, bias) in enumerate(theta):
        x = activation(x) if layer else x
        x = x @ weight * (rows.SIGMA_W / math.sqrt(weight.shape[0])) + rows.SIGMA_B * bias
    return x


def descended(theta, gradient):
    return jax.tree_util.tree_map(lambda t, g: t - rows.RATE * g, theta, gradient)


def squared_loss(f, y):
    return 0.5 * jnp.mean(jnp.sum((f - y) ** 2, axis=1))


def prepare(workload, row):
    f = partial(network, ACTIVATIONS[workload.activation])
    x = normal(1, workload.examples, workload.inputs)
    y = normal(2, workload.examples, workload.outputs)
    theta, direction = parameters(workload, 100), parameters(workload, 200)

    def train_step(theta, x, y):
        return descended(theta, jax.grad(lambda theta: squared_loss(f(theta, x), y))(theta))

    def product(theta, x, v):
        return jax.jvp(lambda theta: f(theta, x), (theta,), (v,))

    def pullback(theta, x, u):
        value, pull = jax.vjp(lambda theta: f(theta, x), theta)
        return value, pull(u)

    def lin_apply():
        tangent = jax.linearize(lambda theta: f(theta, x), theta)[1]
        return partial(jax.jit(tangent), direction)

    def lin_step():
        value, tangent = jax.linearize(lambda theta: f(theta, x), theta)
        transposed = jax.linear_transpose(tangent, theta)

        def step(shift, y):
            (gradient,) = transposed(jax.grad(squared_loss)(value + tangent(shift), y))
            return descended(shift, gradient)

        return partial(jax.jit(step), direction, y)

    prepared = {
        "forward": lambda: partial(jax.jit(f), theta, x),
        "train_step": lambda: partial(jax.jit(train_step), theta, x, y),
        "jvp": lambda: partial(jax.jit(product), theta, x, direction),
        "vjp": lambda: partial(jax.jit(pullback), theta, x, y),
        "lin_apply": lin_apply,
        "lin_step": lin_step,
    }
    return prepared[row]()


if __name__ == "__main__":
    rows.main(f"JAX {jax.__version__}", rows.of_workloads(prepare), jax.block_until_ready)
