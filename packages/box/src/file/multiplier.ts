/**
 * What computes with a box's scalars. With the native engine all scalars of an item, keys and host scalars alike, are
 * folded into one, and that into one constant-time multiplication. The portable engine is never given a key's scalar:
 * without libcrypto, ecdh.ts takes this place.
 */
import type { Engine, Point, Proof, Scalar } from '@littlebox/curve'
import type { KeyPair } from './key-pair.ts'
import { generateProof } from './proof.ts'

export interface Multiplier {
  readonly name: 'native' | 'ecdh'

  /** kG. */
  publicPoint(k: Scalar): Promise<Point>

  /** Π keys · timesᵢ · pointᵢ, all of one curve. */
  multiply(keys: readonly KeyPair[], points: readonly Point[], times?: readonly Scalar[]): Promise<Point[]>

  /** k⁻¹ mod n; absent where nothing constant-time computes it. */
  readonly invert?: (k: Scalar) => Scalar

  /** RFC 9497 §2.2.1; absent where nothing constant-time computes it. */
  readonly prove?: (key: KeyPair, blinded: readonly Point[], evaluated: readonly Point[]) => Promise<Proof>
}

export function nativeMultiplier(engine: Engine): Multiplier {
  return {
    name: 'native',

    async publicPoint(k) {
      const [point] = await engine.multiplyBase([k])
      return point!
    },

    async multiply(keys, points, times) {
      const chain = keys.map(key => key.scalar).reduce(engine.product)
      return engine.multiply(points, times ? times.map(time => [chain, time]) : points.map(() => [chain]))
    },

    invert: k => engine.invert([k])[0]!,

    prove: (key, blinded, evaluated) => generateProof(engine, key, blinded, evaluated),
  }
}
