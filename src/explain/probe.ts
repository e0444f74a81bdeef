import type { Backend, NumericArray, Program } from '../engine/backend.ts';
import { CompiledNetwork } from '../engine/compile.ts';
import type { Node } from '../engine/graph.ts';
import { type Call, STEP } from '../engine/kernels.ts';
import { type Tensor, tensor } from '../engine/tensor.ts';
import type { LoadedModel } from '../nn/loadModel.ts';
import { addCrops, type Crops, cutCrops } from './crops.ts';

export interface ProbeOptions {
  /** Crops whose logits make a score, as in prediction. */
  readonly crops: 1 | 10;
  /** Faces a step; each is `crops` samples of the network. */
  readonly batch: number;
}

/** Many faces, made one after the other so that they need not exist at once. */
export interface Faces {
  readonly count: number;
  /** Pixels of face i, [size, size], 0 black to 1 white and anything beyond. */
  draw(i: number): ArrayLike<number>;
  /** The label whose score is differentiated. */
  target(i: number): number;
}

/** Value and gradient of a node inside the network for the crops of one face, each [crops, ...shape]. */
export interface Inner {
  readonly value: NumericArray;
  readonly gradient: NumericArray;
}

type Derivative = 'none' | 'pixels' | 'node';

interface Step {
  readonly program: Program;
  readonly input: Tensor;
  readonly logits: Tensor;
  /** [N, L], one-hot: whose gradient. */
  readonly chosen: Tensor;
  readonly pixelGradient?: Tensor;
  readonly inner?: { readonly value: Tensor; readonly gradient: Tensor };
}

/**
 * Scores of faces with pixels of any value, and the derivatives of a score. A score is what prediction takes
 * for a label before softmax: its logit, averaged over the crops. Batch norm uses its running statistics, and
 * there is no dropout.
 */
export class Probe {
  readonly crops: Crops;
  /** The network; its weights are in the backend. */
  readonly model: LoadedModel;
  /** L: the number of labels. */
  readonly labels: number;
  readonly #backend: Backend;
  readonly #batch: number;
  readonly #step = tensor('step', [STEP.length], 'i32', 'persistent');
  readonly #steps = new Map<string, Step>();

  constructor(backend: Backend, model: LoadedModel, { crops, batch }: ProbeOptions) {
    const { imageSize, inputSize, labels } = model.description;
    this.model = model;
    this.crops = { size: imageSize, side: inputSize, count: crops };
    this.labels = labels.length;
    this.#backend = backend;
    this.#batch = batch;
  }

