"""The rows in PyTorch, eager and with torch.func. See rows.py for the arguments."""

import rows

rows.use_cores()

import math
import warnings

import torch
from torch.func import jvp, linearize, vjp

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "erf": torch.erf}


def parameters(workload):
    """The weight and bias of each layer."""
    return [(torch.randn(n, m), torch.randn(m)) for n, m in workload.layers()]


def network(activation, theta, x):
    for layer, (weight, bias) in enumerate(theta):
        x = activation(x) if layer else x
        x = torch.addmm(bias, x, weight, beta=rows.SIGMA_B, alpha=rows.SIGMA_W / math.sqrt(weight.shape[0]))
    return x


def descended(theta, gradient):
    return [tuple(t - rows.RATE * g for t, g in zip(*layer)) for layer in zip(theta, gradient)]


def squared_loss(f, y):
    return 0.5 * ((f - y) ** 2).sum(1).mean()


class Rows:
    """The rows of a workload: the method of each name returns the function to time."""

    def __init__(self, workload):
        torch.manual_seed(0)
        self.x = torch.randn(workload.examples, workload.inputs)
        self.y = torch.randn(workload.examples, workload.outputs)
        self.theta, self.direction = parameters(workload), parameters(workload)
        self.f = lambda theta: network(ACTIVATIONS[workload.activation], theta, self.x)

    def forward(self):
        return torch.no_grad()(lambda: self.f(self.theta))

    def train_step(self):
        """The usual loop: backward, then the parameters are overwritten."""
        theta = [tuple(t.clone().requires_grad_() for t in layer) for layer in self.theta]
        flat = [t for layer in theta for t in layer]

        def step():
            gradient = torch.autograd.grad(squared_loss(self.f(theta), self.y), flat)
            with torch.no_grad():
                for t, g in zip(flat, gradient):
                    t.sub_(g, alpha=rows.RATE)

        return step

    def jvp(self):
        return lambda: jvp(self.f, (self.theta,), (self.direction,))

    def vjp(self):
        def pullback():
            value, pull = vjp(self.f, self.theta)
            return value, pull(self.y)

        return pullback

    def lin_apply(self):
        tangent = linearize(self.f, self.theta)[1]
        return lambda: tangent(self.direction)

    def lin_step(self):
        value, tangent = linearize(self.f, self.theta)
        pull = vjp(self.f, self.theta)[1]

        def step():
            error = (value + tangent(self.direction) - self.y) / len(self.y)
            return descended(self.direction, pull(error)[0])

        return step


if __name__ == "__main__":
    # torch.func.linearize warns of what it is made of.
    warnings.simplefilter("ignore")
    torch.set_num_threads(rows.CORES)
    every_row = rows.of_workloads(lambda workload, row: getattr(Rows(workload), row)())
    rows.main(f"PyTorch {torch.__version__.split('+')[0]}", every_row)
