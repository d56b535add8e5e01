/** The engine of a party's SDK, with an eye on what it multiplies by: the blinds, which nobody else may ever see. */
import type { Engine, Scalar } from '@littlebox/curve'

export interface SpyingEngine {
  readonly engine: Engine
  readonly factors: Scalar[]
}

export function spyingEngine(engine: Engine): SpyingEngine {
  const factors: Scalar[] = []
  return {
    factors,
    engine: {
      ...engine,
      multiply(points, given) {
        factors.push(...given.flat())
        return engine.multiply(points, given)
      },
    },
  }
}
