/** Over quota, a run waits as long as the service says (Retry-After) and goes on: all batches under way wait together. */
import { PseudonymError } from '@littlebox/pseudonym'
import type { Convert } from './column-job.ts'

export interface QuotaWait {
  readonly convert: Convert
  readonly tell: (seconds: number) => void
  /** Ends the waiting; the batch then fails with `over-quota`. */
  readonly stop: AbortSignal
}

/** When the service does not say, seconds. */
const defaultWait = 60

export function waitingForQuota({ convert, tell, stop }: QuotaWait): Convert {
  let wait: Promise<void> | undefined
  return async values => {
    for (;;) {
      // Another batch was refused: so would this one be.
      await wait
      try {
        return await convert(values)
      } catch (error) {
        if (!(error instanceof PseudonymError) || error.code !== 'over-quota' || stop.aborted) throw error
        const seconds = error.problem?.retryAfterSeconds ?? defaultWait
        if (!wait) tell(seconds)
        wait ??= pause(seconds, stop).finally(() => {
          wait = undefined
        })
        await wait
        if (stop.aborted) throw error
      }
    }
  }
}

function pause(seconds: number, stop: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(end, seconds * 1000)
    stop.addEventListener('abort', end, { once: true })
    function end(): void {
      clearTimeout(timer)
      stop.removeEventListener('abort', end)
      resolve()
    }
  })
}
