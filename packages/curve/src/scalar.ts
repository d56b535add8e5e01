/**
 * Scalars modulo the group's order. A `Scalar` is an integer in [1, n−1] of full width; only this package makes one.
 * Arithmetic on scalars stands in the engines: the native one is constant-time, BigInt is not.
 */
import { type CurveName, curve } from './curve.ts'
import { CurveError } from './curve-error.ts'
import { toBytes } from './integer.ts'

declare const checked: unique symbol

export interface Scalar {
  readonly curve: CurveName
  /** Big-endian, exactly `width` bytes (32, 48, 66). */
  readonly bytes: Uint8Array
  readonly [checked]: true
}

/** Fills a new array of `length` bytes with uniform randomness. */
export type Random = (length: number) => Uint8Array

export const systemRandom: Random = length => crypto.getRandomValues(new Uint8Array(length))

/** The scalar of these bytes, exactly `width` of them. CurveError `invalid-scalar` unless it lies in [1, n−1]. */
export function parseScalar(name: CurveName, bytes: Uint8Array): Scalar {
  const { width } = curve(name)
  if (bytes.length !== width || isZero(bytes) || !isBelow(bytes, orders[name]))
    throw new CurveError('invalid-scalar', `not an integer from 1 to n−1 of ${name} in ${width} bytes`)
  // A copy, also of a Buffer, whose slice would share its memory.
  return trustScalar(name, Uint8Array.from(bytes))
}

/** A uniform scalar in [2, n−1], by rejection sampling: 1 would leave a point as it is. */
export function randomScalar(name: CurveName, random: Random = systemRandom): Scalar {
  const { width } = curve(name)
  const topMask = name === 'P-521' ? 0x01 : 0xff
  for (;;) {
    const bytes = random(width)
    bytes[0]! &= topMask
    if (isBelow(bytes, orders[name]) && !isAtMostOne(bytes)) return trustScalar(name, bytes)
  }
}

/**
 * a − b mod n, for secrets: every byte is read and nothing branches on one. (libcrypto's BN_mod_sub_quick branches on
 * the sign; over many proofs that one bit would give away a key, by the hidden number problem.) CurveError
 * `invalid-scalar` when a = b, since zero is no Scalar; `curve-mismatch`.
 */
export function difference(a: Scalar, b: Scalar): Scalar {
  if (a.curve !== b.curve) throw new CurveError('curve-mismatch', 'a difference needs two scalars of one curve')
  const order = orders[a.curve]
  const result = new Uint8Array(order.length)
  let borrow = 0
  for (let i = result.length - 1; i >= 0; i--) {
    const digit = a.bytes[i]! - b.bytes[i]! - borrow
    result[i] = digit & 0xff
    borrow = digit >>> 31
  }
  const mask = -borrow & 0xff
  let carry = 0
  for (let i = result.length - 1; i >= 0; i--) {
    const digit = result[i]! + (order[i]! & mask) + carry
    result[i] = digit & 0xff
    carry = digit >>> 8
  }
  if (isZero(result)) throw new CurveError('invalid-scalar', 'the difference is zero')
  return trustScalar(a.curve, result)
}

/** For the engines alone: brands what modular arithmetic has given. */
export function trustScalar(name: CurveName, bytes: Uint8Array): Scalar {
  return { curve: name, bytes } as Scalar
}

const orders: Readonly<Record<CurveName, Uint8Array>> = {
  'P-256': orderBytes('P-256'),
  'P-384': orderBytes('P-384'),
  'P-521': orderBytes('P-521'),
}

function orderBytes(name: CurveName): Uint8Array {
  const { n, width } = curve(name)
  return toBytes(n, width)
}

/** a < b for equal lengths, by the borrow of a − b: every byte is read, whatever they are. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  let borrow = 0
  for (let i = a.length - 1; i >= 0; i--) borrow = (a[i]! - b[i]! - borrow) >>> 31
  return borrow === 1
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.reduce((seen, byte) => seen | byte, 0) === 0
}

function isAtMostOne(bytes: Uint8Array): boolean {
  return (bytes.subarray(0, -1).reduce((seen, byte) => seen | byte, 0) | (bytes.at(-1)! & 0xfe)) === 0
}
