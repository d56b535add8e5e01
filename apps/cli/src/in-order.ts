/**
 * Several pieces of work at once, their results in the order of the items: while the service multiplies one batch, the
 * next is blinded and the one before is written. A bounded number is under way, so memory is bounded.
 */
export interface InOrder<T, R> {
  readonly items: AsyncIterator<T>
  readonly work: (item: T) => Promise<R>
  readonly deliver: (item: T, result: R) => Promise<void>
  readonly atOnce: number
  /** Aborted: no further item is taken; what is under way is finished and delivered. */
  readonly stop: AbortSignal
}

/**
 * Whether every item was delivered. Throws what `items`, `work` or `deliver` threw; then every item before the one that
 * failed has been delivered, and none after it.
 */
export async function inOrder<T, R>({ items, work, deliver, atOnce, stop }: InOrder<T, R>): Promise<boolean> {
  const underWay: { item: T; result: Promise<Settled<R>> }[] = []
  const deliverFirst = async () => {
    const { item, result } = underWay.shift()!
    await deliver(item, unwrapped(await result))
  }

  let ended = false
  let unread: Settled<unknown> = { value: undefined }
  while (!stop.aborted) {
    const next = await orStopped(settled(items.next()), stop)
    if (next === 'stopped') break
    if ('error' in next) {
      unread = next
      break
    }
    if (next.value.done) {
      ended = true
      break
    }
    underWay.push({ item: next.value.value, result: settled(work(next.value.value)) })
    if (underWay.length >= atOnce) await deliverFirst()
  }
  while (underWay.length > 0) await deliverFirst()
  unwrapped(unread)
  return ended
}

/**
 * What comes first. Not Promise.race with one promise for the stop: that would remember every race, and with it every item,
 * to the end of the run.
 */
function orStopped<T>(promise: Promise<T>, stop: AbortSignal): Promise<T | 'stopped'> {
  return new Promise((resolve, reject) => {
    const onStop = () => resolve('stopped')
    stop.addEventListener('abort', onStop, { once: true })
    promise.then(resolve, reject).finally(() => stop.removeEventListener('abort', onStop))
  })
}

type Settled<T> = { readonly value: T } | { readonly error: unknown }

/** A failure behind the first one under way waits for its turn; it must not count as unhandled meanwhile. */
async function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await promise }
  } catch (error) {
    return { error }
  }
}

function unwrapped<T>(settled: Settled<T>): T {
  if ('error' in settled) throw settled.error
  return settled.value
}
