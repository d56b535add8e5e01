/**
 * Before the native engine answers anyone: its group is the one we mean, it computes what the portable engine computes,
 * and how fast. Tens of milliseconds, once a process.
 */
import { type CurveName, curve, curveNames } from '../curve.ts'
import { CurveError } from '../curve-error.ts'
import { toBytes, toInteger } from '../integer.ts'
import { generator } from '../point.ts'
import { multiplyPortably } from '../portable.ts'
import { randomScalar } from '../scalar.ts'
import type { Libcrypto } from './libcrypto.ts'

/** Multiplications a second on each curve. CurveError `engine-mismatch`. */
export function selfTest(libcrypto: Libcrypto): Readonly<Record<CurveName, number>> {
  const speeds = curveNames.map(name => [name, testCurve(libcrypto, name)] as const)
  return Object.fromEntries(speeds) as Record<CurveName, number>
}

const measuredFor = 3 // ms

function testCurve(libcrypto: Libcrypto, name: CurveName): number {
  const group = libcrypto.group(name)
  const { n, width } = curve(name)
  const [s, k] = [randomScalar(name), randomScalar(name)]
  const point = new Uint8Array(1 + 2 * width)
  const product = new Uint8Array(1 + 2 * width)

  group.multiplyBase(s.bytes, point)
  group.multiply(point, k.bytes, product)
  expectSame(product, multiplyPortably(multiplyPortably(generator(name), s), k).bytes)
  expectSame(group.product(s.bytes, k.bytes), toBytes((toInteger(s.bytes) * toInteger(k.bytes)) % n, width))
  expectSame(group.product(k.bytes, group.inverse(k.bytes)), toBytes(1n, width))

  const begin = performance.now()
  let count = 0
  for (; performance.now() - begin < measuredFor; count++) group.multiply(point, k.bytes, product)
  return Math.round((count * 1000) / (performance.now() - begin))

  function expectSame(ours: Uint8Array, theirs: Uint8Array): void {
    if (!ours.every((byte, i) => byte === theirs[i]))
      throw new CurveError('engine-mismatch', `${libcrypto.version} computes ${name} wrongly`)
  }
}
