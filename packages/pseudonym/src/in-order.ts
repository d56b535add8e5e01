/**
 * Many rows through a batch operation: several batches under way at once, results in the order of the rows, and never
 * more rows read ahead than are under way. An item that fails is a result; a batch that fails (the service is away, the
 * quota is used up) ends the iteration with its error, and every row that was given back by then is done: whoever goes on
 * later starts after the last index seen.
 */
import { onSucceeded } from './batch.ts'
import { attempt, PseudonymError } from './pseudonym-error.ts'

export interface BulkOptions<Row, T> {
  /** What of a row to work on. A PseudonymError it throws counts against that row alone. */
  readonly of: (row: Row) => T
  readonly signal?: AbortSignal
  /** Called after each batch. */
  readonly progress?: (progress: Progress) => void
}

export interface Progress {
  /** Rows given a result so far, failed ones included. */
  readonly done: number
  readonly failed: number
}

/** One row's result: either `value` or `error`. */
export type Done<Row, R> =
  | { readonly index: number; readonly row: Row; readonly value: R; readonly error?: never }
  | { readonly index: number; readonly row: Row; readonly error: PseudonymError; readonly value?: never }

export type Rows<Row> = Iterable<Row> | AsyncIterable<Row>

export interface BatchOperation<T, R> {
  readonly batchSize: number
  /** Batches under way at once. */
  readonly concurrency: number
  readonly run: (items: T[], signal: AbortSignal) => Promise<readonly (R | PseudonymError)[]>
}

export async function* inOrder<Row, T, R>(
  rows: Rows<Row>,
  { of, signal, progress }: BulkOptions<Row, T>,
  { batchSize, concurrency, run }: BatchOperation<T, R>,
): AsyncGenerator<Done<Row, R>, void, undefined> {
  const stop = new AbortController()
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const source = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]()
  const underWay: Promise<Finished<Row, R>>[] = []
  let [isAtEnd, done, failed] = [false, 0, 0]
  try {
    for (;;) {
      while (!isAtEnd && underWay.length < concurrency) {
        const batch = await nextBatch()
        if (batch.length > 0) underWay.push(start(batch))
      }
      const next = underWay.shift()
      if (!next) return
      const { batch, results } = await next
      for (const [i, row] of batch.entries()) {
        const result = results[i]!
        const index = done++
        if (result instanceof PseudonymError) failed++
        yield result instanceof PseudonymError ? { index, row, error: result } : { index, row, value: result }
      }
      progress?.({ done, failed })
    }
  } finally {
    stop.abort()
    if (!isAtEnd) await source.return?.()
  }

  async function nextBatch(): Promise<Row[]> {
    const batch: Row[] = []
    while (batch.length < batchSize) {
      const { done: isLast, value } = await source.next()
      if (isLast) {
        isAtEnd = true
        break
      }
      batch.push(value)
    }
    return batch
  }

  function start(batch: Row[]): Promise<Finished<Row, R>> {
    const items = batch.map(row => attempt(() => of(row)))
    const finished = onSucceeded(items, going => run(going, stopped)).then(results => ({ batch, results }))
    // Its failure is met when its turn comes, or never when an earlier one ends the iteration.
    finished.catch(() => undefined)
    return finished
  }
}

interface Finished<Row, R> {
  readonly batch: readonly Row[]
  readonly results: readonly (R | PseudonymError)[]
}