  /** Scores [count, L]. */
  async scores(faces: Omit<Faces, 'target'>): Promise<Float64Array> {
    const all = new Float64Array(faces.count * this.labels);
    await this.#run({ ...faces, target: () => -1 }, 'none', undefined, async (step, first, count) => {
      const logits = await this.#backend.read(step.logits, step.program);
      for (let i = 0; i < count; i++) all.set(this.#average(logits, i), (first + i) * this.labels);
    });
    return all;
  }

  /**
   * For each face, the gradient of its target's score by its pixels, [size, size], and the score: a pixel
   * that fewer crops see counts for less, as it does in the score.
   */
  async gradients(
    faces: Faces,
    use: (i: number, gradient: Float64Array, score: number) => void,
  ): Promise<void> {
    const { count: crops, size, side } = this.crops;
    const samples = crops * side * side;
    await this.#run(faces, 'pixels', undefined, async (step, first, count) => {
      const [all, logits] = await this.#read(step, step.pixelGradient as Tensor, step.logits);
      for (let i = 0; i < count; i++) {
        const gradient = new Float64Array(size * size);
        addCrops(all.subarray(i * samples, (i + 1) * samples), this.crops, gradient);
        for (let p = 0; p < gradient.length; p++) gradient[p] /= crops;
        use(first + i, gradient, this.#average(logits, i)[faces.target(first + i)]);
      }
    });
  }

  /** For each face, what `node` holds for its crops, and the gradient of the target's logit of each crop. */
  async inner(node: Node, faces: Faces, use: (i: number, inner: Inner) => void): Promise<void> {
    await this.#run(faces, 'node', node, async (step, first, count) => {
      const { value, gradient } = step.inner as { value: Tensor; gradient: Tensor };
      const [values, gradients] = await this.#read(step, value, gradient);
      const length = values.length / count;
      const part = (of: NumericArray, i: number) => of.subarray(i * length, (i + 1) * length);
      for (let i = 0; i < count; i++)
        use(first + i, { value: part(values, i), gradient: part(gradients, i) });
    });
  }

  async #run(
    { count: total, draw, target }: Faces,
    derivative: Derivative,
    node: Node | undefined,
    use: (step: Step, first: number, count: number) => Promise<void>,
  ): Promise<void> {
    const { count: crops, side } = this.crops;
    const samples = crops * side * side;
    for (let first = 0; first < total; first += this.#batch) {
      const count = Math.min(this.#batch, total - first);
      const step = this.#compiled(count * crops, derivative, node);
      const input = new Float64Array(count * samples);
      const chosen = new Float64Array(count * crops * this.labels);
      for (let i = 0; i < count; i++) {
        cutCrops(draw(first + i), this.crops, input.subarray(i * samples, (i + 1) * samples));
        const label = target(first + i);
        if (derivative === 'none') continue;
        for (let crop = 0; crop < crops; crop++) chosen[(i * crops + crop) * this.labels + label] = 1;
      }
      this.#backend.write(step.input, input);
      if (derivative !== 'none') this.#backend.write(step.chosen, chosen);
      this.#backend.run(step.program);
      await use(step, first, count);
    }
  }

  /** All at once: once one is waited for, another program may run and take the memory of the others. */
  #read({ program }: Step, ...tensors: readonly Tensor[]): Promise<NumericArray[]> {
    return Promise.all(tensors.map((one) => this.#backend.read(one, program)));
  }

  /** The mean logits of face i's crops. */
  #average(logits: NumericArray, i: number): Float64Array {
    const { count } = this.crops;
    const mean = new Float64Array(this.labels);
    for (let crop = 0; crop < count; crop++) {
      for (let l = 0; l < this.labels; l++) mean[l] += logits[(i * count + crop) * this.labels + l] / count;
    }
    return mean;
  }

  /** The program for `batch` samples; compiled on first use. */
  #compiled(batch: number, derivative: Derivative, node: Node | undefined): Step {
    const key = `${batch} ${derivative} ${node?.index}`;
    const found = this.#steps.get(key) ?? this.#compile(batch, derivative, node);
    this.#steps.set(key, found);
    return found;
  }

  #compile(batch: number, derivative: Derivative, node: Node | undefined): Step {
    const { graph, parameters, description } = this.model;
    const input = tensor(
      'crops',
      [batch, description.inputSize, description.inputSize, 1],
      'f32',
      'persistent',
    );
    const chosen = tensor('chosen', [batch, this.labels], 'f32', 'persistent');
    const network = new CompiledNetwork(graph, parameters, {
      batch,
      training: false,
      step: this.#step,
      input,
    });
    const { logits } = network;
    const calls: Call[] = [...network.forward];
    const keep: Tensor[] = [logits];
    let pixelGradient: Tensor | undefined;
    let inner: Step['inner'];
    if (derivative !== 'none') {
      const wanted = { parameters: false, input: derivative === 'pixels', nodes: node ? [node] : [] };
      const backward = network.backward(chosen, wanted);
      calls.push(...backward.calls);
      pixelGradient = backward.inputGradient;
      if (node) inner = { value: network.value(node), gradient: gradientOf(node, backward.gradients) };
      keep.push(...[pixelGradient, inner?.value, inner?.gradient].filter((kept) => kept !== undefined));
    }
    const program = this.#backend.compile(calls, keep);
    return { program, input, logits, chosen, pixelGradient, inner };
  }
}

function gradientOf(node: Node, gradients: ReadonlyMap<Node, Tensor>): Tensor {
  const found = gradients.get(node);
  if (!found) throw new Error(`the logits do not depend on ${node.op}${node.index}`);
  return found;
}
