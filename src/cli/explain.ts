import { type ExplainConfig, type explainOptions, methodOptions } from '../config.ts';
import { createBackend } from '../engine/createBackend.ts';
import { FerError } from '../errors.ts';
import { facesPerStep } from '../evaluate/inference.ts';
import { Explainer, type Explanation, targetIndex } from '../explain/explainer.ts';
import { type ExplanationFiles, writeExplanation } from '../explain/files.ts';
import type { MethodSettings } from '../explain/method.ts';
import { makeFolder } from '../io/files.ts';
import { findModel, loadFound } from '../nn/model.ts';
import { alignColumns } from '../term/columns.ts';
import { percent } from '../term/numbers.ts';
import { plainText } from '../term/plainText.ts';
import type { Output } from './output.ts';
import { type Failure, facesOf, picturesOf, readPictures, resultNames } from './pictures.ts';
import type { Run } from './verb.ts';

/** A sum of attributions is called complete if it misses no more of the score difference. */
const COMPLETE = 0.02;

/** What was found for one picture and where it was written, or why it could not be read or written. */
type Explained =
  | (Pick<Explanation, 'label' | 'scores' | 'target' | 'logit'> & {
      readonly file: string;
      readonly png: string;
      readonly svg: string;
      readonly maps: readonly Readonly<Record<string, string | number>>[];
    })
  | Failure;

/** `fer explain`: maps of what a score comes from. A bad picture is reported and the others go on. */
export const run: Run<typeof explainOptions> = async ({ config, positionals }, out) => {
  const { files, failures } = picturesOf(positionals);
  const model = findModel(config.model);
  // A wrong name is told before the work, not after it.
  if (config.target !== '') targetIndex(config.target, model.description.labels);
  const backend = await createBackend(config);
  try {
    const batch = facesPerStep(config.bs, config.crops);
    const settings = Object.entries(config).filter(([key]) => Object.hasOwn(methodOptions, key));
    const explainer = new Explainer(backend, loadFound(backend, model), {
      ...(Object.fromEntries(settings) as Partial<MethodSettings>),
      methods: config.method,
      crops: config.crops,
      batch,
    });
    makeFolder(config.out);
    const names = resultNames(files);
    const results: Explained[] = [...failures];
    const bar = out.progress({ label: `explaining on ${backend.name}`, total: files.length });
    for (let first = 0; first < files.length; first += batch) {
      const some = files.slice(first, first + batch);
      const onProgress = (share: number): void => bar.update(first + share * some.length);
      const pictures = await readPictures(some, model.description.imageSize);
      results.push(...(await explain(pictures, names.slice(first), explainer, config, onProgress)));
    }
    const bad = results.filter((result) => 'error' in result);
    for (const { error } of bad) out.note(error);
    noteIncomplete(results, out);
    out.result(results, () => table(results));
    return bad.length > 0 ? 1 : 0;
  } finally {
    await backend.close();
  }
};

async function explain(
  pictures: Awaited<ReturnType<typeof readPictures>>,
  names: readonly string[],
  explainer: Explainer,
  { target, out: folder, theme }: ExplainConfig,
  onProgress: (share: number) => void,
): Promise<Explained[]> {
  const faces = facesOf(pictures);
  const targets = pictures.map(() => target || undefined);
  const explanations = (await explainer.explain(faces, { targets, onProgress })).values();
  const results: Explained[] = [];
  for (const [i, picture] of pictures.entries()) {
    if ('error' in picture) {
      results.push(picture);
      continue;
    }
    const { file, pixels } = picture;
    const explanation = explanations.next().value as Explanation;
    const place = { folder, name: names[i], title: file, theme };
    try {
      results.push(summary(file, explanation, await writeExplanation(pixels, explanation, place)));
    } catch (error) {
      if (!(error instanceof FerError)) throw error;
      results.push({ file, error: error.message });
    }
  }
  return results;
}

function summary(
  file: string,
  { label, scores, target, logit, maps }: Explanation,
  { png, svg, npy }: ExplanationFiles,
): Explained {
  const listed = maps.map(({ method, figures }) => ({ method, npy: npy[method] ?? '', ...figures }));
  return { file, label, scores, target, logit, png, svg, maps: listed };
}

/** Integrated gradients that do not add up are said to be so: their map is not to be trusted. */
function noteIncomplete(results: readonly Explained[], out: Output): void {
  for (const result of results) {
    for (const { gap, difference } of 'error' in result ? [] : result.maps) {
      if (typeof gap !== 'number' || gap <= COMPLETE) continue;
      out.note(
        `${result.file}: integrated gradients miss ${percent(gap, 1)} of a score difference of ` +
          `${Number(difference).toPrecision(2)}; more steps=, or another baseline=, comes closer`,
      );
    }
  }
}

/** A line a picture: name, answer, what was explained, and where to look. */
function table(results: readonly Explained[]): string {
  const rows = results.map((result) => {
    if ('error' in result) return [result.file, 'failed'];
    const { file, label, scores, target, png } = result;
    return [file, label, (100 * scores[label]).toFixed(1), target, png];
  });
  const all = [['file', 'label', '(%)', 'explained', 'picture'], ...rows].map((row) => row.map(plainText));
  return alignColumns(all, { isRight: (column) => column === 2 }).join('\n');
}
