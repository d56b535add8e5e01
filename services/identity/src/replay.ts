/**
 * What has been used once: client assertions (RFC 7523 §3, jti) and DPoP proofs (RFC 9449 §11.1).
 *
 * In memory and bounded. oidc-provider's own store drops the oldest entry when it is full, which would let a used
 * assertion in again; here a full memory refuses instead. Only what carried a valid signature of an enrolled client
 * gets in. A restart forgets: an assertion caught before it works once more, for the minutes that it still lives.
 */
import { type Adapter, errors } from 'oidc-provider'

export interface ReplayMemory {
  /** Whether the use is still remembered. */
  readonly used: (id: string) => boolean
  /** Remembers the use for `seconds`. `false` when it is remembered already, `full` when there is no room. */
  readonly remember: (id: string, seconds: number) => boolean | 'full'
}

/** `capacity` in entries of about 200 bytes; `now` in ms. */
export function replayMemory(capacity: number, now: () => number = Date.now): ReplayMemory {
  const expiries = new Map<string, number>()
  let lastSweep = now()

  const used = (id: string) => (expiries.get(id) ?? 0) > now()

  const sweep = () => {
    lastSweep = now()
    for (const [id, expiry] of expiries) if (expiry <= lastSweep) expiries.delete(id)
  }

  return {
    used,
    remember(id, seconds) {
      // At most once a second, so that a full memory doesn't cost a walk over all of it per request.
      if (now() - lastSweep >= (expiries.size < capacity ? 30_000 : 1_000)) sweep()
      if (used(id)) return false
      if (expiries.size >= capacity) return 'full'
      expiries.set(id, now() + seconds * 1000)
      return true
    },
  }
}

/** The memory as oidc-provider's model `ReplayDetection` asks for it. */
export function replayAdapter(memory: ReplayMemory): Pick<Adapter, 'find' | 'upsert'> {
  return {
    find: async id => (memory.used(id) ? { jti: id } : undefined),

    // oidc-provider looks first and writes afterwards, in two steps: two simultaneous uses both pass the look, and
    // the second one is caught here. It remembers a DPoP proof for 300 s although it takes one whose iat lies up to
    // 300 s ahead, for 600 s in all: hence twice as long.
    async upsert(id, _payload, seconds = maximumSeconds) {
      const remembered = memory.remember(id, 2 * Math.min(seconds, maximumSeconds))
      if (remembered === 'full') throw new errors.OIDCProviderError(503, 'temporarily_unavailable')
      if (!remembered) throw new errors.InvalidRequest('an assertion or a proof was used twice')
    },
  }
}

/** The longest that an assertion (provider.ts) or a DPoP proof can be good for, before doubling. */
const maximumSeconds = 360
