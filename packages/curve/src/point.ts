/**
 * Points that were checked. A `Point` is on its curve and not the identity; only this package can make one, and it makes
 * one only after the check of SEC 1 §3.2.2.1 (cofactor 1: a point on the curve is in the group). Nothing here is secret
 * or constant-time: points come from outside, scalars never meet this file.
 */
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { type Curve, type CurveName, curve, rightHandSide } from './curve.ts'
import { CurveError } from './curve-error.ts'
import { concatenate, power, toBytes, toInteger } from './integer.ts'

declare const checked: unique symbol

export interface Point {
  readonly curve: CurveName
  /** Uncompressed SEC 1 encoding, 0x04 ‖ x ‖ y: 1 + 2·width bytes. */
  readonly bytes: Uint8Array
  readonly [checked]: true
}

/** The point that a compressed or uncompressed SEC 1 encoding stands for (SEC 1 §2.3.4). CurveError `invalid-point`. */
export function parsePoint(name: CurveName, sec1: Uint8Array): Point {
  const { width } = curve(name)
  if (sec1[0] === 4 && sec1.length === 1 + 2 * width)
    return pointFromCoordinates(name, sec1.subarray(1, 1 + width), sec1.subarray(1 + width))
  if ((sec1[0] === 2 || sec1[0] === 3) && sec1.length === 1 + width) return decompress(name, sec1.subarray(1), sec1[0])
  throw invalid(name)
}

/** The point with these coordinates, each exactly `width` bytes. CurveError `invalid-point`. */
export function pointFromCoordinates(name: CurveName, x: Uint8Array, y: Uint8Array): Point {
  const group = curve(name)
  if (x.length !== group.width || y.length !== group.width) throw invalid(name)
  const [xInteger, yInteger] = [toInteger(x), toInteger(y)]
  if (xInteger >= group.p || yInteger >= group.p) throw invalid(name)
  if ((yInteger * yInteger) % group.p !== rightHandSide(group, xInteger)) throw invalid(name)
  return trust(name, concatenate(Uint8Array.of(4), x, y))
}

/** The point with this x (`width` bytes) and an even y. With transit the sign never matters. CurveError `invalid-point`. */
export function pointFromX(name: CurveName, x: Uint8Array): Point {
  return decompress(name, x, 2)
}

/** x, `width` bytes. */
export function xOf(point: Point): Uint8Array {
  return point.bytes.subarray(1, 1 + curve(point.curve).width)
}

/** y, `width` bytes. */
export function yOf(point: Point): Uint8Array {
  return point.bytes.subarray(1 + curve(point.curve).width)
}

/** Compressed SEC 1 encoding: 1 + width bytes. This is also SerializeElement of RFC 9497 §4. */
export function compress(point: Point): Uint8Array<ArrayBuffer> {
  return concatenate(Uint8Array.of(2 + (point.bytes.at(-1)! & 1)), xOf(point))
}

export function negate(point: Point): Point {
  const { p, width } = curve(point.curve)
  return trust(point.curve, concatenate(Uint8Array.of(4), xOf(point), toBytes(p - toInteger(yOf(point)), width)))
}

export function samePoint(one: Point, other: Point): boolean {
  return one.curve === other.curve && one.bytes.every((byte, i) => byte === other.bytes[i])
}

/** The base point G. */
export function generator(name: CurveName): Point {
  return generators[name]
}

/** The principal square root of a residue: a^((p+1)/4), itself a residue; undefined when `a` has none. */
export function squareRoot({ p }: Curve, a: bigint): bigint | undefined {
  const root = power(a, (p + 1n) / 4n, p)
  return (root * root) % p === a ? root : undefined
}

/** For the engines alone: brands what a library for this very curve has computed or checked. */
export function trust(name: CurveName, uncompressed: Uint8Array): Point {
  return { curve: name, bytes: uncompressed } as Point
}

function decompress(name: CurveName, x: Uint8Array, tag: 2 | 3): Point {
  const group = curve(name)
  const xInteger = toInteger(x)
  if (x.length !== group.width || xInteger >= group.p) throw invalid(name)
  const root = squareRoot(group, rightHandSide(group, xInteger))
  if (root === undefined) throw invalid(name)
  const y = (root & 1n) === BigInt(tag & 1) ? root : group.p - root
  return trust(name, concatenate(Uint8Array.of(4), x, toBytes(y, group.width)))
}

function invalid(name: CurveName): CurveError {
  return new CurveError('invalid-point', `not the encoding of a point of ${name} other than the identity`)
}

const generators: Readonly<Record<CurveName, Point>> = {
  'P-256': trust('P-256', p256.Point.BASE.toBytes(false)),
  'P-384': trust('P-384', p384.Point.BASE.toBytes(false)),
  'P-521': trust('P-521', p521.Point.BASE.toBytes(false)),
}
