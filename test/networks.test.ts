import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ReferenceBackend } from '../src/engine/backend/reference.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { Explainer } from '../src/explain/explainer.ts';
import { readModel } from '../src/nn/model.ts';
import { NETWORKS, type NetworkName } from '../src/nn/networks.ts';
import { fer, must } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { faces, trainTiny } from './training.ts';

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
afterAll(() => folder.remove());

describe.each(Object.keys(NETWORKS) as NetworkName[])('network=%s goes the whole way', (network) => {
  const RUN = at(network, 'a');
  const DATA = ['data=synthetic:60', 'split=PublicTest', 'crops=10'];
  const evaluated = async (model: string, ...more: string[]): Promise<{ loss: number }> => {
    const figures = JSON.parse(await must('evaluate', `model=${model}`, ...DATA, ...more, 'json=true'));
    return { ...figures, imagesPerSecond: 0 };
  };

  test('trained here as by the definition', async () => {
    const settings = { network, runs: at(network), n_epochs: 1, lr: 1e-3 } as const;
    const { history } = await trainTiny(settings, { dataset: faces() });
    const there = { ...settings, runs: at(`${network} by definition`) };
    const { history: expected } = await trainTiny(there, {
      dataset: faces(),
      backend: new ReferenceBackend(),
    });
    expect(history[0].trainLoss).toBeCloseTo(expected[0].trainLoss, 3);
    expect(history[0].valLoss).toBeCloseTo(expected[0].valLoss as number, 3);
  });

  test('judged, passed on and taken back: the same figures', async () => {
    const figures = await evaluated(RUN);
    expect(figures.loss).toBeCloseTo((await evaluated(RUN, 'device=reference')).loss, 4);
    await must('export', `model=${RUN}`, `out=${at(network, 'exported')}`);
    expect(await evaluated(at(network, 'exported'))).toEqual(figures);
    const card = readFileSync(at(network, 'exported', 'README.md'), 'utf8');
    expect(card).toContain('Khaireddin and Chen');
    expect(card.includes('one linear layer behind its convolutions')).toBe(network === 'vgg_lite');
    const weights = at(network, 'exported', 'model.safetensors');
    for (const other of Object.keys(NETWORKS).filter((each) => each !== network)) {
      const { code, stderr } = await fer(
        'import',
        weights,
        `network=${other}`,
        'name=b',
        `runs=${at(network)}`,
      );
      expect({ code, stderr }).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`Give network=${network}, whose names it has`),
      });
    }
    await must('import', weights, `network=${network}`, 'name=b', `runs=${at(network)}`);
    expect(await evaluated(at(network, 'b'))).toEqual(figures);
    await must('average', RUN, at(network, 'b'), 'of=answers', 'name=both', `runs=${at(network)}`, DATA[0]);
    expect(readModel(at(network, 'both')).description).toMatchObject({ network, width: 16 });
  });

  test('explained: each method finds a map of its own', async () => {
    const backend = await WasmBackend.create({ threads: 1 });
    try {
      const methods = ['gradient', 'gradcam', 'occlusion'] as const;
      const explainer = new Explainer(backend, readModel(RUN), { methods, crops: 1, batch: 4 });
      const [{ maps }] = await explainer.explain(faces().images.slice(0, 48 * 48));
      expect(maps.map(({ method }) => method)).toEqual(methods);
      for (const { values } of maps) expect(new Set(values).size).toBeGreaterThan(8);
    } finally {
      await backend.close();
    }
  });
});
