/**
 * The native engine: the system's libcrypto on all cores. Before its first use of a curve it is tested against the portable
 * engine and measured, so that a wrong library never answers and a slow one is seen.
 */
import { commonCurve, foldFactors } from './batch.ts'
import { type CurveName, curve } from './curve.ts'
import { attempt, CurveError } from './curve-error.ts'
import type { Engine } from './engine.ts'
import { concatenate } from './integer.ts'
import type { Job } from './native/job.ts'
import { type Libcrypto, loadLibcrypto } from './native/libcrypto.ts'
import { type Pool, startPool } from './native/pool.ts'
import { selfTest } from './native/self-test.ts'
import { type Point, trust } from './point.ts'
import { type Scalar, trustScalar } from './scalar.ts'
import { counterLimit, firstCandidate, notEncodable } from './value.ts'

export interface NativeEngine extends Engine {
  readonly name: 'native'
  /** Such as `OpenSSL 3.0.19 27 Jan 2026`. */
  readonly version: string
  /** Multiplications a second of one thread, as the curve's self-test found; makes the test when it is yet to come. */
  speed(name: CurveName): number
}

let started: Promise<NativeEngine> | undefined

/**
 * The one native engine of this process, on all cores. CurveError `engine-unavailable` where libcrypto does not load;
 * each operation `engine-mismatch` where it computes other results than the portable engine.
 */
export function nativeEngine(): Promise<NativeEngine> {
  started ??= startNativeEngine()
  return started
}

/** A native engine with threads of its own, this many; as many as there are cores unless given. */
export async function startNativeEngine(threads?: number): Promise<NativeEngine> {
  const libcrypto = loadLibcrypto()
  const speeds = new Map<CurveName, number>()
  const speed = (name: CurveName): number => {
    const known = speeds.get(name)
    if (known !== undefined) return known
    const measured = selfTest(libcrypto, name)
    speeds.set(name, measured)
    return measured
  }
  const tested: Libcrypto = {
    version: libcrypto.version,
    group(name) {
      speed(name)
      return libcrypto.group(name)
    },
  }
  return { name: 'native', version: libcrypto.version, speed, ...operations(tested, startPool(threads)) }
}

/** Enough to make the hand-over cheap, few enough that a single item never waits long behind a batch. */
const itemsPerJob = 32

function operations(libcrypto: Libcrypto, pool: Pool): Omit<Engine, 'name'> {
  return {
    async multiply(points, factors) {
      if (points.length === 0) return []
      const name = commonCurve(points)
      const scalars = foldFactors(points, factors, product)
      if (commonCurve(scalars) !== name) throw new CurveError('curve-mismatch', 'points and scalars differ in curve')
      return inJobs(name, points.length, (from, to) => ({
        kind: 'multiply',
        points: pack(points.slice(from, to)),
        scalars: pack(scalars.slice(from, to)),
      }))
    },

    async multiplyBase(scalars) {
      if (scalars.length === 0) return []
      return inJobs(commonCurve(scalars), scalars.length, (from, to) => ({
        kind: 'multiply-base',
        scalars: pack(scalars.slice(from, to)),
      }))
    },

    async encode(name, values, bufferSize) {
      const candidates = values.map(value => attempt(() => firstCandidate(name, value, bufferSize)))
      const xs = candidates.filter(candidate => candidate instanceof Uint8Array)
      const lifted = await lift(name, xs, new Uint8Array(xs.length), counterLimit)
      let next = 0
      return candidates.map(candidate =>
        candidate instanceof CurveError ? candidate : (lifted[next++] ?? notEncodable(name)),
      )
    },

    async parse(name, encodings) {
      const { width } = curve(name)
      const isCompressed = (bytes: Uint8Array) => bytes.length === 1 + width && (bytes[0] === 2 || bytes[0] === 3)
      const compressed = encodings.filter(isCompressed)
      const roots = Uint8Array.from(compressed, bytes => bytes[0]!)
      const lifted = await lift(
        name,
        compressed.map(bytes => bytes.subarray(1)),
        roots,
        1,
      )
      let next = 0
      return encodings.map(bytes => {
        if (isCompressed(bytes)) return lifted[next++]
        return libcrypto.group(name).isPoint(bytes) ? trust(name, Uint8Array.from(bytes)) : undefined
      })
    },

    async hashToCurve(name, messages, tag) {
      return inJobs(name, messages.length, (from, to) => ({ kind: 'hash', messages: messages.slice(from, to), tag }))
    },

    sum(points) {
      const name = commonCurve(points)
      const result = new Uint8Array(1 + 2 * curve(name).width)
      if (
        !libcrypto.group(name).sum(
          points.map(point => point.bytes),
          result,
        )
      )
        throw new CurveError('identity', 'the points cancel out')
      return trust(name, result)
    },

    invert,
    product,
  }

  function product(a: Scalar, b: Scalar): Scalar {
    const name = commonCurve([a, b])
    return trustScalar(name, libcrypto.group(name).product(a.bytes, b.bytes))
  }

  /** Montgomery's trick: one inversion and three products an item. */
  function invert(scalars: readonly Scalar[]): Scalar[] {
    if (scalars.length === 0) return []
    const name = commonCurve(scalars)
    const products: Scalar[] = []
    for (const scalar of scalars) products.push(products.length === 0 ? scalar : product(products.at(-1)!, scalar))
    let rest = trustScalar(name, libcrypto.group(name).inverse(products.at(-1)!.bytes))
    const inverses = new Array<Scalar>(scalars.length)
    for (let i = scalars.length - 1; i > 0; i--) {
      inverses[i] = product(rest, products[i - 1]!)
      rest = product(rest, scalars[i]!)
    }
    inverses[0] = rest
    return inverses
  }

  async function lift(name: CurveName, xs: readonly Uint8Array[], roots: Uint8Array, attempts: number) {
    const points = await inJobs(name, xs.length, (from, to) => ({
      kind: 'lift',
      xs: concatenate(...xs.slice(from, to)),
      roots: roots.slice(from, to),
      attempts,
    }))
    return points.map(point => (point.bytes[0] === 4 ? point : undefined))
  }

  async function inJobs(name: CurveName, count: number, job: (from: number, to: number) => JobBody): Promise<Point[]> {
    const length = 1 + 2 * curve(name).width
    libcrypto.group(name)
    const runs: Promise<Uint8Array>[] = []
    for (let from = 0; from < count; from += itemsPerJob) {
      const to = Math.min(from + itemsPerJob, count)
      runs.push(pool.run({ curve: name, count: to - from, ...job(from, to) }))
    }
    return (await Promise.all(runs)).flatMap(packed =>
      Array.from({ length: packed.length / length }, (_, i) =>
        trust(name, packed.subarray(i * length, (i + 1) * length)),
      ),
    )
  }
}

type JobBody = Job extends infer Each ? (Each extends Job ? Omit<Each, 'curve' | 'count'> : never) : never

function pack(elements: readonly (Point | Scalar)[]): Uint8Array<ArrayBuffer> {
  return concatenate(...elements.map(element => element.bytes))
}
