import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { Recognizer } from '../src/evaluate/recognizer.ts';
import { readSafetensors, writeSafetensors } from '../src/io/safetensors.ts';
import { joinNetworks } from '../src/nn/joinNetworks.ts';
import { readModel } from '../src/nn/model.ts';
import { listRuns } from '../src/server/runs.ts';
import { fer } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { faces, snapshot, tensorsOf, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);
const dataset = faces();
const DATA = 'data=synthetic:70';
const [ONE, TWO] = [1, 2].map((epoch) => at('runs', 'a', `epoch_${epoch}.safetensors`));

beforeAll(async () => {
  await trainTiny({ runs: at('runs'), save_freq: 1 }, { dataset });
  await trainTiny({ runs: at('wide'), width: 16, n_epochs: 1 }, { dataset });
});

const average = (models: readonly string[], ...args: string[]) =>
  fer('average', ...models, DATA, `runs=${at('averages')}`, ...args);
/** The epoch that `best.safetensors` of a run is of. */
const bestOf = (run: string): number => Number(readSafetensors(join(run, 'best.safetensors')).metadata.epoch);
const weights = (file: string) => readSafetensors(file).tensors;

describe('fer average', () => {
  test('makes a model of the mean weights, with statistics of its own', async () => {
    const { code, stdout } = await average([ONE, TWO], 'name=mean', 'json=true');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ out: at('averages', 'mean'), model: { width: 8 } });
    const model = readModel(at('averages', 'mean'));
    const [a, b] = [weights(ONE), weights(TWO)];
    for (const [name, { data }] of Object.entries(model.tensors)) {
      const [left, right] = [a[name].data as Float32Array, b[name].data as Float32Array];
      const mean = left.map((value, i) => (value + right[i]) / 2);
      if (/running/.test(name)) expect(data).not.toEqual(mean);
      else expect(data).toEqual(mean);
    }
    const judged = await fer('evaluate', `model=${at('averages', 'mean')}`, DATA, 'crops=1', 'json=true');
    expect(JSON.parse(judged.stdout).n).toBe(7);
  });

  test('gives the same bits again, whatever the threads, and takes one network as well', async () => {
    expect((await average([ONE, TWO], 'name=again', 'threads=1')).code).toBe(0);
    const mean = tensorsOf(at('averages', 'mean', 'model.safetensors'));
    expect(tensorsOf(at('averages', 'again', 'model.safetensors'))).toEqual(mean);
    const { code, stdout } = await average([ONE], 'name=one');
    expect(code).toBe(0);
    expect(stdout).toContain(`fer evaluate model=${at('averages', 'one')}`);
    const [before, after] = [tensorsOf(ONE), tensorsOf(at('averages', 'one', 'model.safetensors'))];
    const changed = Object.keys(before).filter((name) => before[name] !== after[name]);
    expect(changed).toEqual(Object.keys(before).filter((name) => /running/.test(name)));
  });

  test('of=answers puts networks side by side, and the answers are the mean of theirs', async () => {
    await trainTiny(
      { runs: at('beside'), name: 'other', width: 16, n_epochs: 1, seed: 9, crop_size: 44 },
      { dataset },
    );
    const two = [ONE, at('beside', 'other')];
    const { code, stdout } = await average(two, 'name=both', 'of=answers', 'limit=1', 'train=PublicTest');
    expect(code).toBe(0);
    expect(stdout).toContain('2 networks side by side (vgg of width 24)');
    const both = readModel(at('averages', 'both'));
    expect(both.description).toMatchObject({ width: 24, inputSize: 40 });
    // With the running statistics that they had: those measured anew are others.
    const joined = joinNetworks(two);
    for (const [name, { data }] of Object.entries(joined.tensors)) {
      if (!/running/.test(name)) expect(isDeepStrictEqual(both.tensors[name].data, data), name).toBe(true);
    }
    // As PyTorch counts batches beside the running statistics.
    const counted = at('counted');
    cpSync(at('beside', 'other', 'config.json'), join(counted, 'config.json'), { recursive: true });
    const tensors = weights(join(at('beside', 'other'), 'best.safetensors'));
    const counter = { dtype: 'I64', shape: [], data: new BigInt64Array([7n]) } as const;
    writeSafetensors(join(counted, 'model.safetensors'), { ...tensors, 'bn1a.num_batches_tracked': counter });
    expect(isDeepStrictEqual(joinNetworks([ONE, counted]).tensors, joined.tensors)).toBe(true);

    const backend = await WasmBackend.create({ threads: 2 });
    try {
      const images = dataset.images.subarray(0, 5 * 48 * 48);
      const answers = await Promise.all(
        [joined, ...two.map(readModel)].map((model) => {
          const same = { ...model, description: { ...model.description, inputSize: 40 } };
          return new Recognizer(backend, same, { crops: 10, batch: 2 }).logits(images);
        }),
      );
      const [together, a, b] = answers;
      expect(together).toHaveLength(35);
      expect(Math.max(...a.map((value, i) => Math.abs(value - b[i])))).toBeGreaterThan(0.03);
      together.forEach((value, i) => {
        expect(value).toBeCloseTo((a[i] + b[i]) / 2, 5);
      });
    } finally {
      await backend.close();
    }
    const command = readFileSync(at('averages', 'both', 'command.txt'), 'utf8')
      .trimEnd()
      .split('\n')
      .at(-1);
    expect(command).toMatch(
      /^fer average runs\/a\/epoch_1\.safetensors beside\/other\/best\.safetensors of=answers name=both /,
    );
    const out = at('exported');
    expect((await fer('export', `model=${at('averages', 'both')}`, `out=${out}`)).code).toBe(0);
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toMatch(/side by side, whose logits are averaged/);
  });

  test('of=answers refuses what cannot stand side by side', async () => {
    const folder = at('smaller');
    mkdirSync(folder);
    cpSync(ONE, join(folder, 'model.safetensors'));
    const config = JSON.parse(readFileSync(at('runs', 'a', 'config.json'), 'utf8'));
    const write = (model: object): void =>
      writeFileSync(
        join(folder, 'config.json'),
        JSON.stringify({ ...config, model: { ...config.model, ...model } }),
      );
    write({ labels: [...config.model.labels].reverse() });
    const labels = await average([TWO, folder], 'name=none', 'of=answers');
    expect(labels.code).toBe(1);
    expect(labels.stderr).toMatch(/cannot stand side by side: labels is angry,.* and neutral,/);
    write({ inputSize: 24 });
    const crops = await average([TWO, folder], 'name=none', 'of=answers');
    expect(crops.code).toBe(1);
    expect(crops.stderr).toMatch(/of crops of 24x24 and .* of 40x40: its linear layers do not fit/);
    expect(existsSync(at('averages', 'none'))).toBe(false);
  });

  test('is part of what made a model', async () => {
    const out = at('released');
    expect((await fer('export', `model=${at('averages', 'mean')}`, `out=${out}`, 'dtype=fp16')).code).toBe(0);
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(config).toMatchObject({ torch_dtype: 'float16', averaged: { name: 'mean', seed: 0 } });
    for (const place of [at('averages', 'mean'), out]) {
      const lines = readFileSync(join(place, 'command.txt'), 'utf8').trimEnd().split('\n');
      const commands = lines.filter((line) => line.startsWith('fer '));
      expect(commands).toHaveLength(2);
      expect(commands[0]).toMatch(/^fer train .*name=a .*n_epochs=2/);
      expect(commands[1]).toBe(
        'fer average runs/a/epoch_1.safetensors runs/a/epoch_2.safetensors name=mean data=synthetic:70 ' +
          'train=Training augmentations=crop+flip bs=64 seed=0',
      );
      expect(lines.filter((line) => /takes runs\/a\/epoch_\d\.safetensors, SHA-256/.test(line))).toHaveLength(
        2,
      );
    }
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toMatch(/mean of those of `runs\/a\/epoch_1\.safetensors`, `runs\/a\/epoch_2\.safetensors`/);
    expect(card).not.toContain(folder.path);
  });

  test('written over the model that its epochs started from is told of once', async () => {
    const [first, second, model] = [at('circle', 'first'), at('circle', 'second'), at('circle', 'model')];
    const released = (from: string) => fer('export', `model=${from}`, `out=${model}`, 'overwrite=true');
    const trained = (name: string) =>
      trainTiny({ runs: at('circle'), name, from: model, save_freq: 1 }, { dataset });
    expect((await released(ONE)).code).toBe(0);
    await trained('first');
    const epochs = [1, 2].map((epoch) => join(first, `epoch_${epoch}.safetensors`));
    expect((await average(epochs, 'name=circle')).code).toBe(0);
    expect((await released(at('averages', 'circle'))).code).toBe(0);
    await trained('second');
    expect((await fer('export', `model=${second}`, `out=${at('circle', 'out')}`)).code).toBe(0);
    const lines = readFileSync(at('circle', 'out', 'command.txt'), 'utf8')
      .trimEnd()
      .split('\n');
    const names = lines.filter((line) => line.startsWith('fer ')).map((line) => /name=(\w+)/.exec(line)?.[1]);
    expect(names).toEqual(['a', 'first', 'circle', 'second']);
    // The epochs that are averaged are not kept by default.
    expect(
      lines.filter((line) => line.startsWith('fer train') && line.includes(' save_freq=1 ')),
    ).toHaveLength(3);
  });

  test('says what an average was made of, though the first came from another program', async () => {
    const runs = `runs=${at('foreign')}`;
    expect((await fer('import', ONE, 'name=foreign', runs)).code).toBe(0);
    const models = [at('foreign', 'foreign'), TWO];
    expect((await fer('average', ...models, 'name=mixed', runs, DATA)).code).toBe(0);
    const out = at('mixed');
    expect((await fer('export', `model=${at('foreign', 'mixed')}`, `out=${out}`)).code).toBe(0);
    const command = 'fer average foreign/foreign/model.safetensors runs/a/epoch_2.safetensors name=mixed ';
    for (const place of [at('foreign', 'mixed'), out]) {
      const { train, imported, averaged } = JSON.parse(readFileSync(join(place, 'config.json'), 'utf8'));
      expect(train).toBeUndefined();
      expect(imported.file).toBe('epoch_1.safetensors');
      expect(averaged).toMatchObject({ name: 'mixed', models: [{}, { seen: { learned: ['Training'] } }] });
      const lines = readFileSync(join(place, 'command.txt'), 'utf8').trimEnd().split('\n');
      expect(lines.filter((line) => line.startsWith('# the next one takes'))).toHaveLength(2);
      expect(lines.at(-1)?.slice(0, command.length)).toBe(command);
    }
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toMatch(/mean of those of `foreign\/foreign\/model\.safetensors`, `runs\/a\/epoch_2/);
    expect(card).toMatch(
      /the first was made by another program .* Learned from: Training\. Watched .*PublicTest\./,
    );
    expect(card).toContain(command);
    expect(card).not.toContain(folder.path);
    // A training that starts there is made by it, too.
    const next = { runs: at('from mixed'), from: at('foreign', 'mixed'), n_epochs: 1 };
    await trainTiny(next, { dataset });
    expect((await fer('export', `model=${at('from mixed', 'a')}`, `out=${at('next')}`)).code).toBe(0);
    expect(readFileSync(at('next', 'command.txt'), 'utf8')).toContain(command);
  });

  test('is an average to a report and to the list of runs, and a kept epoch is that epoch', async () => {
    const out = at('reports');
    const judged = ['split=PublicTest', DATA, 'crops=1', 'resamples=200', 'faces=0', 'mistakes=1'];
    let reports = 0;
    const textOf = async (model: string): Promise<string> => {
      const file = join(out, `${reports++}.html`);
      const { code, stderr } = await fer('report', model, ...judged, `out=${file}`);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      return readFileSync(file, 'utf8');
    };
    mkdirSync(out);
    const mean = await textOf(at('averages', 'mean'));
    expect(mean).toContain('2 epochs of the training of the first of 2 networks.');
    expect(mean).toContain('Judged here is the mean of the 2.');
    expect(mean).not.toContain('(dashed)');
    expect(listRuns(at('averages')).find(({ name }) => name === 'mean')?.averaged).toBe(2);
    expect(listRuns(at('runs'))[0]).toMatchObject({ name: 'a', averaged: 0 });

    const best = bestOf(at('runs', 'a'));
    const other = best === 1 ? 2 : 1;
    const kept = await Promise.all(
      [best, other].map(async (epoch) => {
        const model = at(`kept${epoch}`);
        await fer('export', `model=${at('runs', 'a', `epoch_${epoch}.safetensors`)}`, `out=${model}`);
        return textOf(model);
      }),
    );
    expect(kept[0]).toContain(`came after epoch ${best} (dashed); its weights are judged here.`);
    expect(kept[1]).toContain(
      `came after epoch ${best}. The weights judged here are those after epoch ${other}`,
    );
    expect(kept[1]).not.toContain(`; best `);
  });

  test('refuses what cannot be averaged, and touches nothing', async () => {
    const runs = snapshot(at('runs', 'a'));
    const other = await average([ONE, at('wide', 'a')], 'name=x');
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/not of one network \(width 8; width 16\)/);
    const missing = await average([ONE, at('nowhere')], 'name=x');
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(`there is no model at ${at('nowhere')}`);
    cpSync(at('runs', 'a'), at('broken', 'a'), { recursive: true });
    const { tensors, metadata } = readSafetensors(ONE);
    const data = (tensors['lin3.bias'].data as Float32Array).slice().fill(Number.NaN);
    const bad = at('broken', 'a', 'epoch_1.safetensors');
    writeSafetensors(bad, { ...tensors, 'lin3.bias': { ...tensors['lin3.bias'], data } }, metadata);
    const broken = await average([TWO, bad], 'name=x');
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain(`${bad}: "lin3.bias" holds values that are no finite numbers`);
    const there = await average([ONE], 'name=mean');
    expect(there.code).toBe(1);
    expect(there.stderr).toMatch(/is not empty .*choose another name=/);
    const run = await fer('average', TWO, DATA, `runs=${at('runs')}`, 'name=a', 'overwrite=true');
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/is a run, which has weights of its own/);
    expect((await fer('average', ONE, TWO, 'name=x')).code).toBe(2);
    expect((await fer('average', 'name=x', DATA)).code).toBe(2);
    expect(snapshot(at('runs', 'a'))).toEqual(runs);
  });
});
