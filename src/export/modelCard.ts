import type { ModelCard } from './modelCard/card.ts';
import { evaluation } from './modelCard/evaluation.ts';
import { introduction } from './modelCard/introduction.ts';
import { metadata } from './modelCard/metadata.ts';
import { FORBIDDEN, INTENDED, limits, sources, USAGE } from './modelCard/texts.ts';
import { training } from './modelCard/training.ts';
import { trainingData } from './modelCard/trainingData.ts';

/**
 * A model card in Hugging Face's form (https://huggingface.co/docs/hub/model-cards): metadata in YAML, then
 * Markdown.
 */
export function modelCard(card: ModelCard): string {
  return [
    metadata(card),
    `# ${card.name}`,
    introduction(card),
    `## How to use it\n\n${USAGE}`,
    `## Intended use\n\n${INTENDED}`,
    `## Uses that are wrong or forbidden\n\n${FORBIDDEN}`,
    `## Training data\n\n${trainingData(card)}`,
    `## Training\n\n${training(card)}`,
    `## Evaluation\n\n${evaluation(card)}`,
    `## Limits\n\n${limits(card)}`,
    `## Licence and sources\n\n${sources(card)}`,
  ]
    .join('\n\n')
    .concat('\n');
}
