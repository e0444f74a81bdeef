import { datasetName, judgedName, type ModelCard } from './card.ts';

const idOf = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

/** The YAML at the head of a card, with the keys of https://huggingface.co/docs/hub/model-cards. */
export function metadata(card: ModelCard): string {
  const { name, license, description, evaluated, crops } = card;
  const id = idOf(datasetName(card));
  const judged = judgedName(card);
  const text = JSON.stringify;
  const lines = [
    ...(license === '' ? [] : [`license: ${license.toLowerCase()}`]),
    'library_name: fer',
    'pipeline_tag: image-classification',
    'tags:',
    ...['facial-expression-recognition', description.network, 'safetensors'].map((tag) => `  - ${tag}`),
    ...(id === '' ? [] : ['datasets:', `  - ${id}`]),
    'metrics:',
    '  - accuracy',
    '  - f1',
  ];
  if (evaluated.length > 0) {
    lines.push('model-index:', `  - name: ${text(name)}`, '    results:');
    for (const { split, judgement } of evaluated) {
      const { accuracy, macro } = judgement.metrics;
      lines.push(
        '      - task:',
        '          type: image-classification',
        '          name: Facial expression recognition',
        '        dataset:',
        `          name: ${text(judged || 'unknown')}`,
        `          type: ${text(idOf(judged) || 'unknown')}`,
        `          split: ${split}`,
        '        metrics:',
        '          - type: accuracy',
        `            name: ${text(`Accuracy, ${crops === 10 ? 'ten crops' : 'centre crop'}`)}`,
        `            value: ${accuracy.toFixed(6)}`,
        '          - type: f1',
        '            name: Macro F1',
        `            value: ${macro.f1.toFixed(6)}`,
      );
    }
  }
  return ['---', ...lines, '---'].join('\n');
}
