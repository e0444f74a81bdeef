import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The file of a model folder that holds the commands that made its weights, below the version that did. */
export const COMMAND_FILE = 'command.txt';

export const commandText = (made: string, commands: readonly string[]): string =>
  `${[`# ${made}`, ...commands].join('\n')}\n`;

/** The commands of a model folder, undefined where it has none. */
export function readCommands(folder: string): readonly string[] | undefined {
  const file = join(folder, COMMAND_FILE);
  if (!existsSync(file)) return undefined;
  const [, ...commands] = readFileSync(file, 'utf8').split(/\r?\n/);
  return commands.filter((line) => /^(# |fer )/.test(line));
}
