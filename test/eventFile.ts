/** An event file of TensorBoard read by the format's description, sharing nothing with what writes it. */
export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly version?: string;
  readonly scalars: Record<string, number>;
}

/** @throws Error at a checksum that is wrong or a record that is cut short */
export function readEventFile(file: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    check(file.subarray(at, at + 8), file.readUInt32LE(at + 8));
    const data = file.subarray(at + 12, at + 12 + length);
    if (data.length < length) throw new Error('a record is cut short');
    check(data, file.readUInt32LE(at + 12 + length));
    events.push(eventOf(data));
    at += 16 + length;
  }
  return events;
}

function check(data: Buffer, masked: number): void {
  const rotated = (masked - 0xa282ead8) >>> 0;
  const stored = ((rotated << 15) | (rotated >>> 17)) >>> 0;
  if (stored !== crc(data)) throw new Error(`a checksum is ${stored}, and the data's is ${crc(data)}`);
}

/** CRC-32C by long division of the bits, highest power first: no table, no reversed polynomial. */
function crc(data: Buffer): number {
  const reverse = (value: number, bits: number): number =>
    Number.parseInt((value >>> 0).toString(2).padStart(bits, '0').split('').reverse().join(''), 2);
  let remainder = 0xffffffff;
  for (const byte of data) {
    remainder = (remainder ^ (reverse(byte, 8) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit++) {
      const carry = remainder >= 0x80000000;
      remainder = ((remainder << 1) ^ (carry ? 0x1edc6f41 : 0)) >>> 0;
    }
  }
  return (reverse(remainder, 32) ^ 0xffffffff) >>> 0;
}

interface Field {
  readonly field: number;
  readonly value: number | Buffer;
}

function* fields(data: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = data[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = varint();
    const field = key >> 3;
    switch (key & 7) {
      case 0:
        yield { field, value: varint() };
        break;
      case 1:
        yield { field, value: data.readDoubleLE(at) };
        at += 8;
        break;
      case 2: {
        const length = varint();
        yield { field, value: data.subarray(at, at + length) };
        at += length;
        break;
      }
      case 5:
        yield { field, value: data.readFloatLE(at) };
        at += 4;
        break;
      default:
        throw new Error(`wire type ${key & 7}`);
    }
  }
}

function eventOf(data: Buffer): ReadEvent {
  const byNumber = Object.fromEntries([...fields(data)].map(({ field, value }) => [field, value]));
  const scalars: Record<string, number> = {};
  if (byNumber[5] !== undefined) {
    for (const { value } of fields(byNumber[5] as Buffer)) {
      const entry = Object.fromEntries([...fields(value as Buffer)].map((part) => [part.field, part.value]));
      scalars[String(entry[1])] = entry[2] as number;
    }
  }
  return {
    wallTime: byNumber[1] as number,
    step: (byNumber[2] as number | undefined) ?? 0,
    ...(byNumber[3] === undefined ? {} : { version: String(byNumber[3]) }),
    scalars,
  };
}
