import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ExportConfig } from '../config.ts';
import { synthetic } from '../data/synthetic.ts';
import { FerError } from '../errors.ts';
import { facesOf, type JudgedFaces } from '../evaluate/judge.ts';
import { computeMetrics } from '../evaluate/metrics.ts';
import { exportedTensors } from '../export/modelFolder.ts';
import {
  asExported,
  checkOnnx,
  MOST_DIFFERENCE,
  type OnnxCheck,
  refuseDifference,
} from '../export/onnx/check.ts';
import { onnxModel } from '../export/onnx/network.ts';
import { encodeModel } from '../export/onnx/protobuf.ts';
import { loadOnnxRuntime, type OnnxRuntime } from '../export/onnx/runtime.ts';
import { preprocessorOf } from '../export/preprocessor.ts';
import { makeFolder, writeFileAtomic } from '../io/files.ts';
import { type ModelDescription, readModel } from '../nn/model.ts';
import { percent } from '../term/numbers.ts';
import { programVersion } from '../train/programVersion.ts';
import { readData } from './common.ts';
import type { Output } from './output.ts';

/** Drawn faces that a file is tried on where there is no data: one of each expression. */
const DRAWN = 7;

/** Writes an ONNX file that answers as the model does, and beside it what the numbers mean. */
export async function exportOnnx(config: ExportConfig, out: Output): Promise<number> {
  const { out: file, dtype, input } = config;
  if (!file.endsWith('.onnx')) throw new FerError(`out=${file}: the name of an ONNX file ends in .onnx`);
  const sidecar = file.replace(/\.onnx$/, '.json');
  for (const path of [file, sidecar]) {
    if (!existsSync(path) || config.overwrite) continue;
    throw new FerError(`${path} exists: choose another out=, or give overwrite=true to replace it`);
  }
  const model = readModel(config.model);
  // What is missing is told before the work.
  const runtime = config.check ? loadOnnxRuntime() : undefined;
  makeFolder(dirname(file));
  const sets = runtime ? await facesToTry(config, model.description, out) : [];
  const tensors = exportedTensors(model, dtype);
  const { version } = programVersion();
  const network = onnxModel(model.description, tensors, { ...config, version });
  const bytes = encodeModel(network);
  const checks: CheckSummary[] = [];
  for (const { name, faces } of runtime ? sets : []) {
    const bar = out.progress({ label: `checking on ${name}`, total: faces.targets.length, unit: 'images' });
    const found = await checkOnnx(runtime as OnnxRuntime, bytes, asExported(model, tensors), faces.images, {
      ...config,
      onProgress: (done) => bar.update(done),
    });
    refuseDifference(found);
    checks.push(summary(name, found, faces, model.description));
  }
  writeFileAtomic(file, bytes);
  const { inputs, outputs, opset } = network;
  const { labels } = model.description;
  const preprocessor =
    input === 'faces' ? { size: inputs[0].shape[1], in_graph: true } : preprocessorOf(model.description);
  // Single crops are for the caller to average.
  const averaged = input === 'faces' ? { crops: config.crops } : {};
  const about = { labels, inputs, outputs, opset, dtype, ...averaged, preprocessor, version };
  writeFileAtomic(sidecar, `${JSON.stringify(about, null, 2)}\n`);
  const result = { out: file, about: sidecar, dtype, input, bytes: bytes.length, checks };
  out.result(result, () =>
    [
      ...checks.map(checkLine),
      ...(runtime ? [] : ['not checked']),
      `${file}: ${(bytes.length / 1e6).toFixed(1)} MB, opset ${opset}, ${dtype}; ${sidecar} says what its numbers mean`,
    ].join('\n'),
  );
  return 0;
}

interface TriedFaces {
  readonly name: string;
  readonly faces: JudgedFaces;
}

/** The splits of the data; without data a few drawn faces, whose labels do not matter. */
async function facesToTry(config: ExportConfig, model: ModelDescription, out: Output): Promise<TriedFaces[]> {
  if (config.data !== '') {
    const dataset = await readData(config, out);
    return config.splits.map((name) => ({ name, faces: facesOf(dataset, name, model) }));
  }
  const { images, size } = synthetic({ counts: { Training: DRAWN } });
  if (size !== model.imageSize) {
    throw new FerError(
      `drawn faces have ${size} pixels a side, and the model sees ${model.imageSize}: give data= to check with, or check=false`,
    );
  }
  return [{ name: 'drawn faces', faces: { images, targets: new Uint8Array(DRAWN) } }];
}

interface CheckSummary {
  readonly on: string;
  readonly n: number;
  readonly logits: number;
  readonly scores: number;
  readonly changed: number;
  /** Of ONNX Runtime and of fer, where the labels are known. */
  readonly accuracy?: { readonly onnx: number; readonly fer: number };
}

function summary(
  on: string,
  check: OnnxCheck,
  { targets }: JudgedFaces,
  { labels }: ModelDescription,
): CheckSummary {
  const { n, logits, scores, changed, found, expected } = check;
  const of = (values: Float32Array): number => computeMetrics(values, targets, labels).accuracy;
  const known = on === 'drawn faces' ? {} : { accuracy: { onnx: of(found), fer: of(expected) } };
  return { on, n, logits, scores, changed, ...known };
}

function checkLine({ on, n, logits, scores, changed, accuracy }: CheckSummary): string {
  const accuracies = accuracy
    ? `; accuracy ${percent(accuracy.onnx)} in ONNX Runtime, ${percent(accuracy.fer)} in fer`
    : '';
  return (
    `${on}, ${n} faces: scores differ by ${scores.toExponential(1)} at most, logits by ${logits.toExponential(1)} of ` +
    `the largest (let through: ${MOST_DIFFERENCE}), ${changed} labels${accuracies}`
  );
}
