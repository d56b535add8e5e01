/**
 * Before the native engine answers for a curve: libcrypto computes on it what the portable engine computes, agrees with
 * itself, and how fast it is. Some milliseconds, once a process and curve.
 */
import { type CurveName, curve } from '../curve.ts'
import { CurveError } from '../curve-error.ts'
import { toBytes, toInteger } from '../integer.ts'
import { generator } from '../point.ts'
import { multiplyPortably } from '../portable.ts'
import { randomScalar } from '../scalar.ts'
import type { Libcrypto } from './libcrypto.ts'

const measuredForMs = 3

/** Multiplications a second of one thread. CurveError `engine-mismatch`. */
export function selfTest(libcrypto: Libcrypto, name: CurveName): number {
  const group = libcrypto.group(name)
  const { n, width } = curve(name)
  const [s, k] = [randomScalar(name), randomScalar(name)]
  const sk = toBytes((toInteger(s.bytes) * toInteger(k.bytes)) % n, width)
  const [point, product, expected] = [1, 2, 3].map(() => new Uint8Array(1 + 2 * width)) as [Bytes, Bytes, Bytes]

  group.multiplyBase(s.bytes, point)
  expectSame(point, multiplyPortably(generator(name), s).bytes)
  group.multiply(point, k.bytes, product)
  group.multiplyBase(sk, expected)
  expectSame(product, expected)
  expectSame(group.product(s.bytes, k.bytes), sk)
  expectSame(group.product(k.bytes, group.inverse(k.bytes)), toBytes(1n, width))

  const begin = performance.now()
  let count = 0
  for (; performance.now() - begin < measuredForMs; count++) group.multiply(point, k.bytes, product)
  return Math.round((count * 1000) / (performance.now() - begin))

  function expectSame(ours: Uint8Array, theirs: Uint8Array): void {
    if (!ours.every((byte, i) => byte === theirs[i]))
      throw new CurveError('engine-mismatch', `${libcrypto.version} computes ${name} wrongly`)
  }
}

type Bytes = Uint8Array<ArrayBuffer>
