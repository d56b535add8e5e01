/**
 * Group commit: what is submitted while one flush is under way goes into the next.
 *
 * One flush at a time, so a busy store costs one round trip and one fsync for many items, and an idle one no waiting.
 * Order of submission is order within and between flushes. What waits is bounded: over the bound `submit` rejects at
 * once with the caller's own error. A flush that fails, fails all of its items and none of the others.
 */

export interface CoalesceBounds {
  /** Items that may wait for their flush. */
  readonly waiting: number
  /** Items in one flush. */
  readonly batch: number
  /** What `submit` rejects with when as many wait as may. */
  readonly busy: () => Error
}

export interface Coalesced<Item, Result> {
  /** Resolves with the item's own result when its flush has. */
  submit(item: Item): Promise<Result>
  /** Items that wait, without those under way. */
  readonly waiting: number
  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void>
}

interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** `flush` answers one result for each item, in their order. */
export function coalesce<Item, Result>(
  flush: (items: readonly Item[]) => Promise<readonly Result[]>,
  bounds: CoalesceBounds,
): Coalesced<Item, Result> {
  let queue: Waiting<Item, Result>[] = []
  let underWay: Promise<void> | undefined

  async function flushAll(): Promise<void> {
    // What is submitted in the same turn as the first item belongs to its flush.
    await Promise.resolve()
    while (queue.length > 0) {
      const batch = queue.slice(0, bounds.batch)
      queue = queue.slice(bounds.batch)
      await settle(batch, flush)
    }
    underWay = undefined
  }

  return {
    submit(item) {
      if (queue.length >= bounds.waiting) return Promise.reject(bounds.busy())
      return new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject })
        underWay ??= flushAll()
      })
    },
    get waiting() {
      return queue.length
    },
    async idle() {
      await underWay
    },
  }
}

async function settle<Item, Result>(
  batch: readonly Waiting<Item, Result>[],
  flush: (items: readonly Item[]) => Promise<readonly Result[]>,
): Promise<void> {
  try {
    const results = await flush(batch.map(one => one.item))
    if (results.length !== batch.length) throw new RangeError('A flush answered another number of items.')
    results.forEach((result, index) => {
      batch[index]?.resolve(result)
    })
  } catch (error) {
    for (const one of batch) one.reject(error)
  }
}
