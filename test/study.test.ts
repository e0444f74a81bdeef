import { expect, test } from 'vitest';
import { until } from './study.ts';

test('waiting in vain ends with what was awaited and the output so far', async () => {
  let asked = 0;
  await until(() => asked++ > 2, String);
  await expect(
    until(
      () => asked < 0,
      () => 'epoch 1 of 3',
      0.05,
    ),
  ).rejects.toThrow(/not within 0\.05 s: .*asked < 0.*\nepoch 1 of 3$/s);
  await expect(until(async () => false, String, 0)).rejects.toThrow(/not within/);
});
