import type { Engine } from './engine.ts'
import { portableEngine } from './portable.ts'

/** The engine of this platform; in a browser the portable one. */
export async function defaultEngine(): Promise<Engine> {
  return portableEngine
}
