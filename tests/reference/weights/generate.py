"""State dicts of tiny PyTorch models and what the models compute, for `tests/weights`.

    pip install torch numpy safetensors
    python generate.py

The files beside this one were written with torch 2.15.0, numpy 2.4.6 and safetensors 0.8.0 on Python 3.11. `outputs` of
a model are those of a double-precision model with the values that the file holds, which are rounded to the file's type.
"""

import json
import pathlib

import numpy as np
import safetensors.torch
import torch
from torch import nn

here = pathlib.Path(__file__).parent
torch.manual_seed(0)


def mlp():
    """Seven layers: by letters "12.weight" comes before "2.weight". Those between have one shape, so that only the
    outputs tell their order. One has no bias."""
    layers = [nn.Linear(5, 4), nn.Tanh()]
    for i in range(5):
        layers += [nn.Linear(4, 4, bias=i != 2), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(4, 3))


class Cnn(nn.Module):
    """Two groups of layers, whose names in the order of letters are not in the model's."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 3, (3, 2)), nn.Tanh(), nn.Conv2d(3, 4, 3, stride=2), nn.Tanh()
        )
        self.classifier = nn.Sequential(nn.Linear(4 * 2 * 3, 6), nn.Tanh(), nn.Linear(6, 3))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


def conv1d():
    """One-dimensional, on (N, C, L)."""
    return nn.Sequential(nn.Conv1d(2, 3, 4), nn.Tanh(), nn.Flatten(), nn.Linear(3 * 5, 2))


def arrays(state):
    return {name: tensor.numpy() for name, tensor in state.items()}


def savez(path, state):
    np.savez(path, **arrays(state))


def savez_compressed(path, state):
    np.savez_compressed(path, **arrays(state))


def savez_columns(path, state):
    """Column-major and most significant byte first."""
    np.savez(path, **{name: np.asfortranarray(a).astype(">f8") for name, a in arrays(state).items()})


def save(path, state):
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)


def model(build, x, files):
    """Writes the state dict to files, each of a type and by a writer; returns inputs and outputs."""
    net = build().double()
    state = net.state_dict()
    outputs = {}
    for name, dtype, write in files:
        rounded = {key: tensor.to(dtype) for key, tensor in state.items()}
        write(here / name, rounded)
        again = build().double()
        again.load_state_dict({key: tensor.double() for key, tensor in rounded.items()})
        outputs[name] = again(x).tolist()
    return {"x": x.tolist(), "outputs": outputs}


reference = {
    "origin": "generate.py beside this file; torch 2.15.0, numpy 2.4.6, safetensors 0.8.0",
    "mlp": model(
        mlp,
        torch.randn(3, 5).double(),
        [
            ("mlp_f64.safetensors", torch.float64, save),
            ("mlp_f32.safetensors", torch.float32, save),
            ("mlp_bf16.safetensors", torch.bfloat16, save),
            ("mlp_f64.npz", torch.float64, savez),
            ("mlp_f32.npz", torch.float32, savez_compressed),
            ("mlp_f16.npz", torch.float16, savez_compressed),
            ("mlp_columns.npz", torch.float64, savez_columns),
        ],
    ),
    "cnn": model(
        Cnn,
        torch.randn(2, 2, 7, 8).double(),
        [
            ("cnn_f64.safetensors", torch.float64, save),
            ("cnn_f32.npz", torch.float32, savez_compressed),
        ],
    ),
    "conv1d": model(conv1d, torch.randn(2, 2, 8).double(), [("conv1d_f64.npz", torch.float64, savez)]),
}
(here / "outputs.json").write_text(json.dumps(reference, indent=1) + "\n")
