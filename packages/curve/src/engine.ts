/**
 * What an engine does: the group's and the scalar field's arithmetic, in batches. Two engines stand behind this one
 * interface and pass one test suite: `native` (libcrypto on worker threads; constant-time multiplication and scalar
 * arithmetic) and `portable` (noble and BigInt; browsers; not constant-time, so no long-term key meets it).
 */
import type { CurveName } from './curve.ts'
import type { CurveError } from './curve-error.ts'
import type { Point } from './point.ts'
import type { Scalar } from './scalar.ts'

export interface Engine {
  readonly name: 'native' | 'portable'

  /**
   * Qᵢ = (Π factorsᵢ) Pᵢ, in the order given: one multiplication a point, however many factors.
   * All of one curve, else CurveError `curve-mismatch`; as many lists of factors as points, none empty.
   */
  multiply(points: readonly Point[], factors: readonly (readonly Scalar[])[]): Promise<Point[]>

  /** sᵢ G. */
  multiplyBase(scalars: readonly Scalar[]): Promise<Point[]>

  /** The reversible encoding of each value (value.ts), or why it has none: `value-too-long`, `not-encodable`. */
  encode(name: CurveName, values: readonly Uint8Array[], bufferSize: number): Promise<(Point | CurveError)[]>

  /** The point of each SEC 1 encoding, `undefined` where `parsePoint` would refuse it. */
  parse(name: CurveName, encodings: readonly Uint8Array[]): Promise<(Point | undefined)[]>

  /** hash_to_curve of each message, RFC 9380 suites P256_XMD:SHA-256, P384_XMD:SHA-384, P521_XMD:SHA-512 (SSWU, RO). */
  hashToCurve(name: CurveName, messages: readonly Uint8Array[], tag: Uint8Array): Promise<Point[]>

  /** P₁ + … + Pₘ, m ≥ 1. CurveError `identity` when they cancel out. */
  sum(points: readonly Point[]): Point

  /** s⁻¹ mod n of each; one inversion for the whole batch. */
  invert(scalars: readonly Scalar[]): Scalar[]

  /** a·b mod n. */
  product(a: Scalar, b: Scalar): Scalar
}
