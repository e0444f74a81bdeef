import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
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
  return record(event(wallTime).tag(3, WireType.LengthDelimited).string('brain.Event:2').finish());
}

/** The record of an event; figures are stored in single precision. */
export function scalarRecord({ wallTime, step, scalars }: ScalarEvent): Buffer {
  const w = event(wallTime).tag(2, WireType.Varint).int64(step).tag(5, WireType.LengthDelimited).fork();
  for (const [tag, value] of Object.entries(scalars)) {
    w.tag(1, WireType.LengthDelimited).fork();
    w.tag(1, WireType.LengthDelimited).string(tag).tag(2, WireType.Bit32).float(value);
    w.join();
  }
  return record(w.join().finish());
}

/** An event that has its time. */
function event(wallTime: number): BinaryWriter {
  return new BinaryWriter().tag(1, WireType.Bit64).double(wallTime);
}

/** A TFRecord: length, checksum of the length, data, checksum of the data; little-endian. */
function record(data: Uint8Array): Buffer {
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
