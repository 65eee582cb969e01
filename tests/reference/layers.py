"""Writes layers.json: layers, pullbacks of cotangents through them, and activations, by PyTorch in float64.

    python tests/reference/layers.py

PyTorch stores images (channels, positions…) and weights (out, in, size…); here they are (positions…, channels) and
(size…, in, out). It has no circular windows with strides, and none at all that are as many as ⌈n/stride⌉ when the
padding is not even; so padding is made beforehand, total = max((⌈n/s⌉ − 1) s + f − n, 0), of which total//2 before.
"""

import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from numpy.polynomial import hermite_e

torch.set_default_dtype(torch.float64)
torch.manual_seed(5)
BATCH = 2


def numbers(*shape):
    """Random numbers with three decimals, so that the file stays small."""
    return torch.randn(*shape).mul(1000).round().div(1000)


def first(x):
    """(N, positions…, channels) to (N, channels, positions…)."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def padded(x, size, stride, padding):
    """(N, channels, positions…) with what windows see beyond the ends."""
    if padding == "valid":
        return x
    pads = []
    for n, f, s in zip(x.shape[2:], size, stride):
        total = max((-(-n // s) - 1) * s + f - n, 0)
        pads = [total // 2, total - total // 2] + pads
    return F.pad(x, pads, mode="circular" if padding == "circular" else "constant")


def conv(x, weight, bias, stride, padding):
    rank = weight.ndim - 2
    x = padded(first(x), weight.shape[:rank], stride, padding)
    weight = weight.movedim((-1, -2), (0, 1))
    return last([F.conv1d, F.conv2d][rank - 1](x, weight, bias, stride=stride))


def pool(x, size, stride, padding, average):
    x = padded(first(x), size, stride, padding)
    y = [F.avg_pool1d, F.avg_pool2d][len(size) - 1](x, size, stride)
    return last(y if average else y * math.prod(size))


def case(name, layers, example, function, shapes=()):
    """A layer on random examples: its output y, and what its transpose makes of a cotangent u."""
    x = numbers(BATCH, *example).requires_grad_()
    theta = [numbers(*shape).requires_grad_() for shape in shapes]
    y = function(x, *theta)
    u = numbers(*y.shape)
    gradients = torch.autograd.grad(y, [x, *theta], u)
    flat = lambda tensors: torch.cat([t.detach().reshape(-1) for t in tensors]).tolist()
    return {
        "name": name,
        "layers": layers,
        "input": list(example),
        "output": list(y.shape[1:]),
        "theta": flat(theta) if theta else [],
        "x": flat([x]),
        "y": flat([y]),
        "u": flat([u]),
        "x_bar": flat(gradients[:1]),
        "theta_bar": flat(gradients[1:]) if theta else [],
    }


def convolutions():
    for padding in ["valid", "same", "circular"]:
        for n, size, stride in [(5, 3, 1), (6, 2, 1), (7, 3, 2), (6, 4, 3), (5, 1, 1), (3, 1, 2)]:
            layer = f'{{ conv = {{ channels = 2, size = [{size}], stride = [{stride}], padding = "{padding}" }} }}'
            function = lambda x, w, b: conv(x, w, b, [stride], padding)
            yield case(f"conv 1-D {n} by {size}, {stride}, {padding}", layer, [n, 3], function, [(size, 3, 2), (2,)])
        for n, size, stride in [((4, 5), (3, 3), (1, 1)), ((5, 4), (2, 3), (2, 1)), ((4, 6), (1, 4), (3, 2))]:
            layer = (
                f"{{ conv = {{ channels = 3, size = {list(size)}, stride = {list(stride)}, "
                f'padding = "{padding}" }} }}'
            )
            function = lambda x, w, b: conv(x, w, b, stride, padding)
            name = f"conv 2-D {n} by {size}, {stride}, {padding}"
            yield case(name, layer, [*n, 2], function, [(*size, 2, 3), (3,)])
    # Windows larger than the image.
    layer = '{ conv = { channels = 2, size = [3, 5], padding = "same" } }'
    yield case("conv 2-D of one pixel", layer, [1, 2, 1], lambda x, w, b: conv(x, w, b, (1, 1), "same"), [(3, 5, 1, 2), (2,)])


def pools():
    for name, average in [("avg_pool", True), ("sum_pool", False)]:
        for padding in ["valid", "same", "circular"]:
            for n, size, stride in [((7,), (3,), (2,)), ((4, 6), (2, 2), (2, 2)), ((5, 4), (2, 3), (1, 2))]:
                layer = f'{{ {name} = {{ size = {list(size)}, stride = {list(stride)}, padding = "{padding}" }} }}'
                function = lambda x: pool(x, size, stride, padding, average)
                yield case(f"{name} {n} by {size}, {stride}, {padding}", layer, [*n, 2], function)
        layer = f"{{ {name} = {{ size = [2, 3] }} }}"
        yield case(f"{name} side by side", layer, [5, 6, 2], lambda x: pool(x, (2, 3), (2, 3), "valid", average))
    yield case("global_avg_pool 1-D", '"global_avg_pool"', [4, 3], lambda x: x.mean(1))
    yield case("global_avg_pool 2-D", '"global_avg_pool"', [3, 2, 3], lambda x: x.mean((1, 2)))


def others():
    yield case("flatten", '"flatten"', [2, 3, 2], lambda x: x.flatten(1))
    layer = '{ flatten = { order = "channels_first" } }'
    yield case("flatten, channels first", layer, [2, 3, 2], lambda x: first(x).flatten(1))
    yield case("layer_norm", '"layer_norm"', [3, 4], lambda x: F.layer_norm(x, [4]))
    layer = '{ layer_norm = { over = "everything", epsilon = 0.01 } }'
    yield case("layer_norm over all", layer, [3, 2, 2], lambda x: F.layer_norm(x, [3, 2, 2], eps=0.01))
    layer = "{ dense = { width = 3 } }"
    yield case("dense", layer, [4], lambda x, w, b: x @ w + b, [(4, 3), (3,)])
    layer = '{ residual = [{ dense = { width = 3 } }, "tanh"] }'
    yield case("residual", layer, [3], lambda x, w, b: x + torch.tanh(x @ w + b), [(3, 3), (3,)])
    layer = '{ sum = [["relu", { dense = { width = 2 } }], [{ dense = { width = 2 } }]] }'
    function = lambda x, v, c, w, b: F.relu(x) @ v + c + x @ w + b
    yield case("sum", layer, [3], function, [(3, 2), (2,), (3, 2), (2,)])


def horner(x, coefficients):
    y = torch.zeros_like(x)
    for c in reversed(coefficients):
        y = y * x + c
    return y


def hermite(x, degree):
    coefficients = hermite_e.herme2poly([0] * degree + [1])
    return horner(x, [float(c) / math.sqrt(math.factorial(degree)) for c in coefficients])


ACTIVATIONS = [
    ("identity", lambda x: x * 1),
    ("relu", F.relu),
    ("leaky_relu", F.leaky_relu),
    ("leaky_relu(0.3)", lambda x: F.leaky_relu(x, 0.3)),
    ("abs", torch.abs),
    ("abrelu(-0.7, 1.3)", lambda x: torch.where(x > 0, 1.3 * x, -0.7 * x)),
    ("erf", torch.erf),
    ("erf(0.5, 1.7, -0.25)", lambda x: 0.5 * torch.erf(1.7 * x) - 0.25),
    ("sigmoid_like", lambda x: 0.5 * torch.erf(x / 2.4020563531719796) + 0.5),
    ("sigmoid", torch.sigmoid),
    ("tanh", torch.tanh),
    ("softplus", lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    ("silu", F.silu),
    ("gelu", F.gelu),
    ("sin", torch.sin),
    ("sin(2, 0.5, 0.3)", lambda x: 2 * torch.sin(0.5 * x + 0.3)),
    ("cos", torch.cos),
    ("cos(2, 0.5, 0.3)", lambda x: 2 * torch.cos(0.5 * x + 0.3)),
    ("rbf", lambda x: math.sqrt(2) * torch.sin(math.sqrt(2) * x + math.pi / 4)),
    ("rbf(0.2)", lambda x: math.sqrt(2) * torch.sin(math.sqrt(0.4) * x + math.pi / 4)),
    ("exp", torch.exp),
    ("exp(0.5, -0.7)", lambda x: 0.5 * torch.exp(-0.7 * x)),
    ("gaussian", lambda x: torch.exp(-x * x)),
    ("gaussian(2, -0.3)", lambda x: 2 * torch.exp(-0.3 * x * x)),
    ("gabor", lambda x: torch.exp(-x * x) * torch.sin(x)),
    *((f"hermite({n})", lambda x, n=n: hermite(x, n)) for n in [0, 1, 2, 3, 6]),
    *((f"monomial({n})", lambda x, n=n: x**n) for n in [0, 1, 2, 5]),
    *((f"rectified_monomial({n})", lambda x, n=n: (x >= 0) * x**n) for n in [0, 2, 3]),
    ("rectified_monomial(1)", F.relu),
    ("sign", torch.sign),
    ("polynomial(0.5, -1, 0.25, 2)", lambda x: horner(x, [0.5, -1, 0.25, 2])),
    ("polynomial(0.5)", lambda x: horner(x, [0.5])),
]
POINTS = [-20.0, -5.5, -3.0, -1.25, -0.5, -1e-3, 0.0, 1e-3, 0.5, 1.25, 3.0, 5.5, 20.0]


def activations():
    for text, function in ACTIVATIONS:
        x = torch.tensor(POINTS, requires_grad=True)
        y = function(x)
        (derivative,) = torch.autograd.grad(y.sum() + 0 * x.sum(), x)
        yield {"activation": text, "y": y.tolist(), "derivative": derivative.tolist()}


def main():
    layers = [*convolutions(), *pools(), *others()]
    document = {
        "origin": f"PyTorch {torch.__version__.split('+')[0]} in float64, written by layers.py",
        "batch": BATCH,
        "layers": layers,
        "points": POINTS,
        "activations": list(activations()),
    }
    path = Path(__file__).with_suffix(".json")
    rows = lambda key: ",\n".join("  " + json.dumps(row) for row in document[key])
    head = ",\n".join(f' "{key}": {json.dumps(document[key])}' for key in ["origin", "batch", "points"])
    path.write_text(f'{{\n{head},\n "layers": [\n{rows("layers")}\n ],\n "activations": [\n{rows("activations")}\n ]\n}}\n')
    print(f"{len(layers)} layers, {len(ACTIVATIONS)} activations", file=sys.stderr)


if __name__ == "__main__":
    main()
