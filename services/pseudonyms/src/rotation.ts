/**
 * What has to be done with transit keys without being asked: replicas report how many tokens they made, a successor is
 * made in time (announced hours before it is used, because owners refresh every 6 h), and keys whose last token has
 * expired are deleted, so that nobody who comes later opens an old token with the service's copy. Any replica does it;
 * the one that changes a domain first wins, the others see it.
 *
 * An owner whose addresses do not answer gets no successor: that is tried again, logged and counted, and the old key goes
 * on until its last permitted token.
 */
import type { KeyDescription } from '@littlebox/box'
import type { Logger } from '@littlebox/kit/telemetry'
import { type Kysely, sql } from 'kysely'
import type { Directory, Domain } from './directory.ts'
import { type OwnerKeysOptions, ownerKeys } from './owner-keys.ts'
import { addTransitKey, changing, type Database } from './store.ts'
import { makeTransitKey, type Rotation, retirement, successorDue } from './transit-keys.ts'

export interface RotationOptions {
  readonly db: Kysely<Database>
  readonly directory: Directory
  readonly wrapping: KeyDescription
  readonly ownerKeys: OwnerKeysOptions
  readonly rotation: Rotation
  readonly log: Logger
  readonly onFailure: () => void
}

export interface Rotating {
  /** One round now, besides those every 15 s. */
  round(now?: number): Promise<void>
  close(): Promise<void>
}

export function keepRotating(options: RotationOptions): Rotating {
  let underWay = Promise.resolve()
  const round = (now = Date.now()) => {
    underWay = underWay.then(() => oneRound(options, now))
    return underWay
  }
  const timer = setInterval(() => void round(), roundEvery)
  return {
    round,
    async close() {
      clearInterval(timer)
      await round()
    },
  }
}

/** Milliseconds. */
const roundEvery = 15_000

async function oneRound(options: RotationOptions, now: number): Promise<void> {
  const { directory, log, onFailure } = options
  await directory
    .reportTokens(counts => report(options, counts))
    .catch((error: unknown) => log.warn('token counts could not be reported', { error }))
  for (const domain of directory.all()) {
    try {
      if (domain.state === 'active' && successorDue(domain.transitKeys, options.rotation, now))
        await succeed(options, domain, now)
      await forget(options, domain, now)
    } catch (error) {
      onFailure()
      log.error('a transit key could not be rotated', { domain: domain.name, error })
    }
  }
}

async function report({ db }: RotationOptions, tokensMade: ReadonlyMap<string, number>): Promise<void> {
  const counts = [...tokensMade].filter(([, count]) => count > 0)
  if (counts.length === 0) return
  const [kids, tokens] = [counts.map(([kid]) => kid), counts.map(([, count]) => count)]
  const { rows } = await sql<{ domain: string }>`
    update transit_key k set tokens = k.tokens + v.tokens
    from unnest(${kids}::uuid[], ${tokens}::bigint[]) as v(kid, tokens)
    where k.kid = v.kid returning k.domain`.execute(db)
  // So that every replica reads the sums; what is not reported yet, `tokenLimit` leaves room for.
  for (const name of new Set(rows.map(row => row.domain))) await changing(db, name, async () => undefined)
}

async function succeed({ db, wrapping, ...options }: RotationOptions, domain: Domain, now: number): Promise<void> {
  const recipients = await ownerKeys(domain.settings.jku, options.ownerKeys)
  await changing(db, domain.name, async tx => {
    const newest = await tx
      .selectFrom('transit_key')
      .select('kid')
      .where('domain', '=', domain.name)
      .orderBy('active_from', 'desc')
      .executeTakeFirst()
    if (newest?.kid !== domain.transitKeys.at(-1)?.kid) return
    const activeFrom = successorDue(domain.transitKeys, options.rotation, now)!
    const key = await makeTransitKey(wrapping, domain.name, recipients, new Date(now), activeFrom)
    await addTransitKey(tx, domain.name, key)
  })
  await options.directory.refresh()
}

async function forget({ db, directory }: RotationOptions, domain: Domain, now: number): Promise<void> {
  const expired = domain.transitKeys.filter(key => (retirement(domain, key) ?? now) < now).map(key => key.kid)
  if (expired.length === 0) return
  await changing(db, domain.name, tx => tx.deleteFrom('transit_key').where('kid', 'in', expired).execute())
  await directory.refresh()
}
