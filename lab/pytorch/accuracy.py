"""Accuracy of a model folder in the original network, written in PyTorch, next to `fer evaluate`.

    python3 lab/pytorch/accuracy.py fer2013.csv [models/vgg-fer2013] [PublicTest]

Reads the safetensors, the csv and `config.json` with nothing of this project, loads the weights by name into
vgg.py, cuts ten crops, averages their logits, and compares every label with those of `fer evaluate`. Exits 1 where
the accuracy differs. Needs PyTorch alone (Debian: python3-torch, and libopenblas0 for speed).
"""

import csv
import json
import os
import subprocess
import sys
import tempfile

import torch

from vgg import NETWORKS, SIDE, corners

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BATCH = 16
DTYPES = {"F16": torch.float16, "F32": torch.float32, "F64": torch.float64}
# The classes of fer2013.csv, by their numbers in it.
FER2013 = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def read_safetensors(path):
    """The tensors of a file by name, in float32 (https://github.com/huggingface/safetensors)."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=torch.uint8)[begin:end].clone().view(DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).float()
    return tensors


def read_split(path, split):
    """Pictures [n, 1, SIDE, SIDE] as bytes, and the name of each one's class."""
    csv.field_size_limit(1 << 20)
    images, labels = [], []
    with open(path, newline="", encoding="utf8") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            if row["Usage"] == split:
                images.append(torch.tensor([int(p) for p in row["pixels"].split()], dtype=torch.uint8))
                labels.append(FER2013[int(row["emotion"])])
    return torch.stack(images).reshape(-1, 1, SIDE, SIDE), labels


def weights_of(folder):
    names = ("best.safetensors", "model.safetensors", "last.safetensors")
    return next(path for name in names if os.path.exists(path := os.path.join(folder, name)))


def predict(net, images, crop):
    found = []
    with torch.inference_mode():
        for some in images.split(BATCH):
            x = some.float() / 255
            cut = [x[:, :, top : top + crop, left : left + crop] for top, left in corners(10, crop)]
            cut += [each.flip(3) for each in cut]
            logits = net(torch.stack(cut, 1).flatten(0, 1)).view(len(some), 10, -1).mean(1)
            found += logits.argmax(1).tolist()
    return found


def fer(folder, data, split):
    """The labels of `fer evaluate`, image by image."""
    with tempfile.TemporaryDirectory() as out:
        command = ["node", os.path.join(ROOT, "dist", "cli.js"), "evaluate"]
        arguments = [f"model={folder}", f"data={data}", f"split={split}", f"out={out}"]
        subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "predictions.csv"), newline="", encoding="utf8") as file:
            return [(row["target"], row["prediction"]) for row in csv.DictReader(file)]


def main(data, folder=os.path.join(ROOT, "models", "vgg-fer2013"), split="PublicTest"):
    with open(os.path.join(folder, "config.json"), encoding="utf8") as file:
        model = json.load(file)["model"]
    assert model["network"] in NETWORKS, f"the networks here are {', '.join(NETWORKS)}, the model is {model['network']}"
    crop = model["inputSize"]
    net = NETWORKS[model["network"]](width=model["width"], classes=len(model["labels"]), crop=crop).eval()
    missing, unexpected = net.load_state_dict(read_safetensors(weights_of(folder)), strict=False)
    # Counters of batches say nothing to a network that is not trained.
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    assert not missing and not unexpected, f"missing {missing}, unexpected {unexpected}"
    images, targets = read_split(data, split)
    ours = fer(folder, data, split)
    assert [target for target, _ in ours] == targets, "fer sees other labels"
    found = [model["labels"][index] for index in predict(net, images, crop)]
    hits = {
        "PyTorch": sum(label == target for label, target in zip(found, targets)),
        "fer evaluate": sum(label == target for target, label in ours),
    }
    print(f"{split}, ten crops, {weights_of(folder)}")
    for name, right in hits.items():
        print(f"{name:14} {right} of {len(targets)}, {100 * right / len(targets):.3f} %")
    print(f"labels that differ: {sum(a != b for a, (_, b) in zip(found, ours))}")
    return 0 if hits["PyTorch"] == hits["fer evaluate"] else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
