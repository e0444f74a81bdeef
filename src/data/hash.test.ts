import { createHash, type Hash } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { type DatasetContent, limitSplits, splitIndices } from './dataset.ts';
import { contentHash } from './hash.ts';

// A module's exports cannot be spied on.
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  return { ...crypto, createHash: vi.fn(crypto.createHash) };
});

const content: DatasetContent = {
  labels: ['angry', 'happy'],
  size: 2,
  images: Uint8Array.from({ length: 24 }, (_, i) => i),
  targets: Uint8Array.of(0, 1, 0, 1, 1, 0),
  splits: splitIndices([0, 1, 0, 0, 1, 2]),
};

test('the hash names the content: any change changes it', () => {
  const hash = contentHash(content);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  const others = [
    { ...content, labels: ['angry', 'sad'] },
    { ...content, images: content.images.map((v, i) => (i === 5 ? 99 : v)) },
    { ...content, targets: content.targets.map((v, i) => (i === 0 ? 1 : v)) },
    { ...content, splits: splitIndices([0, 1, 0, 0, 1, 1]) },
    { ...content, splits: splitIndices([1, 0, 0, 0, 1, 2]) },
  ].map((other) => contentHash(other));
  expect(new Set([hash, ...others]).size).toBe(6);
});

test('no update of the hash is of more than a hasher takes', () => {
  const lengths: number[] = [];
  const hasher = { update: ({ length }: Uint8Array) => lengths.push(length), digest: () => '' };
  vi.mocked(createHash).mockReturnValueOnce(hasher as unknown as Hash);
  // Never touched, so without memory of its own.
  contentHash({ ...content, images: new Uint8Array(2.5 * 2 ** 30) });
  expect(lengths.slice(-3)).toEqual([2 ** 30, 2 ** 30, 2 ** 29]);
});

test('limitSplits keeps the first images of each split in order', () => {
  expect(limitSplits(content, 3)).toBe(content);
  const limited = limitSplits(content, 1);
  expect(limited.splits).toEqual({
    Training: Int32Array.of(0),
    PublicTest: Int32Array.of(1),
    PrivateTest: Int32Array.of(2),
  });
  expect([...limited.images]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23]);
  expect([...limited.targets]).toEqual([0, 1, 0]);
  expect([...limitSplits(content, 2).splits.Training]).toEqual([0, 2]);
  expect([...limitSplits(content, 2).targets]).toEqual([0, 1, 0, 1, 0]);
});

test('limitSplits may take them spread evenly over each split', () => {
  expect(limitSplits(content, 3, true)).toBe(content);
  // Training is 0, 2, 3: the first and the second of them.
  expect([...limitSplits(content, 2, true).targets]).toEqual([0, 1, 0, 1, 0]);
  const sorted: DatasetContent = {
    ...content,
    images: new Uint8Array(4 * 10),
    targets: Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 1, 1, 1),
    splits: splitIndices(new Array(10).fill(0)),
  };
  expect([...limitSplits(sorted, 4).targets]).toEqual([0, 0, 0, 0]);
  expect([...limitSplits(sorted, 5, true).targets]).toEqual([0, 0, 0, 1, 1]);
  expect([...limitSplits(sorted, 3, true).targets]).toEqual([0, 0, 1]);
});
