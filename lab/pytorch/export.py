"""Writes the network of the paper, with random weights, as ONNX: python3 export.py FILE. Needs PyTorch alone."""

import sys

import torch

from vgg import CROP, Vgg

torch.manual_seed(1)
torch.onnx.export(
    Vgg().eval(),
    torch.rand(2, 1, CROP, CROP),
    sys.argv[1],
    input_names=["x"],
    output_names=["logits"],
    dynamic_axes={"x": {0: "n"}, "logits": {0: "n"}},
    opset_version=13,
)
