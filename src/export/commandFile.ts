import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MODEL } from '../nn/fileNames.ts';

/** The file of a model folder that holds the commands that made its weights, below the version that did. */
export const COMMAND_FILE = 'command.txt';

export const commandText = (made: string, commands: readonly string[]): string =>
  `${[`# ${made}`, ...commands].join('\n')}\n`;

/** The commands beside the weights of an exported folder, undefined where it has none: a run has its settings instead. */
export function readCommands(weights: string): readonly string[] | undefined {
  const file = join(dirname(weights), COMMAND_FILE);
  if (basename(weights) !== MODEL || !existsSync(file)) return undefined;
  const [made, ...lines] = readFileSync(file, 'utf8').split(/\r?\n/);
  const commands = lines.filter((line) => /^(# |fer )/.test(line));
  return /^# fer \d/.test(made) && commands.length > 0 ? commands : undefined;
}
