import { CurveError } from './curve-error.ts'
import type { Engine } from './engine.ts'
import { nativeEngine } from './native.ts'
import { portableEngine } from './portable.ts'

/**
 * The engine of this platform: native where libcrypto loads, else portable; `name` tells which. A libcrypto that loads
 * and computes wrongly is an error (`engine-mismatch`), never a reason to fall back.
 */
export async function defaultEngine(): Promise<Engine> {
  try {
    return await nativeEngine()
  } catch (error) {
    if (error instanceof CurveError && error.code === 'engine-unavailable') return portableEngine
    throw error
  }
}
