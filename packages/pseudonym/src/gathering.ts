/**
 * Calls made within a short window travel as one batch: a page that pseudonymises twenty names makes one request. The
 * first call opens the window; a full batch leaves at once.
 */
import { PseudonymError } from './pseudonym-error.ts'
import { aborted } from './transport.ts'

/** One call; its signal abandons the waiting, not the others' batch. */
export type Gathered<T, R> = (item: T, signal?: AbortSignal) => Promise<R>

/** `run` answers each item in order, or rejects for all of them. */
export function gather<T, R>(
  windowMs: number,
  largestBatch: number,
  run: (items: T[]) => Promise<readonly (R | PseudonymError)[]>,
): Gathered<T, R> {
  let waiting: Waiting<T, R>[] = []
  let timer: ReturnType<typeof setTimeout> | undefined

  return (item, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal))
      const abandon = () => reject(aborted(signal!))
      const settled = () => signal?.removeEventListener('abort', abandon)
      signal?.addEventListener('abort', abandon, { once: true })
      waiting.push({
        item,
        resolve(result) {
          settled()
          resolve(result)
        },
        reject(error) {
          settled()
          reject(error)
        },
      })
      if (waiting.length >= largestBatch) leave()
      else timer ??= setTimeout(leave, windowMs)
    })

  function leave(): void {
    clearTimeout(timer)
    timer = undefined
    const batch = waiting
    waiting = []
    run(batch.map(({ item }) => item)).then(
      results =>
        batch.forEach(({ resolve, reject }, i) => {
          const result = results[i]!
          if (result instanceof PseudonymError) reject(result)
          else resolve(result)
        }),
      error => {
        for (const { reject } of batch) reject(error)
      },
    )
  }
}

interface Waiting<T, R> {
  readonly item: T
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
}
