/** (u, v) in face units. */
export type Point = readonly [number, number];

/**
 * Face unit to pixel: x = originX + cos u - sin v, y = originY + sin u + cos v (cos, sin times the scale); and back:
 * u = invCos (x - originX) + invSin (y - originY).
 */
interface Frame {
  readonly originX: number;
  readonly originY: number;
  readonly cos: number;
  readonly sin: number;
  readonly scale: number;
  readonly invCos: number;
  readonly invSin: number;
}

/** Pixel bounds of a shape, inclusive. */
interface Bounds {
  readonly x0: number;
  readonly x1: number;
  readonly y0: number;
  readonly y1: number;
}

/**
 * A square grey canvas with a movable face frame. Shapes are given in face units (u to the face's left on
 * the picture's right, v downwards; one unit is one pixel at scale 1) and painted antialiased: coverage is
 * the signed distance to the outline in pixels, clamped to one pixel's width. Only + - * / and sqrt are
 * used, which IEEE 754 rounds alike everywhere, so a seed draws the same picture on every machine.
 */
export class Canvas {
  readonly side: number;
  /** `[side, side]`, row-major, 0 black to 255 white, unclamped while drawing. */
  readonly pixels: Float32Array;
  #frame: Frame = { originX: 0, originY: 0, cos: 1, sin: 0, scale: 1, invCos: 1, invSin: 0 };

  constructor(side: number) {
    this.side = side;
    this.pixels = new Float32Array(side * side);
  }

  /** Puts face unit (0, 0) at pixel (x, y). `halfTilt` is tan(angle / 2): sine and cosine follow rationally. */
  place(x: number, y: number, scale: number, halfTilt: number): void {
    const norm = scale / (1 + halfTilt * halfTilt);
    const cos = norm * (1 - halfTilt * halfTilt);
    const sin = norm * 2 * halfTilt;
    const [invCos, invSin] = [cos / (scale * scale), sin / (scale * scale)];
    this.#frame = { originX: x, originY: y, cos, sin, scale, invCos, invSin };
  }

  /** An ellipse. `soft` is the width of its edge in pixels, `alpha` its opacity. */
  ellipse(u: number, v: number, ru: number, rv: number, tone: number, alpha = 1, soft = 1): void {
    const { x0, x1, y0, y1 } = this.#bound(u, v, ru + soft, rv + soft);
    const { invCos, invSin, scale, originX, originY } = this.#frame;
    const { side } = this;
    const invRu = 1 / ru;
    const invRv = 1 / rv;
    // Beyond a band around the outline coverage is 0 or 1, whatever the exact distance.
    const band = soft / (Math.min(ru, rv) * scale);
    const inner = band < 1 ? (1 - band) * (1 - band) : 0;
    const outer = (1 + band) * (1 + band);
    for (let y = y0; y <= y1; y++) {
      const dy = y - originY;
      for (let x = x0; x <= x1; x++) {
        const dx = x - originX;
        const a = (invCos * dx + invSin * dy - u) * invRu;
        const b = (invCos * dy - invSin * dx - v) * invRv;
        const q = a * a + b * b;
        if (q >= outer) continue;
        if (q < inner) {
          this.#blend(y * side + x, tone, alpha);
          continue;
        }
        // Distance to the outline to first order: (f - 1) f / slope, f being the scaled radius.
        const f = Math.sqrt(q);
        const slope = Math.sqrt(a * a * invRu * invRu + b * b * invRv * invRv);
        const distance = slope > 0 ? ((f - 1) * f * scale) / slope : -soft;
        this.#blend(y * side + x, tone, alpha * clamp01(0.5 - distance / soft));
      }
    }
  }

  /** Adds light (or shade, below 0) that fades to nothing at the ellipse's edge. */
  glow(u: number, v: number, ru: number, rv: number, amount: number): void {
    const { x0, x1, y0, y1 } = this.#bound(u, v, ru, rv);
    const invRu = 1 / ru;
    const invRv = 1 / rv;
    const { invCos, invSin, originX, originY } = this.#frame;
    const { side } = this;
    for (let y = y0; y <= y1; y++) {
      const dy = y - originY;
      for (let x = x0; x <= x1; x++) {
        const dx = x - originX;
        const a = (invCos * dx + invSin * dy - u) * invRu;
        const b = (invCos * dy - invSin * dx - v) * invRv;
        const left = 1 - a * a - b * b;
        if (left > 0) this.pixels[y * side + x] += amount * left * left;
      }
    }
  }

