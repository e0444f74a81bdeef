import { crc32c } from './crc32c.ts';

/** A moment's figures, by their tags. */
export interface ScalarEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly scalars: Readonly<Record<string, number>>;
}

/*
 * TensorBoard's event files: TFRecords, each holding a protocol buffer of type Event
 * (tensorflow/core/util/event.proto, summary.proto). Only what scalars need is written:
 *
 *   Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
 *   Summary { repeated Value value = 1; }     Value { string tag = 1; float simple_value = 2; }
 */

/** The record that begins every event file. */
export function versionRecord(wallTime: number): Buffer {
  return record(Buffer.concat([double(1, wallTime), text(3, 'brain.Event:2')]));
}

/** The record of an event; figures are stored in single precision. */
export function scalarRecord({ wallTime, step, scalars }: ScalarEvent): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, Buffer.concat([text(1, tag), float(2, value)])),
  );
  return record(
    Buffer.concat([double(1, wallTime), key(2, VARINT), varint(step), bytes(5, Buffer.concat(values))]),
  );
}

/** A TFRecord: length, checksum of the length, data, checksum of the data; little-endian. */
function record(data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length));
  head.writeUInt32LE(maskedCrc(head.subarray(0, 8)), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(maskedCrc(data));
  return Buffer.concat([head, data, tail]);
}

/** A checksum that may stand among checksummed data: rotated and moved by a constant. */
function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Wire types of protocol buffers. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

function key(field: number, type: number): Buffer {
  return varint(field * 8 + type);
}

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  return Buffer.from([...out, rest]);
}

function double(field: number, value: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([key(field, FIXED64), data]);
}

function float(field: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([key(field, FIXED32), data]);
}

function bytes(field: number, data: Buffer): Buffer {
  return Buffer.concat([key(field, LENGTH), varint(data.length), data]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}
