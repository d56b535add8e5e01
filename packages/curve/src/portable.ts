/**
 * The portable engine: noble-curves and BigInt, for browsers and for checking the native engine. Right, and slow (about
 * 100 multiplications a second on P-521), and not constant-time: blinds that are used once may meet it, a long-term key
 * may not.
 */
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { commonCurve, foldFactors } from './batch.ts'
import { type CurveName, curve, rightHandSide } from './curve.ts'
import { attempt, CurveError } from './curve-error.ts'
import type { Engine } from './engine.ts'
import { hashToPoint } from './hash.ts'
import { concatenate, modulo, toBytes, toInteger } from './integer.ts'
import { type Point, parsePoint, squareRoot, trust } from './point.ts'
import { type Scalar, trustScalar } from './scalar.ts'
import { counterLimit, firstCandidate, notEncodable } from './value.ts'

export const portableEngine: Engine = {
  name: 'portable',

  async multiply(points, factors) {
    if (points.length === 0) return []
    commonCurve([...points, ...factors.flat()])
    return foldFactors(points, factors, product).map((scalar, i) => multiplyPortably(points[i]!, scalar))
  },

  async multiplyBase(scalars) {
    return scalars.map(({ curve: name, bytes }) => fromNoble(name, groups[name].BASE.multiply(toInteger(bytes))))
  },

  async encode(name, values, bufferSize) {
    return values.map(value => attempt(() => encodeOne(name, value, bufferSize)))
  },

  async parse(name, encodings) {
    return encodings.map(encoding => {
      const point = attempt(() => parsePoint(name, encoding))
      return point instanceof CurveError ? undefined : point
    })
  },

  async hashToCurve(name, messages, tag) {
    return messages.map(message => hashToPoint(name, message, tag))
  },

  sum(points) {
    const name = commonCurve(points)
    const total = points.map(toNoble).reduce((sum, point) => sum.add(point))
    if (total.is0()) throw new CurveError('identity', 'the points cancel out')
    return fromNoble(name, total)
  },

  invert(scalars) {
    if (scalars.length > 0) commonCurve(scalars)
    return scalars.map(({ curve: name, bytes }) => fromInteger(name, groups[name].Fn.inv(toInteger(bytes))))
  },

  product,
}

/** scalar · point, at once and not constant-time. */
export function multiplyPortably(point: Point, scalar: Scalar): Point {
  return fromNoble(point.curve, toNoble(point).multiply(toInteger(scalar.bytes)))
}

const groups = { 'P-256': p256.Point, 'P-384': p384.Point, 'P-521': p521.Point } as const
type NoblePoint = InstanceType<typeof p256.Point>

function toNoble(point: Point): NoblePoint {
  return groups[point.curve].fromBytes(point.bytes)
}

function fromNoble(name: CurveName, point: NoblePoint): Point {
  return trust(name, point.toBytes(false))
}

function fromInteger(name: CurveName, integer: bigint): Scalar {
  return trustScalar(name, toBytes(integer, curve(name).width))
}

function product(a: Scalar, b: Scalar): Scalar {
  const name = commonCurve([a, b])
  return fromInteger(name, modulo(toInteger(a.bytes) * toInteger(b.bytes), curve(name).n))
}

function encodeOne(name: CurveName, value: Uint8Array, bufferSize: number): Point {
  const group = curve(name)
  const first = toInteger(firstCandidate(name, value, bufferSize))
  for (let x = first; x < first + BigInt(counterLimit) && x < group.p; x++) {
    const y = squareRoot(group, rightHandSide(group, x))
    if (y !== undefined)
      return trust(name, concatenate(Uint8Array.of(4), toBytes(x, group.width), toBytes(y, group.width)))
  }
  throw notEncodable(name)
}
