"""Checks that vgg.py is the network of the reference values the engine is tested against.

    python3 lab/pytorch/check.py [test/reference/vgg.json]

Builds the reference's parameters and input from its hash, in float64, and compares evaluation logits,
training loss and the largest gradient of every parameter. Exits 1 where they differ.
"""

import json
import sys

import torch
from torch.nn import functional as F
from vgg import Vgg

MASK = 2**32 - 1


def uniform(count, stream):
    """u(i, stream) in [-0.5, 0.5) for i < count, rounded to float32; the products fit int64 after masking."""
    x = (torch.arange(count) * 2654435761 + stream * 97531) & MASK
    x = x ^ (x >> 15)
    x = ((x & 0xFFFF) * 2246822519 + ((((x >> 16) * 2246822519) & 0xFFFF) << 16)) & MASK
    x = x ^ (x >> 13)
    return x.double() / 2**32 - 0.5


def value_of(name, shape, u):
    if name.endswith("running_mean"):
        value = 0.1 * u
    elif name.endswith("running_var"):
        value = 1 + 0.5 * u
    elif name.endswith("bias"):
        value = 0.2 * u
    elif name.startswith("bn"):
        value = 1 + 0.2 * u
    else:
        value = u * (24 / shape[1:].numel()) ** 0.5
    return value.float().double().reshape(shape)


def main(path):
    with open(path, encoding="utf8") as file:
        reference = json.load(file)
    net = Vgg(drop=0).double()
    state = net.state_dict()
    assert sum(p.numel() for p in net.parameters()) == 29_890_759
    for k, name in enumerate(reference["parameter_order"]):
        state[name].copy_(value_of(name, state[name].shape, uniform(state[name].numel(), 1000 + k)))
    x = (uniform(6 * 40 * 40, 1900) + 0.5).float().double().reshape(6, 1, 40, 40)

    worst = {}
    net.eval()
    expected = torch.tensor(reference["eval_logits"], dtype=torch.float64)
    worst["logits"] = ((net(x) - expected).abs().max() / expected.abs().max()).item()

    net.train()
    loss = F.cross_entropy(net(x), torch.tensor(reference["labels"]))
    worst["loss"] = abs(loss.item() / reference["train_loss"] - 1)
    loss.backward()
    # The gradient of a convolution's bias before batch norm is zero but for rounding: compare to 1 there.
    worst["gradients"] = max(
        abs(p.grad.abs().max().item() - reference["gradients"][name]["max_abs"])
        / max(reference["gradients"][name]["max_abs"], 1e-6)
        for name, p in net.named_parameters()
    )
    for what, difference in worst.items():
        print(f"{what}: relative difference {difference:.1e}")
    return 0 if max(worst.values()) < 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "test/reference/vgg.json"))
