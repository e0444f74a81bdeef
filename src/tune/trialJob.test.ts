import { describe, expect, test } from 'vitest';
import { trialOf } from '../../test/trials.ts';
import { FerError } from '../errors.ts';
import { settingsText } from './trial.ts';
import { jobId, makeJob, OtherVersion, readJob, readProgress, type TrialJob } from './trialJob.ts';

const trial = trialOf({ n_epochs: 5 });
const job = makeJob(trial, { study: 's.1', epochs: 5, test: true, source: '/home/me/my faces/', limit: 40 });
/** As it comes out of the server. */
const sent = (changed: object = {}): unknown => JSON.parse(JSON.stringify({ ...job, ...changed }));

test('a job is read as it was made, and names no path', () => {
  expect(readJob(sent())).toEqual({
    study: 's.1',
    trial,
    data: { hash: trial.data, name: 'my faces', limit: 40, synthetic: null },
    epochs: 5,
    test: true,
  });
  expect(JSON.stringify(job)).not.toContain('/home');
  expect(
    makeJob(trial, { study: 's', epochs: 5, test: true, source: 'synthetic:60', limit: 0 }).data,
  ).toMatchObject({
    name: 'synthetic:60',
    synthetic: 'synthetic:60',
  });
  expect(jobId('s.1', trial, 5)).toBe(`s.1-${trial.hash}-5`);
});

describe('whoever wrote it, a job cannot', () => {
  const data = (changed: object) => ({ data: { ...job.data, ...changed } });
  const settings = (changed: object) => ({ settings: { ...job.settings, ...changed } });
  test.each([
    ['be nothing', null],
    ['be of no kind', sent({ kind: 1 })],
    ['be text', 'x'],
    ['leave the folder of the studies', sent({ study: '../other' })],
    ['be in no study', sent({ study: '' })],
    ['name a folder of its own', sent({ trial: '../../x' })],
    ['have a path as data', sent(data({ synthetic: '/etc/passwd' }))],
    ['have much text as data', sent(data({ synthetic: `synthetic:${'9'.repeat(20)}` }))],
    ['have data without hash', sent(data({ hash: 'x' }))],
    ['have a limit that is no number', sent(data({ limit: '5' }))],
    ['have no data', sent({ data: null })],
    ['bring settings that are not those of a trial', sent(settings({ runs: '/tmp' }))],
    ['bring settings out of bounds', sent(settings({ bs: '1000000000' }))],
    ['bring settings that are objects', sent(settings({ lr: { toString: 'x' } }))],
    ['lack settings', sent({ settings: {} })],
    ['train longer than its settings say', sent({ epochs: 6 })],
    ['train for no whole number of epochs', sent({ epochs: 1.5 })],
    ['leave open what to do', sent({ test: 'yes' })],
  ])('%s', (_, given) => {
    expect(() => readJob(given)).toThrow(FerError);
    expect(() => readJob(given)).not.toThrow(OtherVersion);
  });

  test('claim to be another trial', () => {
    expect(() => readJob(sent({ settings: settingsText(trialOf({ n_epochs: 5, lr: 5 }).settings) }))).toThrow(
      OtherVersion,
    );
  });
});

test('a job of another version may be for another worker', () => {
  expect(() => readJob(sent({ kind: '99-abc' } satisfies Partial<TrialJob>))).toThrow(OtherVersion);
});

test('progress', () => {
  const epoch = { epoch: 2, accuracy: 0.5, seconds: 3 };
  expect(readProgress({ worker: 'a', epoch })).toEqual({ worker: 'a', epoch });
  expect(readProgress({ worker: 'a\u001b[2J', refused: 'no\ndata' })).toEqual({
    worker: 'a [2J',
    refused: 'no data',
  });
  expect(readProgress({ worker: 'a', epoch: { ...epoch, accuracy: 'x' } })).toEqual({ worker: 'a' });
  for (const none of [0, null, 'x', {}, { worker: 5 }]) expect(readProgress(none)).toBeUndefined();
});
