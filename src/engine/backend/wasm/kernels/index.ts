/**
 * The plan's interpreter. A program is a list of entries {code, items, record}; all threads walk it
 * together. The items of an entry are handed out one by one to whoever is free: every item writes its
 * own results in an order of its own, so the bits do not depend on who computes what. A barrier ends
 * each entry.
 */
import * as ADAPTIVE from './adaptive';
import * as AUGMENT from './augment';
import * as AVERAGE from './average';
import * as CODE from './codes';
import * as DIRECT from './direct';
import * as DOTS from './dots';
import * as ELEMENTWISE from './elementwise';
import * as GEMM from './gemm';
import * as LINEAR_UPDATE from './linearUpdate';
import * as LOSS from './loss';
import * as MIX from './mix';
import * as NORM from './norm';
import * as NORM_POOL from './normPool';
import * as PATCHES from './patches';
import * as POOL from './pool';
import * as SGD from './sgd';
import * as SHARPNESS from './sharpness';
import * as STREAM from './stream';
import * as WINOGRAD3 from './generated/tiles3/winograd';
import * as GRADIENT3 from './generated/tiles3/winogradGradient';
import * as WINOGRAD4 from './generated/tiles4/winograd';
import * as GRADIENT4 from './generated/tiles4/winogradGradient';
import * as WINOGRAD from './winograd';
import * as WINOGRAD_GRADIENT from './winogradGradient';

// Control words, a cache line each.
const GENERATION: usize = 64;
const PROGRAM: usize = 128;
const ENTRIES: usize = 132;
const THREADS: usize = 136;
const QUIT: usize = 140;
const SCRATCH: usize = 144;
const SCRATCH_STRIDE: usize = 148;
const FAILED: usize = 152;
const FIRST_PHASE: usize = 156;
const NEXT_ITEM: usize = 192;
const ARRIVED: usize = 256;
const PHASE: usize = 320;

/** Looks at a word before a thread goes to sleep over it. */
const SPINS: u32 = 20000;

/** Bytes of an entry: code, items, record. */
const ENTRY: usize = 12;

/** Sleeps until the word is no longer `old`, after looking for a while. */
function awaitChange(word: usize, old: i32): void {
  for (let spin: u32 = 0; spin < SPINS; spin++) {
    if (atomic.load<i32>(word) != old) return;
  }
  while (atomic.load<i32>(word) == old) atomic.wait<i32>(word, old, -1);
}

function barrier(threads: i32): void {
  const phase = atomic.load<i32>(PHASE);
  if (atomic.add<i32>(ARRIVED, 1) == threads - 1) {
    atomic.store<i32>(ARRIVED, 0);
    atomic.store<i32>(NEXT_ITEM, 0);
    atomic.store<i32>(PHASE, phase + 1);
    atomic.notify(PHASE, threads);
  } else {
    awaitChange(PHASE, phase);
  }
}

function walk(threads: i32, thread: usize): void {
  const scratch = <usize>load<u32>(SCRATCH) + thread * <usize>load<u32>(SCRATCH_STRIDE);
  let entry: usize = load<u32>(PROGRAM);
  const end = entry + <usize>load<u32>(ENTRIES) * ENTRY;
  for (; entry < end; entry += ENTRY) {
    const code = load<u32>(entry);
    const items = load<u32>(entry, 4);
    const record: usize = load<u32>(entry, 8);
    if (threads == 1) {
      for (let item: u32 = 0; item < items; item++) dispatch(code, record, item, scratch);
    } else {
      for (let item = <u32>atomic.add<i32>(NEXT_ITEM, 1); item < items; item = <u32>atomic.add<i32>(NEXT_ITEM, 1)) {
        dispatch(code, record, item, scratch);
      }
      barrier(threads);
    }
  }
}

/**
 * Runs a program on the calling thread, which is thread 0, and on all that serve. Returns 1 if one of these has given up:
 * the results mean nothing then, and there is no other run.
 */
export function run(program: usize, entries: u32, threads: i32, scratch: usize, stride: usize): i32 {
  if (atomic.load<i32>(FAILED)) return 1;
  store<u32>(PROGRAM, <u32>program);
  store<u32>(ENTRIES, entries);
  store<i32>(THREADS, threads);
  store<u32>(SCRATCH, <u32>scratch);
  store<u32>(SCRATCH_STRIDE, <u32>stride);
  store<i32>(FIRST_PHASE, atomic.load<i32>(PHASE));
  if (threads > 1) {
    atomic.add<i32>(GENERATION, 1);
    atomic.notify(GENERATION, threads);
  }
  walk(threads, 0);
  return atomic.load<i32>(FAILED);
}

