// How fast the network of the paper trains here and in PyTorch, measured in turns on the same machine.
//
//     node lab/training.mjs [what=train|infer] [bs=64] [crops=1] [threads=2] [rounds=5] [steps=4]
//                           [layout=channels_last|nchw]
//                           [blas=optimised|reference] [isa=all|avx2] [device=cpu|gpu] [precision=fp32|mixed]
//                           [autocast=no|fp16] [json=true]
//
// Turns (A B A B ...) because a shared machine's speed drifts: each round gives one ratio, and the median of
// the ratios is what counts. `steps` is how many steps a turn times, after warming up. `layout` is PyTorch's, which is
// faster in channels_last: the peer gets its best.
// `blas=reference` is PyTorch as Debian installs it, without an optimised BLAS beside it. `isa=avx2` keeps PyTorch from
// using AVX-512, which shows what a processor without it does. `device=gpu` is our WebGPU backend next to PyTorch on CUDA,
// without TF32, or with `precision=mixed autocast=fp16` both in 16 bits where that is safe.
//
// Lab book (two cores of a Zen 4 server, Node 20, relaxed SIMD; shares are of our own step at the time)
//  1. Points of a tile an odd number of cache lines apart. Predicted: the 49 stores of a transform no longer meet in
//     one set of the first cache, so transforms halve. Result: transform of the weight gradient x 0.60, its output
//     x 0.36, transform of the kernels x 0.65.
//  2. Nine taps of four kernels gathered with shuffles instead of 36 scalar loads: part of the 0.65 above.
//  3. Weight gradient of the linear layers from packed strips instead of strided rows. Predicted x 0.5, result x 0.87:
//     writing 64 MB of gradients is the rest.
//  4. Strips for the operands of the convolutions' weight gradient. Predicted x 0.85 for the product (the register tile
//     alone gains that), result x 0.95: the operands still come from the third cache.
//  5. Points of four tiles together, so that a transform touches a dozen pages instead of 49. Predicted x 0.9 for the
//     output pass, result x 0.98: page look-ups were not the limit.
//  6. Constants of the transforms from memory instead of literals, which V8 builds anew in every turn of a loop.
//     Predicted x 0.6 for the transforms, result x 1.0, output transform x 1.12: taken out again.
//  7. Points without 0, all in pairs (1/4, 1, 2): rounding error x 0.75 in simulation, and decisions of ReLU and pooling
//     that fall otherwise than in float64 went from 3 and 4 in the golden run to 1 and 0. Same speed.
//  8. Deep layers: kernels of 12 to 50 MB went to memory and back. Panels of 8 outputs (forward, input gradient) and
//     squares of 64 by 64 (weight gradient) instead, made and used up within the second cache. Predicted x 0.8. Panels
//     with four rows of V as separate streams: x 1.7, worse; every register tile began on a new page, where no
//     prefetcher helps. With the four tiles of a channel side by side, one stream: x 0.85 (256 and 512 channels).
//     Squares: x 0.9 at 512 channels, x 1.03 at 256, so only for kernels above 16 MB.
//  9. Linear layers: weights as the rows of the register tile, straight from memory, samples packed. Predicted x 0.85,
//     result x 0.88. Weight gradient from strips packed once, rows of dw written from end to end: predicted x 0.75,
//     result x 0.71.
// 10. A word of each pixel of a patch read first, so that its cache lines arrive together. Predicted x 0.75 for the
//     transforms, result x 1.0: taken out again. The column pass is bound by instructions even from the first cache.
// 11. Even and odd parts shared in the input transform (its pairs of rows differ in the sign of the even entries). Alone
//     x 0.77, in the output pass x 0.97; but the other rounding flips a decision of the golden run, and its gradients
//     then miss 2e-3. Taken out again.
// 12. (Two cores of a Sapphire Rapids server from here on.) The wide build: V8 from Node 24 on joins two neighbouring
//     128-bit operations to one of 256 bits, if told to. Register tile of 8 by 8, so that there are as many accumulators
//     of 256 bits as there were of 128. Predicted: products x 0.55, step x 0.75. Result on Node 24: products x 0.58,
//     step x 0.73. V8 gives a tile up where a load stands between the two stores of a pair: memory is added at the end.
// 13. Transforms in the wide build too. Predicted x 0.6; result x 0.8 only: V8 makes a 256-bit constant from ten
//     instructions at each use, and strides cost an addition at each load. Constants from memory and strides known when
//     the kernels are compiled: x 0.55 alone in the cache, in the step x 0.9: there the memory is the limit.
// 14. The tile of the wide build unrolled once. Alone 67 to 73 of 98 GFLOP/s, step x 0.98. 12 by 8 would give 80, but
//     no operand comes in twelves; six rows by 16 columns spill.
// 15. Two panels an item where they fit, so that V is read half as often. Predicted: panels x 0.75, result x 0.94:
//     the third cache was not the limit.
// 16. Tiles of 4 and 3 where they waste less than 5. Predicted by multiplications: maps of 12 x 0.73, of 6 x 0.51. Result
//     x 0.72 and x 0.52, of 7 x 0.75, in both directions; maps of 24 and the network of the paper keep tiles of 5.
// 17. Batch norm and the max pooling behind it together, forward and backward. Predicted, from the passes saved: 11 ms of 510.
//     Result 10 ms, x 0.98.
// 18. Weights of linear layers updated piece by piece with their gradient, which never reaches memory. Predicted, from 360 MB
//     at 20 GB/s: 18 ms of 490. Result: 35.0 ms for both instead of 37.5, with a moving average 42.9 instead of 46.4: the
//     third cache of this processor holds the weights and gives 40 GB/s. Kept for processors with less of it, and as 100 MB of
//     gradients are never touched.
// 19. Batch norm's statistics within the output pass, not done: they take 5.9 ms of 490 in all, of which the arithmetic stays.
//     To the same bits only whole blocks of 128 pixels could be taken there, 63 of 95 MB, which is 1.6 ms at 40 GB/s: reckoned,
//     not measured.
// 20. (Two cores of an AMD EPYC with AVX2.) Done all the same, where blocks lie in an item: all of the first layer and of the
//     panels, most of the blocks of tiles; the rest goes over the few that lie across. Result: statistics alone 1.2 ms instead
//     of 7.9, the step x 0.95 in the median of six pairs (0.84 to 1.04), to the same bits.
// 21. (Two cores of an Emerald Rapids server.) Input gradient of the linear layers: weights packed row after row, a cache line once
//     and in order, instead of 8 columns of 256 rows at a time, which lie 16 KB apart and so in one set of each cache; and up
//     to 128 samples a block, so that they are packed once for a batch of 128. Predicted, from 6.5 million lines less to wait for:
//     x 0.65 for the kernel at 128. Result, medians of six turns: both x 0.80, the order alone x 0.94; at 64 samples x 0.65 to
//     0.83. To the same bits.
// 22. (Two cores of a Zen 4 server again, now on Node 24.) Of the two stores of a pair the higher first: V8 keeps a lower one that comes
//     first beside the store of 256 bits, in case the second does not fit into memory, which was 741 of 832 stores. Predicted
//     x 0.9 for the transforms; result x 0.96 in the best of seven turns, and the step x 0.98. A constant loaded as 256 bits
//     instead of broadcast from a word, one instruction less for each: x 1.0, taken out again.
// 23. A word of each cache line of a panel's weights read before its kernels are made (10. did so for a patch of images, which are
//     near; these are not). Predicted, from what `inference.mjs` gained (18. there): x 0.9 for the panels. Result, 22. and 23.
//     together: panels x 0.76, those of the input gradient x 0.87, step x 0.93 (medians of seven turns), to the same bits. The
//     same for the rows of the linear layers: x 1.06, taken out again.
// Where the output pass stands: at 40x40, 64 to 64 channels, a third of the time are transforms, bound by instructions;
// `node lab/kernels.mjs` gives every kernel alone.
import { median } from './median.mjs';
import { parseOptions } from './options.mjs';
import { measureFer } from './peers/fer.mjs';
import { startPyTorch } from './peers/pytorch.mjs';