  /**
   * A quadratic Bezier curve between its ends, drawn towards `bend`, as a pen line of the given width that
   * tapers to `endWidth`.
   */
  stroke(
    from: Point,
    bend: Point,
    to: Point,
    width: number,
    tone: number,
    alpha = 1,
    endWidth = width,
  ): void {
    const [u0, v0] = from;
    const [cu, cv] = bend;
    const [u1, v1] = to;
    const spread = Math.max(width, endWidth) / 2 + 1;
    const lowU = Math.min(u0, cu, u1);
    const lowV = Math.min(v0, cv, v1);
    const halfU = (Math.max(u0, cu, u1) - lowU) / 2;
    const halfV = (Math.max(v0, cv, v1) - lowV) / 2;
    const { x0, x1, y0, y1 } = this.#bound(lowU + halfU, lowV + halfV, halfU + spread, halfV + spread);
    for (let i = 0; i <= SEGMENTS; i++) {
      const t = i / SEGMENTS;
      pathU[i] = (1 - t) * ((1 - t) * u0 + 2 * t * cu) + t * t * u1;
      pathV[i] = (1 - t) * ((1 - t) * v0 + 2 * t * cv) + t * t * v1;
    }
    for (let i = 0; i < SEGMENTS; i++) {
      stepU[i] = pathU[i + 1] - pathU[i];
      stepV[i] = pathV[i + 1] - pathV[i];
      invLength[i] = 1 / (stepU[i] * stepU[i] + stepV[i] * stepV[i] + 1e-9);
    }
    const taper = endWidth - width;
    const widest = Math.max(width, endWidth) / 2 + 0.5 / this.#frame.scale;
    const reach = widest * widest;
    const { invCos, invSin, scale, originX, originY } = this.#frame;
    const { side } = this;
    for (let y = y0; y <= y1; y++) {
      const dy = y - originY;
      for (let x = x0; x <= x1; x++) {
        const dx = x - originX;
        const u = invCos * dx + invSin * dy;
        const v = invCos * dy - invSin * dx;
        let nearest = 1e9; // squared distance to the path, and where on it
        let where = 0;
        for (let i = 0; i < SEGMENTS; i++) {
          const du = stepU[i];
          const dv = stepV[i];
          const fromU = u - pathU[i];
          const fromV = v - pathV[i];
          const along = (fromU * du + fromV * dv) * invLength[i];
          const t = along < 0 ? 0 : along > 1 ? 1 : along;
          const eu = fromU - t * du;
          const ev = fromV - t * dv;
          const squared = eu * eu + ev * ev;
          if (squared < nearest) {
            nearest = squared;
            where = i + t;
          }
        }
        if (nearest >= reach) continue;
        const radius = (width + (taper * where) / SEGMENTS) / 2;
        this.#blend(y * side + x, tone, alpha * clamp01(0.5 - (Math.sqrt(nearest) - radius) * scale));
      }
    }
  }

  /**
   * The region between an upper and a lower arc that meet at the corners (u ± w, v): an eye or a mouth.
   * At the middle the arcs lie at v + upper and v + lower. `square` 0 gives parabolas, 1 flatter arcs with
   * steep ends. `skew` lowers the right end and raises the left.
   */
  lens(
    u: number,
    v: number,
    w: number,
    upper: number,
    lower: number,
    square: number,
    skew: number,
    tone: number,
    alpha = 1,
  ): void {
    const high = Math.min(upper, 0) - Math.abs(skew) - 1;
    const low = Math.max(lower, 0) + Math.abs(skew) + 1;
    const { x0, x1, y0, y1 } = this.#bound(u, v + (high + low) / 2, w + 1, (low - high) / 2);
    const { invCos, invSin, scale, originX, originY } = this.#frame;
    const { side } = this;
    for (let y = y0; y <= y1; y++) {
      const dy = y - originY;
      for (let x = x0; x <= x1; x++) {
        const dx = x - originX;
        const a = (invCos * dx + invSin * dy - u) / w;
        if (a < -1.2 || a > 1.2) continue;
        const b = invCos * dy - invSin * dx - v - skew * a;
        const parabola = 1 - a * a;
        const arc = parabola * (1 + square * (a * a + a * a * a * a)); // 1 - a^6 at square 1
        const above = b - upper * arc;
        const below = lower * arc - b;
        const beside = (1 - (a < 0 ? -a : a)) * w;
        const inside = above < below ? above : below;
        this.#blend(y * side + x, tone, alpha * clamp01(0.5 + scale * (inside < beside ? inside : beside)));
      }
    }
  }

  /** Pixel bounds of a box centred at (u, v) in face units, clipped to the canvas. */
  #bound(u: number, v: number, halfU: number, halfV: number): Bounds {
    const { originX, originY, cos, sin } = this.#frame;
    const x = originX + cos * u - sin * v;
    const y = originY + sin * u + cos * v;
    const halfX = Math.abs(cos) * halfU + Math.abs(sin) * halfV + 1;
    const halfY = Math.abs(sin) * halfU + Math.abs(cos) * halfV + 1;
    return {
      x0: Math.max(0, Math.ceil(x - halfX)),
      x1: Math.min(this.side - 1, Math.floor(x + halfX)),
      y0: Math.max(0, Math.ceil(y - halfY)),
      y1: Math.min(this.side - 1, Math.floor(y + halfY)),
    };
  }

  #blend(at: number, tone: number, coverage: number): void {
    this.pixels[at] += (tone - this.pixels[at]) * clamp01(coverage); // an opacity may be out of range
  }
}

const clamp01 = (x: number): number => (x < 0 ? 0 : x > 1 ? 1 : x);

/** Straight pieces a curve is drawn with, and room for them. */
const SEGMENTS = 4;
const pathU = new Float64Array(SEGMENTS + 1);
const pathV = new Float64Array(SEGMENTS + 1);
const stepU = new Float64Array(SEGMENTS);
const stepV = new Float64Array(SEGMENTS);
const invLength = new Float64Array(SEGMENTS);