/** A thread's life: waits for programs and takes part in them until told to quit. */
export function serve(thread: usize): void {
  let generation: i32 = 0;
  while (true) {
    awaitChange(GENERATION, generation);
    generation = atomic.load<i32>(GENERATION);
    if (atomic.load<i32>(QUIT)) return;
    walk(load<i32>(THREADS), thread);
  }
}

/** For a serving thread whose kernel trapped: says so, and meets the others at the barriers that are left. */
export function giveUp(): void {
  atomic.store<i32>(FAILED, 1);
  const threads = load<i32>(THREADS);
  const left = load<i32>(FIRST_PHASE) + load<i32>(ENTRIES) - atomic.load<i32>(PHASE);
  for (let i = 0; i < left; i++) barrier(threads);
}

/** Sends every serving thread home. */
export function quit(): void {
  atomic.store<i32>(QUIT, 1);
  atomic.add<i32>(GENERATION, 1);
  atomic.notify(GENERATION, -1);
}

function dispatch(code: u32, record: usize, item: u32, scratch: usize): void {
  switch (code) {
    case CODE.AUGMENT: return AUGMENT.augment(record, item, scratch);
    case CODE.GATHER_LABELS: return AUGMENT.gatherLabels(record, item, scratch);
    case CODE.WINOGRAD_KERNEL: return WINOGRAD.winogradKernel(record, item, scratch);
    case CODE.WINOGRAD_INPUT: return WINOGRAD.winogradInput(record, item, scratch);
    case CODE.WINOGRAD_PANEL: return WINOGRAD.winogradPanel(record, item, scratch);
    case CODE.WINOGRAD_TAPS: return WINOGRAD.winogradTaps(record, item, scratch);
    case CODE.WINOGRAD_CONV: return WINOGRAD.winogradConv(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_TRANSFORM: return WINOGRAD_GRADIENT.winogradGradientTransform(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_GEMM: return WINOGRAD_GRADIENT.winogradGradientGemm(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_SQUARE: return WINOGRAD_GRADIENT.winogradGradientSquare(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_OUTPUT: return WINOGRAD_GRADIENT.winogradGradientOutput(record, item, scratch);
    case CODE.DIRECT_KERNEL: return DIRECT.directKernel(record, item, scratch);
    case CODE.DIRECT_CONV: return DIRECT.directConv(record, item, scratch);
    case CODE.DIRECT_GRADIENT: return DIRECT.directGradient(record, item, scratch);
    case CODE.DIRECT_GRADIENT_SUM: return DIRECT.directGradientSum(record, item, scratch);
    case CODE.GATHER_PATCHES: return PATCHES.gatherPatches(record, item, scratch);
    case CODE.TURN_KERNEL: return PATCHES.turnKernel(record, item, scratch);
    case CODE.FIRST_CONV: return DIRECT.firstConv(record, item, scratch);
    case CODE.FIRST_INPUT_GRADIENT: return DIRECT.firstInputGradient(record, item, scratch);
    case CODE.FIRST_GRADIENT: return DIRECT.firstGradient(record, item, scratch);
    case CODE.FIRST_GRADIENT_SUM: return DIRECT.firstGradientSum(record, item, scratch);
    case CODE.NORM_STATISTICS: return NORM.normStatistics(record, item, scratch);
    case CODE.NORM_FINISH: return NORM.normFinish(record, item, scratch);
    case CODE.NORM_FIXED: return NORM.normFixed(record, item, scratch);
    case CODE.NORM_AFFINE: return NORM.normAffine(record, item, scratch);
    case CODE.NORM_APPLY: return NORM.normApply(record, item, scratch);
    case CODE.NORM_GRADIENT_SUMS: return NORM.normGradientSums(record, item, scratch);
    case CODE.NORM_GRADIENT_FINISH: return NORM.normGradientFinish(record, item, scratch);
    case CODE.NORM_GRADIENT_FIXED: return NORM.normGradientFixed(record, item, scratch);
    case CODE.NORM_GRADIENT_APPLY: return NORM.normGradientApply(record, item, scratch);
    case CODE.NORM_APPLY_POOL: return NORM_POOL.normApplyPool(record, item, scratch);
    case CODE.NORM_GRADIENT_SUMS_POOL: return NORM_POOL.normGradientSumsPool(record, item, scratch);
    case CODE.NORM_GRADIENT_APPLY_POOL: return NORM_POOL.normGradientApplyPool(record, item, scratch);
    case CODE.POOL: return POOL.pool(record, item, scratch);
    case CODE.POOL_GRADIENT: return POOL.poolGradient(record, item, scratch);
    case CODE.GEMM: return GEMM.gemm(record, item, scratch);
    case CODE.LINEAR_STRIPS: return GEMM.linearStrips(record, item, scratch);
    case CODE.LINEAR_GRADIENT: return GEMM.linearGradient(record, item, scratch);
    case CODE.LINEAR_UPDATE: return LINEAR_UPDATE.linearUpdate(record, item, scratch);
    case CODE.COLUMN_SUMS: return GEMM.columnSums(record, item, scratch);
    case CODE.LINEAR_PACK: return GEMM.linearPack(record, item, scratch);
    case CODE.LINEAR: return GEMM.linear(record, item, scratch);
    case CODE.LINEAR_DOTS: return DOTS.linearDots(record, item, scratch);
    case CODE.DOTS_PACK: return DOTS.dotsPack(record, item, scratch);
    case CODE.LINEAR_DOTS_HALVES: return DOTS.linearDotsHalves(record, item, scratch);
    case CODE.LINEAR_STREAM: return STREAM.linearStream(record, item, scratch);
    case CODE.LINEAR_HALVES: return STREAM.linearHalves(record, item, scratch);
    case CODE.LINEAR_STREAM_HALVES: return STREAM.linearStreamHalves(record, item, scratch);
    case CODE.RELU: return ELEMENTWISE.relu(record, item, scratch);
    case CODE.RELU_GRADIENT: return ELEMENTWISE.reluGradient(record, item, scratch);
    case CODE.DROPOUT: return ELEMENTWISE.dropout(record, item, scratch);
    case CODE.FLATTEN: return ELEMENTWISE.flatten(record, item, scratch);
    case CODE.UNFLATTEN: return ELEMENTWISE.unflatten(record, item, scratch);
    case CODE.ADD: return ELEMENTWISE.add(record, item, scratch);
    case CODE.CROSS_ENTROPY: return LOSS.crossEntropy(record, item, scratch);
    case CODE.DISTILL: return LOSS.distill(record, item, scratch);
    case CODE.AVERAGE_CROPS: return LOSS.averageCrops(record, item, scratch);
    case CODE.SGD: return SGD.sgd(record, item, scratch);
    case CODE.SQUARE_SUMS: return SHARPNESS.squareSums(record, item, scratch);
    case CODE.ASCEND: return SHARPNESS.ascend(record, item, scratch);
    case CODE.COPY: return SHARPNESS.copy(record, item, scratch);
    case CODE.MIX: return MIX.mix(record, item, scratch);
    case CODE.ADAM: return ADAPTIVE.adam(record, item, scratch);
    case CODE.ADADELTA: return ADAPTIVE.adadelta(record, item, scratch);
    case CODE.ADAGRAD: return ADAPTIVE.adagrad(record, item, scratch);
    case CODE.AVERAGE: return AVERAGE.average(record, item, scratch);
    default:
      if (code < <u32>CODE.TILES_OF_3) dispatch4(code - CODE.TILES_OF_4, record, item, scratch);
      else dispatch3(code - CODE.TILES_OF_3, record, item, scratch);
  }
}

/** Winograd kernels with tiles of 4 by 4. */
function dispatch4(code: u32, record: usize, item: u32, scratch: usize): void {
  switch (code) {
    case CODE.WINOGRAD_KERNEL: return WINOGRAD4.winogradKernel(record, item, scratch);
    case CODE.WINOGRAD_INPUT: return WINOGRAD4.winogradInput(record, item, scratch);
    case CODE.WINOGRAD_PANEL: return WINOGRAD4.winogradPanel(record, item, scratch);
    case CODE.WINOGRAD_TAPS: return WINOGRAD4.winogradTaps(record, item, scratch);
    case CODE.WINOGRAD_CONV: return WINOGRAD4.winogradConv(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_TRANSFORM: return GRADIENT4.winogradGradientTransform(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_GEMM: return GRADIENT4.winogradGradientGemm(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_SQUARE: return GRADIENT4.winogradGradientSquare(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_OUTPUT: return GRADIENT4.winogradGradientOutput(record, item, scratch);
    default: unreachable();
  }
}

/** Winograd kernels with tiles of 3 by 3. */
function dispatch3(code: u32, record: usize, item: u32, scratch: usize): void {
  switch (code) {
    case CODE.WINOGRAD_KERNEL: return WINOGRAD3.winogradKernel(record, item, scratch);
    case CODE.WINOGRAD_INPUT: return WINOGRAD3.winogradInput(record, item, scratch);
    case CODE.WINOGRAD_PANEL: return WINOGRAD3.winogradPanel(record, item, scratch);
    case CODE.WINOGRAD_TAPS: return WINOGRAD3.winogradTaps(record, item, scratch);
    case CODE.WINOGRAD_CONV: return WINOGRAD3.winogradConv(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_TRANSFORM: return GRADIENT3.winogradGradientTransform(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_GEMM: return GRADIENT3.winogradGradientGemm(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_SQUARE: return GRADIENT3.winogradGradientSquare(record, item, scratch);
    case CODE.WINOGRAD_GRADIENT_OUTPUT: return GRADIENT3.winogradGradientOutput(record, item, scratch);
    default: unreachable();
  }
}
