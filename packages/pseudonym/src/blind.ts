/**
 * Blinding (pseudonyms.md §3): B = bV hides V unconditionally, because b is uniform, used once and kept nowhere. The
 * blinds of a batch are drawn apart, so that its points cannot be related to one another either.
 */
import { type Engine, type Point, type Random, randomScalar, type Scalar, systemRandom } from '@littlebox/curve'

export interface Blinded {
  readonly points: Point[]
  /** Secret, one a point; gone once the answer is unblinded. */
  readonly blinds: readonly Scalar[]
}

export async function blind(engine: Engine, points: readonly Point[], random: Random = systemRandom): Promise<Blinded> {
  const blinds = points.map(point => randomScalar(point.curve, random))
  return { points: await engine.multiply(points, blinds.map(once)), blinds }
}

/** b⁻¹ · point for each. */
export async function unblind(engine: Engine, points: readonly Point[], blinds: readonly Scalar[]): Promise<Point[]> {
  return engine.multiply(points, engine.invert(blinds).map(once))
}

export function once(factor: Scalar): Scalar[] {
  return [factor]
}
