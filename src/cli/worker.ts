import { hostname } from 'node:os';
import type { workerOptions } from '../config.ts';
import { availableThreads } from '../engine/createBackend.ts';
import { Interrupted } from '../errors.ts';
import { errorOfList, pathList } from '../io/pathList.ts';
import { DataCopies } from '../tune/dataCopies.ts';
import { connect, queueServer } from '../tune/queueServer.ts';
import { percentText } from '../tune/studyTable.ts';
import { TrialWorker } from '../tune/worker.ts';
import { untilSignal } from './common.ts';
import type { Run } from './verb.ts';

/** `fer worker`: does the trials of a queue until it is stopped; then it gives back what it has begun. */
export const run: Run<typeof workerOptions> = async ({ config }, out) => {
  const { queue, studies, jobs, lease } = config;
  const server = queueServer(queue);
  const onNote = (line: string): void => out.note(line);
  const sources = pathList(config.data, ',');
  const data = new DataCopies(sources, onNote);
  const copies = await data.check().catch((error) => {
    throw errorOfList(error, 'data', config.data, sources.length > 1);
  });
  for (const { source, hash } of copies) out.note(`data ${source}: ${hash.slice(0, 12)}`);
  const threads = config.threads || (await availableThreads());
  const client = await connect(server, onNote);
  const signal = untilSignal(() =>
    out.note('stopping: trials save and go back to the queue; once more to stop at once'),
  );
  const worker = new TrialWorker({
    ...{ client, data, studies, jobs, threads, lease, onNote },
    onResult({ trial, status, best, accuracies }) {
      const figures = best ? `  ${percentText({ mean: best.valAccuracy, std: null })}` : '';
      out.note(`${trial}: ${status} after ${accuracies.length} epochs${figures}`);
    },
  });
  out.note(`${hostname()} works for ${server.name}: ${jobs} trials at a time, ${threads} threads`);
  await signal.received;
  await worker.close();
  signal.ignore();
  throw new Interrupted('stopped');
};
