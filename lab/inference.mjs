// How fast the network of the paper answers here, in ONNX Runtime and in PyTorch, in turns on the same machine.
//
//     FER_ORT=FOLDER node lab/inference.mjs [threads=2] [rounds=5] [json=true]
//
// Batches of 64 crops, of 10 (one face, ten crops) and of 1. Ours starts from uint8 images and cuts the crops itself,
// PyTorch as well; ONNX Runtime gets the crops ready made. A ratio above 1 means that this project is faster.
//
// Lab book (two cores of a Sapphire Rapids server, Node 24; times of a batch of 1, 12.9 ms at the start)
//  1. Kernels' transforms and batch norms' scales made once for fixed weights. Predicted x 0.9; result x 0.9.
//  2. Linear layers: four rows of weights side by side. Predicted x 0.8 for the layers, result x 0.85: more requests for
//     memory under way.
//  3. Their weights in 16 bits. Predicted x 0.6 for the layers; first x 1.0, as V8 built the constants of the
//     conversion anew at each use, then, with constants from memory, x 0.5.
//  4. Taps of the large kernels kept in the order of their transform. Predicted x 0.6 for those layers, result x 0.9:
//     gathering was not the limit, and neither is where the 49 planes lie (all in one place: x 0.97). Transforms are
//     half of that time.
//  5. One tile alone (5x5 maps): seven sums side by side instead of a register tile with one row in four in use.
//     Predicted x 0.7 for these layers, result x 0.73. In all x 0.61.
//  6. Batch of 1, 8.2 ms now. So few tiles gave one thread all the work: blocks by their number, and the kernel of 128 to 256
//     channels in panels. Predicted x 0.6 for the four layers, result x 0.6.
//  7. Maps of 5x5 by the definition, as patches times kernels (and 5. taken out, as no tile is alone any more). Predicted
//     x 0.5 for two layers, result x 0.8: weights come from the third cache at 7 GB/s, and nothing is computed meanwhile.
//     6 and 7 in all x 0.81.
//  8. Ten crops: weights of the linear layers as panels of 16 bits, made float32 in the first cache. Predicted x 0.7 for the
//     layers, from half the bytes and 12 rows instead of 16; result x 1.28: a register tile of four rows is no faster than one
//     of eight, and widening costs more than reading saves. Taken out again.
//  9. (Two cores of an AMD EPYC with AVX2 and 512 KB of second cache each from here on.) Ten crops: linear layers as dot
//     products of rows as they lie, two of w and five of x, instead of panels of eight with six of sixteen rows empty.
//     Predicted x 0.62; result x 1.0 with runs of 512 inputs, as every jump to another row stops the prefetcher, x 0.69
//     with 2048.
// 10. Three register tiles at once for the ten tiles of the 5x5 maps, twelve accumulators. Predicted x 0.8 for the products;
//     result x 0.93 for the four layers in panels.
// 11. Batch of 1: patches of the 5x5 maps by the same dot products, 25 rows instead of 32 and no packed kernels. Predicted
//     x 0.78, result x 0.87, gathering included.
// 12. Batch of 1: kernels of one panel at a time for four tiles, 400 KB instead of 800. Predicted x 0.6 for the two layers,
//     result x 0.65. At ten crops, where V is larger, x 1.1: so up to 8 tiles only.
// 13. Batch of 1: sums of the streamed linear layers go through memory in the end, as V8 joins to 256 bits only what ends in
//     neighbouring stores: this kernel was still one of 128. Predicted x 0.7 for the layers; result x 0.8 (medians and least
//     of seven runs each), 25 of the 29 GB/s that two threads read here, so their instructions are no longer the limit.
// 14. (Two cores of an AMD EPYC with AVX-512, Zen 5, from here on, where two threads read 61 GB/s and 13. reads 24.) Batch of 1: the
//     2^102 of each weight put into x and the sums, four instructions a vector instead of five. Predicted x 0.87 for the
//     layers, result x 1.0, before 15. and after it: instructions are not the limit. Taken out again.
// 15. Halves in the order that they are used in, four rows by turns of 16, one stream for the prefetcher instead of four. Predicted
//     x 0.6 for the layers, result x 0.77 (medians of five runs each): 31 GB/s.
// 16. (Two cores of an AMD EPYC, Zen 4, from here on.) Ten crops. Linear layers ran at 35 of 118 GFLOP/s a thread, and just so with
//     weights that fit the second cache: five rows of x and two of w, 8 or 16 KB apart, meet in one set of the first cache, and
//     are more than it holds. x packed, 256 inputs at a time. Predicted x 0.5 for the layers, result x 0.84.
// 17. Their weights from 16 bits, widened four rows at a time into the first cache. Predicted x 0.7, result x 0.87. What is left: 2.5 ms
//     of arithmetic, measured with the widening left out, and 2.7 of waiting for 50 MB. Widened by a dot product on the way, to
//     overlap both: x 1.15; ten samples against one row, so that memory is read all the time: x 1.4. Half the instructions for
//     widening, two halves a word: x 1.0.
// 18. So memory first: a word of each cache line of 32 rows, then the rest from the second cache. Predicted x 0.9, result x 0.86. The
//     same for the taps of the large kernels before their transform: predicted x 0.95 for the panels, result x 0.81; at
//     batches of 64 x 0.94, of 1 x 0.86.
// 19. Panels with 64 to 256 inputs at a time, so that all of U and V stays in the second cache. Predicted x 0.7, result x 0.93, and with
//     18. nothing: taken out again. In all, 16. to 18. and 22. of `training.mjs`: a face in ten crops x 0.81.
import { median } from './median.mjs';
import { parseOptions } from './options.mjs';
import { measureFer } from './peers/fer.mjs';
import { startOnnxRuntime } from './peers/onnxruntime.mjs';
import { startPyTorch } from './peers/pytorch.mjs';

const CASES = [
  { name: '64', bs: 64, crops: 1, steps: 6 },
  { name: '10 (one face)', bs: 1, crops: 10, steps: 20 },
  { name: '1', bs: 1, crops: 1, steps: 60 },
];

const defaults = { threads: 2, rounds: 5, json: false };
const { threads, rounds, json } = parseOptions(process.argv.slice(2), defaults);
const onnx = startOnnxRuntime();
const torch = startPyTorch();
const results = [];
try {
  for (const { name, bs, crops, steps } of CASES) {
    const turns = [];
    for (let round = 0; round < rounds; round++) {
      const ours = await measureFer({ what: 'infer', device: 'cpu', bs, crops, threads, steps });
      const ort = await onnx.measure({ samples: bs * crops, threads, steps });
      const pytorch = await torch.measure({
        what: 'infer',
        bs,
        crops,
        threads,
        steps,
        layout: 'channels_last',
      });
      turns.push({ onnx: ort.seconds / ours.seconds, pytorch: pytorch.seconds / ours.seconds });
    }
    results.push({
      batch: name,
      onnx: median(turns.map((turn) => turn.onnx)),
      pytorch: median(turns.map((turn) => turn.pytorch)),
    });
    const { onnx: a, pytorch: b } = results.at(-1);
    if (!json)
      console.log(`batch ${name.padEnd(14)} over ONNX Runtime ${a.toFixed(2)}, over PyTorch ${b.toFixed(2)}`);
  }
} finally {
  onnx.stop();
  torch.stop();
}
if (json) console.log(JSON.stringify({ threads, rounds, results }));
