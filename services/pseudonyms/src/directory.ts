/**
 * The domains as this replica knows them: in memory, with their rules read and their transit keys open. A change anywhere
 * is seen within a quarter of a second, by one number in the database; a replica that has not looked for five seconds
 * serves nothing, so that a right that was taken away does not live on where the database can't be seen.
 *
 * A domain whose rows can't be used (a damaged rule, an envelope that doesn't open) is left out until they change: logged
 * and counted, it costs the others nothing.
 */
import { type Box, BoxError, domainKeyRef, type KeyRef } from '@littlebox/box'
import type { CurveName } from '@littlebox/curve'
import type { Logger } from '@littlebox/kit/telemetry'
import type { TransitKey } from '@littlebox/pseudonym'
import type { Kysely } from 'kysely'
import { type Access, readAccessRule } from './access.ts'
import { timeToLive } from './domains.ts'
import { databaseAway, problem } from './problems.ts'
import type { Quotas } from './quotas.ts'
import { changedSince, clock, type Database, type DomainRecord } from './store.ts'
import { activeKey, openTransitKey, retirement, type TransitKeyRecord, tokenLimit } from './transit-keys.ts'

/** A domain ready for use. */
export interface Domain extends DomainRecord {
  readonly curve: CurveName
  readonly forward: KeyRef
  /** undefined in a domain without a way back. */
  readonly back: KeyRef | undefined
  readonly access: Access
  readonly quotas: Quotas
  /** Seconds. */
  readonly ttl: number
  isOwner(clientId: string): boolean
  /** The key to seal `tokens` tokens with, which are counted. Problem `transit-key-exhausted`. */
  sealingKey(now: number, tokens: number): TransitKey
  /** By `kid`, those under which a token may still be in time. */
  openingKeys(now: number): ReadonlyMap<string, Uint8Array>
}

export interface Directory {
  /** undefined when there is no such domain. Problem `database-away` when the last look is too old. */
  find(name: string): Domain | undefined
  all(): readonly Domain[]
  /** How many domains can't be served as they stand in the database. */
  leftOut(): number
  /** Looks now. */
  refresh(): Promise<void>
  /** Gives `report` the tokens made by `kid` since it last succeeded. */
  reportTokens(report: (counts: ReadonlyMap<string, number>) => Promise<void>): Promise<void>
  close(): Promise<void>
}

export interface DirectoryOptions {
  readonly db: Kysely<Database>
  readonly box: Box
  readonly defaultQuotas: Quotas
  readonly log: Logger
}

/** Filled when it returns. */
export async function openDirectory(options: DirectoryOptions): Promise<Directory> {
  const domains = new Map<string, Domain>()
  const leftOut = new Set<string>()
  const tokens = new Map<string, number>()
  let version = -1n
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined
  let closed = false

  async function look(): Promise<void> {
    const began = performance.now()
    const now = await clock(options.db)
    if (now > version) {
      for (const record of await changedSince(options.db, version)) await take(record)
      version = now
    }
    lookedAt = began
  }

  async function take(record: DomainRecord): Promise<void> {
    const { name } = record
    try {
      domains.set(name, await serve(record, options, tokens, domains.get(name)))
      leftOut.delete(name)
    } catch (error) {
      // `bad-input` is this domain's envelope; whatever else the box can't do, it can't do for any domain.
      if (error instanceof BoxError && error.code !== 'bad-input') throw error
      // Its former state goes too: a right that was taken away must not live on.
      domains.delete(name)
      leftOut.add(name)
      options.log.error('a domain can not be served', { domain: name, error })
    }
  }

  /** One look at a time; who asks during one gets the next, because his change may have missed it. */
  async function refresh(): Promise<void> {
    await looking?.catch(() => undefined)
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }

  let away = false
  async function poll(): Promise<void> {
    const result = await refresh().then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    if (result && !away) options.log.warn('the directory of domains can not be refreshed', { error: result.error })
    away = result !== undefined
    if (!closed) timer = setTimeout(() => void poll(), pollEvery)
  }

  await refresh()
  let timer = setTimeout(() => void poll(), pollEvery)

  return {
    find(name) {
      if (performance.now() - lookedAt > lease) throw databaseAway()
      return domains.get(name)
    },
    all: () => [...domains.values()],
    leftOut: () => leftOut.size,
    refresh,
    async reportTokens(report) {
      const reported = new Map(tokens)
      await report(reported)
      for (const [kid, count] of reported) tokens.set(kid, tokens.get(kid)! - count)
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await looking?.catch(() => undefined)
    },
  }
}

/** Milliseconds. */
const pollEvery = 250
const lease = 5_000

async function serve(
  record: DomainRecord,
  { box, defaultQuotas }: DirectoryOptions,
  counted: Map<string, number>,
  before: Domain | undefined,
): Promise<Domain> {
  const { name, settings, transitKeys: keys } = record
  const ttl = timeToLive(settings)
  const known = before?.openingKeys(Date.now())
  const opened = new Map<string, TransitKey>()
  for (const key of keys) {
    const secret = known?.get(key.kid) ?? (await openTransitKey(box, name, key))
    opened.set(key.kid, { kid: key.kid, secret })
  }
  const owners = new Set(settings.owner.clientIds)
  const isOpen = (key: TransitKeyRecord, now: number) =>
    now < (retirement({ ...record, ttl }, key) ?? Number.POSITIVE_INFINITY)
  const openings = remembered(
    (now: number) => new Map(keys.filter(key => isOpen(key, now)).map(key => [key.kid, opened.get(key.kid)!.secret])),
  )
  return {
    ...record,
    curve: settings.crv,
    forward: domainKeyRef(name, 'forward', 1),
    back: settings.back ? domainKeyRef(name, 'back', 1) : undefined,
    access: readAccessRule(settings.accessRule),
    quotas: {
      caller: settings.quotas?.caller ?? defaultQuotas.caller,
      organisation: settings.quotas?.organisation ?? defaultQuotas.organisation,
    },
    ttl,
    isOwner: clientId => owners.has(clientId),
    sealingKey(now, tokens) {
      const key = activeKey(keys, now)
      if (!key) throw problem('transit-key-exhausted')
      const mine = (counted.get(key.kid) ?? 0) + tokens
      if (key.tokens + mine > tokenLimit) throw problem('transit-key-exhausted')
      counted.set(key.kid, mine)
      return opened.get(key.kid)!
    },
    openingKeys: openings,
  }
}

/** The last answer again while the second is the same. */
function remembered<T>(make: (now: number) => T): (now: number) => T {
  let last: { second: number; value: T } | undefined
  return now => {
    const second = Math.floor(now / 1000)
    if (last?.second !== second) last = { second, value: make(now) }
    return last.value
  }
}
