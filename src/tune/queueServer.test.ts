import { describe, expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { queueServer } from './queueServer.ts';

describe('where a queue lives', () => {
  test.each([
    ['redis://host', 'redis://host:6379', { host: 'host', port: 6379, db: 0 }],
    ['redis://10.0.0.1:7000/3', 'redis://10.0.0.1:7000/3', { host: '10.0.0.1', port: 7000, db: 3 }],
    ['redis://[::1]:7000/', 'redis://[::1]:7000', { host: '::1', port: 7000, db: 0 }],
    ['redis://:p%40ss@host', 'redis://host:6379', { host: 'host', password: 'p@ss' }],
    ['rediss://me:word@host', 'rediss://host:6379', { username: 'me', password: 'word', tls: {} }],
  ])('%s', (url, name, options) => {
    const server = queueServer(url, {});
    expect(server.name).toBe(name);
    expect(server.options).toMatchObject(options);
  });

  test('a password in the environment', () => {
    const environment = { FER_QUEUE_PASSWORD: 'word' };
    expect(queueServer('redis://host', environment).options.password).toBe('word');
    expect(queueServer('redis://:own@host', environment).options.password).toBe('own');
  });

  test.each([
    'redis://',
    'redis://:hidden@host:port',
    'redis://:hidden@host/x',
    'redis://:%hidden@host',
    'redis://:hidden@host?db=1',
  ])('%s is refused without its password', (url) => {
    expect(() => queueServer(url, {})).toThrow(UsageError);
    expect(() => queueServer(url, {})).not.toThrow(/hidden/);
  });
});
