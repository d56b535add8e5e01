/**
 * Reversible encoding of a value as a point (eHealth's; pseudonyms.md §2).
 *
 *     x = 00 ‖ value ‖ length (1 byte) ‖ counter (bufferSize bytes)
 *
 * The counter begins at zero and rises until x lies on the curve; y is the principal root rhs^((p+1)/4). The engines do
 * the rising (`Engine.encode`); here stand the layout, and decoding, which uses the buffer as a checksum.
 */
import { type CurveName, curve } from './curve.ts'
import { CurveError } from './curve-error.ts'
import { type Point, xOf } from './point.ts'

/** The counter an honest encoding stays below, but for a probability of 2⁻²⁵⁶. */
export const counterLimit = 256

/** The longest value in bytes: width − bufferSize − 2. */
export function maxValueLength(name: CurveName, bufferSize: number): number {
  return curve(name).width - bufferSize - 2
}

/** The first candidate for x, `width` bytes. CurveError `value-too-long`. */
export function firstCandidate(name: CurveName, value: Uint8Array, bufferSize: number): Uint8Array<ArrayBuffer> {
  const limit = maxValueLength(name, bufferSize)
  if (value.length > limit || value.length > 255)
    throw new CurveError('value-too-long', `a value on ${name} has at most ${Math.min(limit, 255)} bytes`)
  const x = new Uint8Array(curve(name).width)
  const lengthAt = x.length - bufferSize - 1
  x.set(value, lengthAt - value.length)
  x[lengthAt] = value.length
  return x
}

/** The error of a value whose counter ran out, or whose x would reach p. */
export function notEncodable(name: CurveName): CurveError {
  return new CurveError('not-encodable', `no point of ${name} stands for this value`)
}

/** The value that a point encodes. CurveError `not-a-value` when the point can't be an honest encoding. */
export function decodeValue(point: Point, bufferSize: number): Uint8Array {
  const x = xOf(point)
  const lengthAt = x.length - bufferSize - 1
  const length = x[lengthAt]!
  const start = lengthAt - length
  const possible = lengthAt >= 1 && start >= 1
  if (!possible || !isZero(x.subarray(0, start)) || !isZero(x.subarray(lengthAt + 1, -1)))
    throw new CurveError('not-a-value', 'the point does not encode a value')
  return x.slice(start, lengthAt)
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0)
}
