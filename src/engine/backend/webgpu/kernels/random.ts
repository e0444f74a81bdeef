import { STREAMS } from '../../../random.ts';

/** WGSL twins of `src/engine/random.ts`: the same integers. */
export const RANDOM = `
fn mix32(word: u32) -> u32 {
  var x = (word ^ (word >> 16u)) * 0x7feb352du;
  x = (x ^ (x >> 15u)) * 0x846ca68bu;
  return x ^ (x >> 16u);
}
const EMPTY_KEY = 0x9e3779b9u;
fn extendKey(key: u32, word: u32) -> u32 { return mix32(key ^ mix32(word + 0x85ebca6bu)); }
fn randomBits(key: u32, counter: u32) -> u32 { return mix32(key ^ mix32(counter + 0x27d4eb2fu)); }
const STREAM_AUGMENT = ${STREAMS.augment}u;
const STREAM_DROPOUT = ${STREAMS.dropout}u;
`;
