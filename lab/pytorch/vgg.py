"""The network of the paper in PyTorch, and a server that times its steps.

Started without arguments it reads one JSON request a line from standard input,

    {"what": "train", "bs": 64, "crops": 1, "threads": 2, "steps": 4, "layout": "channels_last",
     "device": "cpu", "autocast": "no"}

and answers each with one line: the request, `seconds` for one step (mean over `steps`), `imagesPerSecond`
(images, not crops), `peakMegabytes` of this process and the version of PyTorch. Any device but "cpu" is CUDA's;
"autocast" may be "fp16" there. The first request of a
configuration is preceded by warm-up steps. Needs PyTorch alone (Debian: python3-torch and libopenblas0).
"""

import contextlib
import json
import os
import resource
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

SIDE = 48  # of a stored image
CROP = 40  # of what the network of the paper sees
CLASSES = 7
WARM_UP = 2  # steps
LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}


class Features(nn.Module):
    """The convolutions: input [N, 1, crop, crop] in 0..1, output [N, 8 * width * (crop // 16) ** 2]."""

    def __init__(self, drop, width, crop):
        super().__init__()
        self.drop = drop
        self.flat = 8 * width * (crop // 16) ** 2
        before = 1
        for block in range(1, 5):
            channels = width * 2 ** (block - 1)
            for half in "ab":
                self.add_module(f"conv{block}{half}", nn.Conv2d(before, channels, 3, padding=1))
                self.add_module(f"bn{block}{half}", nn.BatchNorm2d(channels))
                before = channels

    def features(self, x):
        for block in range(1, 5):
            for half in "ab":
                conv, bn = getattr(self, f"conv{block}{half}"), getattr(self, f"bn{block}{half}")
                x = F.relu(bn(conv(x)))
            x = F.max_pool2d(x, 2)  # 40 -> 20 -> 10 -> 5 -> 2
        return x.flatten(1)


class Vgg(Features):
    """The network of the paper, output [N, 7] logits. 29,890,759 parameters at width 64."""

    def __init__(self, drop=0.2, width=64, classes=CLASSES, crop=CROP):
        super().__init__(drop, width, crop)
        self.lin1 = nn.Linear(self.flat, 64 * width)
        self.lin2 = nn.Linear(64 * width, 64 * width)
        self.lin3 = nn.Linear(64 * width, classes)

    def forward(self, x):
        x = self.features(x)
        for layer in (self.lin1, self.lin2):
            x = F.dropout(F.relu(layer(x)), self.drop, self.training)
        return self.lin3(x)


class VggLite(Features):
    """Its convolutions and one linear layer. 4,702,407 parameters at width 64."""

    def __init__(self, drop=0.2, width=64, classes=CLASSES, crop=CROP):
        super().__init__(drop, width, crop)
        self.lin = nn.Linear(self.flat, classes)

    def forward(self, x):
        return self.lin(F.dropout(self.features(x), self.drop, self.training))


NETWORKS = {"vgg": Vgg, "vgg_lite": VggLite}


def check_blas():
    """Debian's PyTorch runs its linear layers on whatever libblas.so.3 is installed, and the reference one, which it
    pulls in by itself, reaches a thirtieth of the machine: it must be asked for (FER_BLAS=reference)."""
    wanted = os.environ.get("FER_BLAS") == "reference"
    if not os.path.exists("/proc/self/maps"):
        return
    with open("/proc/self/maps", encoding="utf8") as maps:
        mapped = {line.split()[-1] for line in maps}
    for path in mapped:
        folder, name = os.path.split(path)
        if not name.startswith("libblas.so"):
            continue
        is_reference = os.path.basename(folder) == "blas"
        if is_reference and not wanted:
            raise RuntimeError(
                f"the linear layers would run on the slow reference BLAS, {path}. "
                "Install an optimised one (Debian: apt-get install libopenblas0), or ask for it with blas=reference"
            )
        if wanted and not is_reference:
            raise RuntimeError(f"asked for the reference BLAS, but {path} is loaded (Debian: apt-get install libblas3)")


def corners(crops, crop=CROP):
    """Top left corners of the crops: the centre, or the four corners and the centre."""
    far, middle = SIDE - crop, (SIDE - crop) // 2
    if crops == 1:
        return [(middle, middle)]
    return [(0, 0), (0, far), (far, 0), (far, far), (middle, middle)]


class Bench:
    """One configuration: the network, its optimizer and a few batches of uint8 images, all in memory."""

    def __init__(self, what, bs, crops, layout, device="cpu", autocast="no"):
        if what not in ("train", "infer") or crops not in (1, 10):
            raise ValueError(f"what must be train or infer, crops 1 or 10: got {what}, {crops}")
        torch.manual_seed(1)
        self.layout = LAYOUTS[layout]
        self.device = "cpu" if device == "cpu" else "cuda"
        self.half = autocast == "fp16"
        if self.half:
            named = hasattr(torch.amp, "GradScaler")
            self.scaler = torch.amp.GradScaler("cuda") if named else torch.cuda.amp.GradScaler()
        # float32 is to mean float32; the fastest kernels of each layer are searched while warming up.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        self.bs, self.crops, self.at = bs, crops, 0
        self.images = torch.randint(0, 256, (4 * bs, 1, SIDE, SIDE), dtype=torch.uint8).to(self.device)
        self.labels = torch.randint(0, CLASSES, (4 * bs,)).to(self.device)
        self.net = Vgg().to(self.device, memory_format=self.layout).train(what == "train")
        self.step = self.train if what == "train" else self.infer
        self.optimizer = torch.optim.SGD(
            self.net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, nesterov=True
        )
        for _ in range(WARM_UP):
            self.step()

    def precision(self):
        return torch.autocast("cuda", torch.float16) if self.half else contextlib.nullcontext()

    def batch(self):
        """The next images as float crops [bs * crops, 1, 40, 40], crops of an image next to each other."""
        chosen = slice(self.at, self.at + self.bs)
        self.at = (self.at + self.bs) % len(self.images)
        x = self.images[chosen].float() / 255
        cut = [x[:, :, top : top + CROP, left : left + CROP] for top, left in corners(self.crops)]
        if self.crops == 10:
            cut += [each.flip(3) for each in cut]
        x = torch.stack(cut, 1).flatten(0, 1).contiguous(memory_format=self.layout)
        return x, self.labels[chosen].repeat_interleave(self.crops)

    def train(self):
        x, y = self.batch()
        self.optimizer.zero_grad(set_to_none=True)
        with self.precision():
            loss = F.cross_entropy(self.net(x), y)
        if not self.half:
            loss.backward()
            self.optimizer.step()
            return
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def infer(self):
        x, _ = self.batch()
        with torch.inference_mode(), self.precision():
            self.net(x).view(self.bs, self.crops, CLASSES).mean(1)


def answer(request, cache):
    torch.set_num_threads(request["threads"])
    request = {"device": "cpu", "autocast": "no", **request}
    key = tuple(request[name] for name in ("what", "bs", "crops", "layout", "device", "autocast", "threads"))
    if key not in cache:
        if request["device"] == "cpu":
            check_blas()
        cache.clear()  # one network in memory at a time
        cache[key] = Bench(*key[:6])
    bench = cache[key]
    wait = torch.cuda.synchronize if bench.device == "cuda" else lambda: None
    wait()
    times = []
    started = time.perf_counter()
    for _ in range(request["steps"]):
        bench.step()
        now = time.perf_counter()
        times.append(now - started)
        started = now
    wait()
    # As `fer bench` does: the median step, and on a GPU, where steps are under way when they have returned, the mean.
    times[-1] += time.perf_counter() - started
    seconds = statistics.mean(times) if bench.device == "cuda" else statistics.median(times)
    return {
        **request,
        "seconds": seconds,
        "imagesPerSecond": request["bs"] / seconds,
        "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "version": torch.__version__,
    }


def serve():
    cache = {}
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), cache)
        except Exception as error:  # the driver prints it and stops
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    serve()
