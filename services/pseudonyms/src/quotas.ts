/**
 * How many points a caller and its organisation may have multiplied, by operation and domain (pseudonyms.md §7). An
 * identifier space is small, so the service is an oracle: a bucket of `burst` points, which fills again evenly within a
 * minute, and `perDay` points a UTC day. Pure arithmetic; charges.ts keeps the balances in PostgreSQL. A quota slows an
 * attacker who has a right down, and makes him visible; it does not tell him from a busy caller.
 */

/** In points: one item of a batch is one point. */
export interface Limit {
  readonly burst: number
  readonly perDay: number
}

export interface Quotas {
  readonly caller: Limit
  readonly organisation: Limit
}

/** What is left of one limit. `level` points stood in the bucket at `at` (ms since 1970), `used` were spent on `day`. */
export interface Balance {
  readonly level: number
  readonly at: number
  /** UTC days since 1970-01-01. */
  readonly day: number
  readonly used: number
}

export type Verdict =
  | { readonly granted: true; readonly balance: Balance }
  /** In seconds, at least 1: then the same request is within the limit, if nobody else spends meanwhile. */
  | { readonly granted: false; readonly retryAfter: number }

/** The whole request or nothing: never a part of its points. */
export function charge(balance: Balance | undefined, limit: Limit, points: number, now: number): Verdict {
  const { level, at, used, day } = balanceAt(balance, limit, now)
  if (used + points > limit.perDay) return refuse((day + 1) * dayLength - now)
  if (level < points) {
    // More than a full bucket never fits: the time until it is full is when the request, cut up, may start.
    const missing = Math.min(points, limit.burst) - level
    return refuse((missing / limit.burst) * refillTime)
  }
  return { granted: true, balance: { level: level - points, at, day, used: used + points } }
}

/** A charge of `chargedAt` that came to nothing. What was spent on another day than the balance's is forgotten already. */
export function giveBack(
  balance: Balance | undefined,
  limit: Limit,
  points: number,
  chargedAt: number,
  now: number,
): Balance {
  const { level, at, used, day } = balanceAt(balance, limit, now)
  const spent = Math.floor(chargedAt / dayLength) === day ? points : 0
  return { level: Math.min(limit.burst, level + points), at, day, used: Math.max(0, used - spent) }
}

/** Milliseconds in which an empty bucket is full again. */
const refillTime = 60_000
const dayLength = 86_400_000

/** A clock that was set back gives nothing and takes nothing: time stands still until it has caught up. */
function balanceAt(balance: Balance | undefined, { burst }: Limit, now: number): Balance {
  const today = Math.floor(now / dayLength)
  if (!balance) return { level: burst, at: now, day: today, used: 0 }
  const at = Math.max(now, balance.at)
  const level = Math.min(burst, balance.level + ((at - balance.at) / refillTime) * burst)
  return today > balance.day ? { level, at, day: today, used: 0 } : { ...balance, level, at }
}

function refuse(milliseconds: number): Verdict {
  return { granted: false, retryAfter: Math.max(1, Math.ceil(milliseconds / 1000)) }
}