const defaults = {
  what: 'train',
  bs: 64,
  crops: 1,
  threads: 2,
  rounds: 5,
  steps: 4,
  layout: 'channels_last',
  blas: 'optimised',
  device: 'cpu',
  precision: 'fp32',
  autocast: 'no',
  isa: 'all',
  json: false,
};

async function main() {
  const { rounds, layout, blas, isa, precision, autocast, json, ...settings } = parseOptions(
    process.argv.slice(2),
    defaults,
  );
  const print = json ? () => {} : (line) => console.log(line);
  const torch = startPyTorch({ blas, isa });
  const turns = [];
  try {
    print('round   fer img/s   PyTorch img/s   ratio');
    for (let round = 1; round <= rounds; round++) {
      const ours = await measureFer({ ...settings, precision });
      const theirs = await torch.measure({ ...settings, layout, autocast });
      const ratio = ours.imagesPerSecond / theirs.imagesPerSecond;
      turns.push({ ours, theirs, ratio });
      const cells = [ours.imagesPerSecond.toFixed(1), theirs.imagesPerSecond.toFixed(1), ratio.toFixed(2)];
      print(
        `${String(round).padStart(5)}${cells[0].padStart(12)}${cells[1].padStart(16)}${cells[2].padStart(8)}`,
      );
    }
  } finally {
    torch.stop();
  }
  const result = {
    ...settings,
    layout,
    blas,
    isa,
    precision,
    autocast,
    rounds,
    fer: median(turns.map((turn) => turn.ours.imagesPerSecond)),
    pytorch: median(turns.map((turn) => turn.theirs.imagesPerSecond)),
    ratio: median(turns.map((turn) => turn.ratio)),
    ferPeakMegabytes: Math.max(...turns.map((turn) => turn.ours.peakMegabytes)),
    pytorchPeakMegabytes: Math.max(...turns.map((turn) => turn.theirs.peakMegabytes)),
    pytorchVersion: turns[0].theirs.version,
  };
  if (json) return console.log(JSON.stringify(result));
  const ratios = turns.map((turn) => turn.ratio);
  print(`
${settings.what}, batch ${settings.bs}, ${settings.crops} crop(s) an image, ${settings.threads} threads
median      fer ${result.fer.toFixed(1)} img/s, PyTorch ${result.pytorchVersion} ${result.pytorch.toFixed(1)} img/s
ratio       ${result.ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}); above 1 this project is faster
peak memory fer ${result.ferPeakMegabytes.toFixed(0)} MB, PyTorch ${result.pytorchPeakMegabytes.toFixed(0)} MB`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
