/**
 * GenerateProof of RFC 9497 §2.2.1, where the key is. The key appears in s = r − c·k mod n and in Z = k·M alone; both
 * are computed in constant time (the native engine's product and multiplication, curve's difference of secrets), since
 * anything learnt of r or c·k, over many proofs, would be learnt of k.
 */
import {
  compositeWeights,
  difference,
  type Engine,
  type Point,
  type Proof,
  proofChallenge,
  type Random,
  randomScalar,
  systemRandom,
  weightedSum,
} from '@littlebox/curve'
import type { KeyPair } from './key-pair.ts'

/** `random` is fixed by the RFC's vectors and by nobody else: whoever knows r has the key. */
export async function generateProof(
  engine: Engine,
  { scalar, point }: KeyPair,
  blinded: readonly Point[],
  evaluated: readonly Point[],
  random: Random = systemRandom,
): Promise<Proof> {
  const m = await weightedSum(engine, blinded, compositeWeights(point, blinded, evaluated))
  const r = randomScalar(point.curve, random)
  try {
    const [[z, t3], [t2]] = await Promise.all([engine.multiply([m, m], [[scalar], [r]]), engine.multiplyBase([r])])
    const challenge = proofChallenge(point, { m, z: z! }, t2!, t3!)
    return { challenge, response: difference(r, engine.product(challenge, scalar)) }
  } finally {
    r.bytes.fill(0)
  }
}
