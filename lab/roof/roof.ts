// What this machine can do at the most on one thread: the roofs of the kernel lab.

/**
 * Eight independent chains of multiply-adds: 64 · turns floating-point operations. Factor and term are arguments, as V8
 * may make a constant anew in every turn.
 */
export function multiplyAdd(turns: i32, factor: f32, term: f32): f32 {
  const x = f32x4.splat(factor);
  const y = f32x4.splat(term);
  let a = x;
  let b = x;
  let c = x;
  let d = x;
  let e = x;
  let f = x;
  let g = x;
  let h = x;
  for (let i = 0; i < turns; i++) {
    a = f32x4.relaxed_madd(a, x, y);
    b = f32x4.relaxed_madd(b, x, y);
    c = f32x4.relaxed_madd(c, x, y);
    d = f32x4.relaxed_madd(d, x, y);
    e = f32x4.relaxed_madd(e, x, y);
    f = f32x4.relaxed_madd(f, x, y);
    g = f32x4.relaxed_madd(g, x, y);
    h = f32x4.relaxed_madd(h, x, y);
  }
  const sum = f32x4.add(
    f32x4.add(f32x4.add(a, b), f32x4.add(c, d)),
    f32x4.add(f32x4.add(e, f), f32x4.add(g, h)),
  );
  return f32x4.extract_lane(sum, 0);
}

/**
 * The same for a V8 that joins neighbouring vectors: eight chains of pairs, 128 · turns operations. The results go to
 * `to` side by side, by which V8 finds the pairs.
 */
export function multiplyAddPairs(turns: i32, factor: f32, term: f32, to: usize): void {
  const x = f32x4.splat(factor);
  const y = f32x4.splat(term);
  let a0 = x;
  let b0 = x;
  let a1 = x;
  let b1 = x;
  let a2 = x;
  let b2 = x;
  let a3 = x;
  let b3 = x;
  let a4 = x;
  let b4 = x;
  let a5 = x;
  let b5 = x;
  let a6 = x;
  let b6 = x;
  let a7 = x;
  let b7 = x;
  for (let i = 0; i < turns; i++) {
    a0 = f32x4.relaxed_madd(a0, x, y);
    b0 = f32x4.relaxed_madd(b0, x, y);
    a1 = f32x4.relaxed_madd(a1, x, y);
    b1 = f32x4.relaxed_madd(b1, x, y);
    a2 = f32x4.relaxed_madd(a2, x, y);
    b2 = f32x4.relaxed_madd(b2, x, y);
    a3 = f32x4.relaxed_madd(a3, x, y);
    b3 = f32x4.relaxed_madd(b3, x, y);
    a4 = f32x4.relaxed_madd(a4, x, y);
    b4 = f32x4.relaxed_madd(b4, x, y);
    a5 = f32x4.relaxed_madd(a5, x, y);
    b5 = f32x4.relaxed_madd(b5, x, y);
    a6 = f32x4.relaxed_madd(a6, x, y);
    b6 = f32x4.relaxed_madd(b6, x, y);
    a7 = f32x4.relaxed_madd(a7, x, y);
    b7 = f32x4.relaxed_madd(b7, x, y);
  }
  v128.store(to, a0, 0);
  v128.store(to, b0, 16);
  v128.store(to, a1, 32);
  v128.store(to, b1, 48);
  v128.store(to, a2, 64);
  v128.store(to, b2, 80);
  v128.store(to, a3, 96);
  v128.store(to, b3, 112);
  v128.store(to, a4, 128);
  v128.store(to, b4, 144);
  v128.store(to, a5, 160);
  v128.store(to, b5, 176);
  v128.store(to, a6, 192);
  v128.store(to, b6, 208);
  v128.store(to, a7, 224);
  v128.store(to, b7, 240);
}

/** Reads `bytes` from address 64 Ki on; returns something that depends on all of it. */
export function read(bytes: usize): f32 {
  let a = f32x4.splat(0);
  let b = f32x4.splat(0);
  let c = f32x4.splat(0);
  let d = f32x4.splat(0);
  const end: usize = 65536 + bytes;
  for (let at: usize = 65536; at < end; at += 64) {
    a = f32x4.add(a, v128.load(at));
    b = f32x4.add(b, v128.load(at, 16));
    c = f32x4.add(c, v128.load(at, 32));
    d = f32x4.add(d, v128.load(at, 48));
  }
  return f32x4.extract_lane(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), 0);
}

/** Copies `bytes` from address 64 Ki on to what lies behind them. */
export function copy(bytes: usize): void {
  const end: usize = 65536 + bytes;
  for (let at: usize = 65536; at < end; at += 64) {
    const to = at + bytes;
    v128.store(to, v128.load(at));
    v128.store(to, v128.load(at, 16), 16);
    v128.store(to, v128.load(at, 32), 32);
    v128.store(to, v128.load(at, 48), 48);
  }
}
