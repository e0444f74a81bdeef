import { NETWORKS, type NetworkName } from '../../nn/networks.ts';
import { grouped, percent, percentRange } from '../../term/numbers.ts';
import type { ExportDtype } from '../modelFolder.ts';
import type { ModelCard } from './card.ts';

const PAPER = 'Khaireddin and Chen ([arXiv 2105.03588](https://arxiv.org/abs/2105.03588))';
/** What each network is, and what the names of its tensors are. */
const KINDS: Readonly<Record<NetworkName, { readonly is: string; readonly names: string }>> = {
  vgg: {
    is: `the VGG-style network of ${PAPER}`,
    names: "the names and shapes of the original's PyTorch `state_dict`",
  },
  vgg_lite: {
    is: `the VGG-style network of ${PAPER} with one linear layer behind its convolutions instead of three`,
    names:
      "for its convolutions the names and shapes of the original's PyTorch `state_dict`; the linear layer is `lin`",
  },
};

/** What the model is, and what is in its folder. */
export function introduction(card: ModelCard): string {
  const { description, parameters, dtype, bytes, evaluated } = card;
  const { network, width, labels, imageSize, inputSize } = description;
  const { is: kind, names } = KINDS[network];
  const size = width === 64 ? '' : `, ${width} channels in its first stage instead of 64`;
  const usual = NETWORKS[network].inputSize;
  const others = inputSize === usual ? '' : ` instead of ${usual}x${usual}`;
  const figures = evaluated.map(({ split, judgement: { metrics }, bootstrap }) => {
    const { accuracy } = bootstrap.figures;
    return `${percent(metrics.accuracy)} on ${split} (95 % interval ${percentRange(accuracy)})`;
  });
  const result = figures.length === 0 ? '' : ` Accuracy: ${figures.join('; ')}.`;
  return (
    `Names the apparent facial expression in a grey picture of a face, ${imageSize}x${imageSize} pixels: one of ` +
    `${labels.join(', ')}. It is ${kind}${size}: ${grouped(parameters)} parameters, crops of ` +
    `${inputSize}x${inputSize}${others}.${result}\n\n` +
    `\`model.safetensors\` (${(bytes / 1e6).toFixed(1)} MB, ${dtypeText(dtype)}) has ${names}. ` +
    '`config.json` describes the network and its labels, `preprocessor_config.json` how a picture is prepared for it.'
  );
}

function dtypeText(dtype: ExportDtype): string {
  return dtype === 'fp16' ? 'weights in half precision, biases and batch norm in single' : 'single precision';
}
