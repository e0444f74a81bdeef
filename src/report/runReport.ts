import { basename } from 'node:path';
import { FIGURE_ROWS } from '../evaluate/figures.ts';
import { METHODS } from '../explain/methods.ts';
import { NETWORKS } from '../nn/networks.ts';
import { counted, grouped, percent as plainPercent } from '../term/numbers.ts';
import { percent } from './format.ts';
import { type Content, type Html, html, raw } from './html.ts';
import type { JudgedRun } from './judgedRun.ts';
import { pageText, type Section } from './page.ts';
import { footer, pictureUrl, type ReportContext, warnings } from './reportParts.ts';
import { GALLERY_METHODS, type ShownFace, type ShownFaces } from './saliency.ts';
import {
  calibrationSection,
  classesSection,
  confusionTable,
  curvesSection,
  figureRange,
  figuresTable,
  figureText,
  speedSection,
} from './sections.ts';
import { settingsSection } from './settings.ts';

/** The figures that stand at the top. */
const TILES = ['accuracy', 'balancedAccuracy', 'macroF1', 'top2', 'ece'];

/** The report of one run, as one HTML document. */
export async function runReport(run: JudgedRun, shown: ShownFaces, context: ReportContext): Promise<string> {
  const { metrics } = run.judgement;
  const sections: Section[] = [
    {
      id: 'figures',
      title: 'Figures',
      content: html`<p>An interval says where the figure would lie with other images of the same kind: ${grouped(run.bootstrap.resamples)} times, ${counted(metrics.n, 'image')} were drawn from these with replacement.</p>${figuresTable(run)}`,
    },
    { id: 'curves', title: 'Training curves', content: await curvesSection(run) },
    { id: 'classes', title: 'Classes', content: await classesSection(run) },
    { id: 'confusion', title: 'Confusion matrix', content: confusionTable(metrics) },
    { id: 'calibration', title: 'Calibration', content: await calibrationSection(run) },
    { id: 'mistakes', title: 'Most confident mistakes', content: mistakesSection(shown, run) },
    ...(shown.gallery.some(({ faces }) => faces.length > 0)
      ? [{ id: 'saliency', title: 'Where it looks', content: gallerySection(shown) }]
      : []),
    { id: 'speed', title: 'Training speed', content: await speedSection(run) },
    { id: 'settings', title: 'Configuration', content: settingsSection(run) },
  ];
  return pageText({ title: run.name, intro: intro(run, context), sections, footer: footer(context) });
}

function intro(run: JudgedRun, context: ReportContext): Html {
  const { record, judgement, history } = run;
  const { network, width, inputSize } = record.model;
  const unusual = [
    ...(width === 64 ? [] : [`width ${width}`]),
    ...(inputSize === NETWORKS[network].inputSize ? [] : [`crops of ${inputSize}x${inputSize}`]),
  ];
  const tiles = FIGURE_ROWS.filter(({ key }) => TILES.includes(key)).map(
    (row) =>
      html`<li><span class="name">${row.name}</span><b>${figureText(row, run)}</b><small class="muted">${figureRange(row, run)}</small></li>`,
  );
  return html`<p class="lead">The network <b>${network}</b>${unusual.length > 0 && ` (${unusual.join(', ')})`}, trained for ${counted(history.length, 'epoch')} on ${basename(record.data.source)} and judged on ${counted(judgement.metrics.n, 'image')} of <b>${context.split}</b>, ${context.crops === 10 ? 'ten crops' : 'one crop'} an image.</p>
${warnings([run], context)}
<ul class="tiles">${tiles}</ul>`;
}

function mistakesSection({ mistakes }: ShownFaces, run: JudgedRun): Html {
  const wrong = run.predictions.filter(({ correct }) => !correct).length;
  if (wrong === 0) return html`<p>None: every answer is right.</p>`;
  const maps = mistakes.some((face) => face.maps.length > 0);
  const about = maps
    ? html` Beside each face: where the score of the wrong answer comes from (${METHODS.gradcam.title}).`
    : '';
  return html`<p>${counted(wrong, 'answer')} of ${grouped(run.predictions.length)} ${wrong === 1 ? 'is' : 'are'} wrong. These are the ones it is surest of; labels of the data are wrong now and then, too.${about}</p>
<ul class="faces">${mistakes.map(
    (face) =>
      html`<li>${faceFigure(
        face,
        ['gradcam'],
        html`<b>${face.prediction}</b> ${percent(face.confidence, 1)}<br>target: ${face.target}<br><small>image ${face.index}</small>`,
      )}</li>\n`,
  )}</ul>`;
}

function gallerySection({ gallery }: ShownFaces): Html {
  const [fine, coarse] = GALLERY_METHODS.map((name) => METHODS[name]);
  return html`<p>Of each expression the right answers it is surest of, and where their scores come from; where there are too few, the surest wrong ones follow. Beside each face: ${fine.title} (${fine.unit}), the lighter the more; and ${coarse.title} over the face (${coarse.unit}).</p>
${gallery.map(
  ({ label, faces }) => html`<h3>${label}</h3>
<ul class="faces wide">${faces.map(
    (face) =>
      html`<li>${faceFigure(face, GALLERY_METHODS, html`${face.prediction !== face.target && html`<b>${face.prediction}</b> `}${percent(face.confidence, 1)}`)}</li>\n`,
  )}</ul>
`,
)}`;
}

function faceFigure(face: ShownFace, methods: readonly string[], caption: Content): Html {
  const answer = `${face.target} face, predicted ${face.prediction} with ${plainPercent(face.confidence, 1)}`;
  const image = (picture: Buffer, alt: string, fine = false): Html =>
    html`<img${fine && FINE} src="${raw(pictureUrl(picture))}" alt="${alt}" width="84" height="84">`;
  const maps = face.maps.filter(({ method }) => methods.includes(method));
  return html`<figure class="face"><div class="pictures">${image(face.face, answer)}${maps.map(
    ({ method, picture }) =>
      image(
        picture,
        `${METHODS[method].title} of ${face.prediction} for this face`,
        METHODS[method].grain === 'pixel',
      ),
  )}</div><figcaption>${caption}</figcaption></figure>`;
}

/** Pixels of a map are pixels on the page. */
const FINE = html` class="fine"`;
