// Talks to a child process that answers each line of JSON with one of its own.
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** `ask(request)` resolves to the answer; one request at a time. `stop()` ends the child's input. */
export function askLines(child, name) {
  const answers = createInterface({ input: child.stdout });
  const ended = once(child, 'close').then(([code]) => {
    throw new Error(`the process of ${name} ended with code ${code}`);
  });
  ended.catch(() => {}); // reported where an answer is awaited
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const [line] = await Promise.race([once(answers, 'line'), ended]);
      const answer = JSON.parse(line);
      if (answer.error) throw new Error(`${name}: ${answer.error}`);
      return answer;
    },
    stop: () => child.stdin.end(),
  };
}
