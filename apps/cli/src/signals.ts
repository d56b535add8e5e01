/**
 * SIGINT and SIGTERM: the first asks the run to stop (what is under way is finished and kept), the second ends the process
 * at once, which costs no more than a power cut: the run goes on from its last checkpoint.
 */
import { exitCode } from './exit-code.ts'

export interface Signals {
  readonly stop: AbortSignal
  /** The exit code of the signal that came, if one did. */
  readonly received: () => number | undefined
  readonly ignore: () => void
}

const codes = { SIGINT: exitCode.interrupted, SIGTERM: exitCode.terminated } as const

export function onSignals(tell: () => void): Signals {
  const controller = new AbortController()
  let received: number | undefined
  const handler = (signal: 'SIGINT' | 'SIGTERM') => {
    if (received !== undefined) process.exit(codes[signal])
    received = codes[signal]
    tell()
    controller.abort()
  }
  process.on('SIGINT', handler)
  process.on('SIGTERM', handler)
  return {
    stop: controller.signal,
    received: () => received,
    ignore() {
      process.off('SIGINT', handler)
      process.off('SIGTERM', handler)
    },
  }
}
