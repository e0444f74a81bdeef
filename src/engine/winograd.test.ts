import { describe, expect, it } from 'vitest';
import { randomValues } from '../../test/check-ops.ts';
import { type Matrix, polynomial, transpose, WINOGRAD_POINTS, winogradMatrices } from './winograd.ts';

const times = (matrix: Matrix, x: readonly number[]): number[] =>
  matrix.map((row) => row.reduce((sum, value, i) => sum + value * x[i], 0));
const SIZES = Object.keys(WINOGRAD_POINTS).map(Number);

describe.each(SIZES)('Winograd F(%d, 3)', (m) => {
  const { n, outputTransform, kernelTransform, inputTransform } = winogradMatrices(m);
  const d = [...randomValues(n, 1)];
  const g = [...randomValues(3, 2)];
  const dy = [...randomValues(m, 3)];

  it('has one product a point', () => {
    expect(n).toBe(m + 2);
    expect([outputTransform.length, outputTransform[0].length]).toEqual([m, n]);
    expect([kernelTransform.length, kernelTransform[0].length]).toEqual([n, 3]);
    expect([inputTransform.length, inputTransform[0].length]).toEqual([n, n]);
  });

  it('correlates', () => {
    const products = times(inputTransform, d).map((value, i) => value * times(kernelTransform, g)[i]);
    const y = times(outputTransform, products);
    for (let i = 0; i < m; i++) expect(y[i]).toBeCloseTo(d[i] * g[0] + d[i + 1] * g[1] + d[i + 2] * g[2], 12);
  });

  it('gives the gradient of the filter', () => {
    const spread = times(transpose(outputTransform), dy);
    const dg = times(
      transpose(kernelTransform),
      times(inputTransform, d).map((value, i) => value * spread[i]),
    );
    for (let k = 0; k < 3; k++) {
      expect(dg[k]).toBeCloseTo(
        dy.reduce((sum, value, i) => sum + value * d[i + k], 0),
        12,
      );
    }
  });
});

describe('the matrices', () => {
  it('exist for tiles with points only', () =>
    expect(() => winogradMatrices(7)).toThrow('no Winograd points'));
  it('are made of polynomials', () => {
    expect(polynomial([])).toEqual([1]);
    expect(polynomial([1, -1, 2])).toEqual([2, -1, -2, 1]);
    expect(transpose([[1, 2, 3]])).toEqual([[1], [2], [3]]);
  });
});
