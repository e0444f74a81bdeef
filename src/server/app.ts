import { Hono } from 'hono';
import { filesBelow, sendFile } from './files.ts';
import { type PredictService, predict } from './predict.ts';
import { listRuns, readRun } from './runs.ts';
import { guardOrigin, securityHeaders } from './security.ts';

export interface AppOptions extends PredictService {
  /** Folder of the built page. */
  readonly page: string;
  /** Folder of the run folders. */
  readonly runs: string;
  /** The file of the weights that pages load. */
  readonly weights: string;
  /** What its server listens on. */
  readonly host: string;
  /** An origin whose pages may ask; empty: none. */
  readonly cors: string;
  /** The address that a proxy gives it; empty: none. */
  readonly url: string;
  /** Whether it is ending. */
  readonly stopping: () => boolean;
}

/** Routes named in metrics; others are `other`, so that strangers cannot fill memory with names. */
const ROUTES = new Set(['/', '/api/predict', '/api/runs', '/healthz', '/metrics']);

/** Everything that `fer serve` answers. */
export function createApp(options: AppOptions): Hono {
  const { page, runs, weights, host, cors, url, recognizer, metrics, stopping } = options;
  const files = filesBelow(page);
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    // One that keeps asking on a connection would be cut off in the end.
    if (stopping()) context.header('connection', 'close');
    const { path } = context.req;
    metrics.request(
      ROUTES.has(path) ? path : path.startsWith('/api/runs/') ? '/api/runs/NAME' : 'other',
      context.res.status,
    );
  });
  app.use(securityHeaders());

  // Before the guard: probes come by address, and learn nothing that a page could use.
  app.get('/healthz', (context) => {
    const { device, model, problem } = recognizer;
    const status = stopping() ? 'stopping' : problem ? 'failing' : 'ok';
    return context.json({ status, device, labels: model.labels }, status === 'ok' ? 200 : 503);
  });
  app.get('/metrics', (context) =>
    context.text(metrics.text(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
  );
  app.use(guardOrigin({ host, cors, url }));

  app.post('/api/predict', (context) => predict(context, options));
  app.all('/api/predict', (context) =>
    context.json({ error: 'send a picture with POST' }, 405, { allow: 'POST' }),
  );
  app.get('/api/runs', (context) => context.json({ runs: listRuns(runs) }));
  app.get('/api/runs/:name', (context) => {
    const found = readRun(runs, context.req.param('name'));
    return found ? context.json(found) : context.json({ error: 'there is no such run' }, 404);
  });

  app.get('/model/config.json', (context) => context.json({ model: recognizer.model }));
  app.get('/model/model.safetensors', (context) => sendFile(context, weights));
  app.get('/', (context) => sendFile(context, files.get('index.html') ?? ''));
  app.get('*', (context) => {
    const name = context.req.path.slice(1);
    const file = files.get(name);
    return file
      ? sendFile(context, file, name.startsWith('assets/'))
      : context.json({ error: 'not found' }, 404);
  });
  app.notFound((context) => context.json({ error: 'not found' }, 404));
  app.onError((error, context) => {
    console.error(error);
    return context.json({ error: 'something went wrong in the server; its log says what' }, 500);
  });
  return app;
}
