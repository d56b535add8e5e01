/**
 * Transit scalars r with their inverses (pseudonyms.md §3). r⁻¹ is drawn and r computed from it: the inverse of a uniform
 * scalar is uniform. An inversion costs a third of a multiplication, and a batch shares one, so pairs are made ahead, a
 * few dozen at a time; each is given out once and forgotten here.
 */
import { type CurveName, type Engine, randomScalar, type Scalar } from '@littlebox/curve'
import { draughts } from './random.ts'

export interface TransitScalars {
  /** r of each. */
  readonly scalars: readonly Scalar[]
  /** r⁻¹ of each. */
  readonly inverses: readonly Scalar[]
}

/** The maker of an engine's pairs: `count` new ones at each call. */
export function transitScalars(engine: Engine): (name: CurveName, count: number) => TransitScalars {
  const ahead = new Map<CurveName, { scalars: Scalar[]; inverses: Scalar[] }>()
  const random = draughts()

  return (name, count) => {
    const store = ahead.get(name) ?? { scalars: [], inverses: [] }
    ahead.set(name, store)
    if (store.scalars.length < count) {
      const inverses = Array.from({ length: Math.max(atLeast, count) }, () => randomScalar(name, random))
      // Before either is kept: an engine that fails must not leave the two out of step.
      const scalars = engine.invert(inverses)
      store.inverses.push(...inverses)
      store.scalars.push(...scalars)
    }
    return { scalars: store.scalars.splice(0, count), inverses: store.inverses.splice(0, count) }
  }
}

const atLeast = 64
