/**
 * Node, where this runs in Node: its `process`. What works in both worlds asks for Node's modules through
 * `node.getBuiltinModule`, so that no import of them is left for a browser, or a bundler, to stumble over.
 */
export const node: NodeJS.Process | undefined =
  typeof process !== 'undefined' && process.versions?.node !== undefined ? process : undefined;
