import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../../../test/backends.ts';
import { checkCall, operand, randomValues } from '../../../../test/check-ops.ts';
import { call } from '../../kernels.ts';
import { type Tensor, tensor } from '../../tensor.ts';

/** Few rows are read as a stream, 5, 9, 10 and 18 in dot products, others in blocks of up to 128 rows, 256 columns and a depth of 256. */
const ROWS = [1, 2, 3, 5, 8, 9, 10, 18, 64, 65, 130];
const OUTPUTS = [7, 10, 128, 130];
const INPUTS = [6, 64, 300, 1032];
const SIZES = ROWS.flatMap((N) => OUTPUTS.flatMap((O) => INPUTS.map((I) => [N, I, O] as const)));

describe('linear layers', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends();
  });
  afterAll(() => closeBackends(candidates));

  it.each(SIZES)('%d rows, %d to %d features', async (N, I, O) => {
    const x = operand('x', [N, I]);
    const w = operand('w', [O, I]);
    const b = operand('b', [O]);
    const y = operand('y', [N, O]);
    const dy = operand('dy', [N, O]);
    const dx = operand('dx', [N, I]);
    const dw = operand('dw', [O, I]);
    const db = operand('db', [O]);
    await checkCall(candidates, {
      call: call('linear.forward', { x, w, b, y }),
      bounds: { y: { length: I, growth: 1 } },
    });
    await checkCall(candidates, {
      call: call('linear.backwardInput', { dy, w, dx }),
      bounds: { dx: { length: O, growth: 1 } },
    });
    await checkCall(candidates, {
      call: call('linear.backwardWeight', { x, dy, dw, db }),
      bounds: { dw: { length: N, growth: 1 }, db: { length: N, growth: 1 } },
    });
  });

  it.each([3, 4, 16, 23, 300, 1047])('bias gradients of %d features are added row after row', async (O) => {
    const N = 37;
    const of = (name: string, ...shape: number[]): Tensor => tensor(name, shape, 'f32', 'persistent');
    const [x, dy, dw, db] = [of('x', N, 1), of('dy', N, O), of('dw', O, 1), of('db', O)];
    const values = randomValues(N * O, 1);
    const sums = new Float32Array(O);
    values.forEach((value, i) => {
      sums[i % O] += value;
    });
    for (const { backend } of candidates) {
      backend.write(dy, values);
      backend.run(backend.compile([call('linear.backwardWeight', { x, dy, dw, db })]));
      expect(await backend.read(db)).toEqual(sums);
    }
  });
});
