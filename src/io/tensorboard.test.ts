import { expect, test } from 'vitest';
import { readEventFile } from '../../test/eventFile.ts';
import { type ScalarEvent, scalarRecord, versionRecord } from './tensorboard.ts';

test('records are read back by the description of the format', () => {
  const events: ScalarEvent[] = [
    { wallTime: 1_700_000_000.25, step: 0, scalars: { loss: 0.5 } },
    { wallTime: 1_700_000_001, step: 300, scalars: { 'ä/b': -1e-3, accuracy: 1 } },
    { wallTime: 0, step: 2 ** 40 + 5, scalars: {} },
  ];
  const file = Buffer.concat([versionRecord(1_700_000_000), ...events.map(scalarRecord)]);
  const [version, ...found] = readEventFile(file);
  expect(version).toMatchObject({ version: 'brain.Event:2', wallTime: 1_700_000_000 });
  expect(found).toEqual(
    events.map((event) => ({
      ...event,
      scalars: Object.fromEntries(Object.entries(event.scalars).map(([tag, v]) => [tag, Math.fround(v)])),
    })),
  );
});

// Written out by hand from event.proto; the checksums are computed by the reader.
test('the bytes of an event', () => {
  const record = scalarRecord({ wallTime: 1, step: 3, scalars: { a: 2 } });
  expect(record.subarray(12, -4).toString('hex')).toBe(
    '09000000000000f03f' + '1003' + '2a0a' + '0a08' + '0a0161' + '1500000040',
  );
  expect(record.readBigUInt64LE()).toBe(23n);
  const later = scalarRecord({ wallTime: 1, step: 300, scalars: {} });
  expect(later.subarray(12, -4).toString('hex')).toBe('09000000000000f03f' + '10ac02' + '2a00');
  const version = versionRecord(1).subarray(12, -4);
  expect(version.toString('latin1')).toBe('\x09\0\0\0\0\0\0\xf0\x3f\x1a\rbrain.Event:2');
});

test('a damaged byte is noticed', () => {
  const file = versionRecord(5);
  for (const at of [0, 9, 14, file.length - 1]) {
    const damaged = Buffer.from(file);
    damaged[at] ^= 4;
    expect(() => readEventFile(damaged)).toThrow();
  }
});
