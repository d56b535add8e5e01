/**
 * A domain as its owner uses it (pseudonyms.md §3, §10): pseudonyms in transit become column values and the reverse, in
 * this process, without asking the service; only conversion asks. The owner sees its own pseudonyms and no identifier,
 * and holds the transit keys (read anew every six hours, and when a token names one that is not known or not in use).
 */
import { type Point, randomScalar } from '@littlebox/curve'
import { type AtRestKeys, atRestSealer, type bareAtRest } from './at-rest.ts'
import { onSucceeded } from './batch.ts'
import { once } from './blind.ts'
import { convertRequest, processConvertResponse } from './convert.ts'
import { type BulkOptions, type Done, inOrder, type Rows } from './in-order.ts'
import { attempt, PseudonymError, type PseudonymErrorCode } from './pseudonym-error.ts'
import { type OwnerKey, openSecretKeys } from './secret-keys.ts'
import { documentLifetimeMs } from './service.ts'
import type { PseudonymService } from './service-interface.ts'
import { formatTransit, openTransit, parseTransits, type Seconds, sealTransit, transitKeyId } from './transit.ts'

export interface DomainOwnerSettings {
  readonly service: PseudonymService
  readonly domain: string
  /** Of the owner's published JWKS. */
  readonly privateKeys: readonly OwnerKey[]
  /** What column values are sealed with (§9). */
  readonly atRestKeys: AtRestKeys | typeof bareAtRest
  /** Seconds since 1970; the system's clock unless given. */
  readonly clock?: () => Seconds
}

export interface InTransitOptions {
  /** Only this subject may identify or convert the pseudonym. */
  readonly subject?: string
}

export interface DomainOwner {
  /** The column value of a pseudonym in transit. PseudonymError `invalid-transit-info`, `invalid-point`. */
  readonly atRest: (transit: string) => Promise<string>
  readonly atRestAll: <Row>(rows: Rows<Row>, options: BulkOptions<Row, string>) => AsyncIterable<Done<Row, string>>
  /** A fresh pseudonym in transit for a column value, to hand to a care provider. PseudonymError `invalid-at-rest`. */
  readonly inTransit: (person: string, options?: InTransitOptions) => Promise<string>
  readonly inTransitAll: <Row>(
    rows: Rows<Row>,
    options: BulkOptions<Row, string> & InTransitOptions,
  ) => AsyncIterable<Done<Row, string>>
  /** A pseudonym in transit of another domain, for that domain's owner. */
  readonly convert: (person: string, to: string) => Promise<string>
  readonly convertAll: <Row>(
    rows: Rows<Row>,
    options: BulkOptions<Row, string> & { readonly to: string },
  ) => AsyncIterable<Done<Row, string>>
  /** Reads the domain document and its transit keys now. */
  readonly refresh: () => Promise<void>
}

/** A token under another key than the active one makes us ask the service, but not more often than this. */
const refreshPauseMs = 60_000
/** Why a document may be missing for a while. */
const passing: ReadonlySet<PseudonymErrorCode> = new Set(['service-away', 'over-quota', 'no-token'])
/** Rows worked on together; the engine cuts them into its own jobs. */
const localBatch = 256

type Results = (string | PseudonymError)[]

/** PseudonymError `no-transit-key` when no private key opens the active transit key. */
export async function domainOwner(settings: DomainOwnerSettings): Promise<DomainOwner> {
  const { service, privateKeys, clock = () => Math.floor(Date.now() / 1000) } = settings
  const engine = await service.engine()
  let current = await read()
  let refreshing: Promise<void> | undefined
  let triedAtMs = current.atMs
  let missedAtMs = Number.NEGATIVE_INFINITY
  const sealer = atRestSealer(settings.domain, current.domain.curve, settings.atRestKeys)
  const local = { batchSize: localBatch, concurrency: 2 }

  return {
    atRest: async transit => only(await atRestBatch([transit])),
    atRestAll: (rows, options) => inOrder(rows, options, { ...local, run: atRestBatch }),
    inTransit: async (person, options = {}) => only(await inTransitBatch([person], options)),
    inTransitAll: (rows, options) =>
      inOrder(rows, options, { ...local, run: people => inTransitBatch(people, options) }),
    convert: async (person, to) => only(await convertBatch(to, [person])),
    convertAll: (rows, options) =>
      inOrder(rows, options, {
        batchSize: service.batchSize,
        concurrency: service.concurrency,
        run: (people, signal) => convertBatch(options.to, people, signal),
      }),
    refresh,
  }

  async function read() {
    const domain = await service.document(settings.domain)
    return { domain, keys: await openSecretKeys(domain, privateKeys), atMs: performance.now() }
  }

  function refresh(): Promise<void> {
    refreshing ??= read()
      .then(latest => {
        current = latest
        triedAtMs = latest.atMs
      })
      .finally(() => {
        refreshing = undefined
      })
    return refreshing
  }

  /** The keys, read anew when they are old; while the service is away the owner works on with those it has. */
  async function fresh() {
    const now = performance.now()
    if (now - current.atMs > documentLifetimeMs && now - triedAtMs > refreshPauseMs) await refreshWhileServing()
    return current
  }

  async function refreshWhileServing(): Promise<void> {
    await refresh().catch((error: unknown) => {
      if (!(error instanceof PseudonymError && passing.has(error.code))) throw error
      triedAtMs = performance.now()
    })
  }

  /**
   * Tokens under another key than the active one. Not known: made by hand just now, and asked for at once (the pause is for
   * those that are nobody's). Known: announced, and perhaps in use by now, so that we must no longer seal with the former.
   */
  async function knowKeysOf(transits: readonly string[]): Promise<void> {
    const { keys } = await fresh()
    const others = transits
      .map(transit => transitKeyId(transit.slice(transit.indexOf(':') + 1)))
      .filter(kid => kid !== undefined)
      .filter(kid => kid !== keys.active.kid)
    if (others.length === 0) return
    const isUnknown = others.some(kid => !keys.secrets.has(kid))
    const askedAtMs = isUnknown ? missedAtMs : triedAtMs
    if (!refreshing && performance.now() - askedAtMs < refreshPauseMs) return
    await refreshWhileServing()
    if (isUnknown) missedAtMs = performance.now()
  }

  async function atRestBatch(transits: readonly string[]): Promise<Results> {
    await knowKeysOf(transits)
    const { domain, keys } = current
    const now = clock()
    return onSucceeded(await parseTransits(engine, domain.curve, transits), async parts => {
      const opened = parts.map(({ point, transitInfo }) =>
        attempt(() => ({ point, scalar: openTransit(domain, keys.secrets, transitInfo, now).scalar })),
      )
      return onSucceeded(opened, async tokens => {
        const points = tokens.map(({ point }) => point)
        const scalars = tokens.map(({ scalar }) => once(scalar))
        return (await engine.multiply(points, scalars)).map(sealer.seal)
      })
    })
  }

  async function inTransitBatch(people: readonly string[], options: InTransitOptions): Promise<Results> {
    const { domain, keys } = await fresh()
    const issuedAt = clock()
    const times = { issuedAt, expiresAt: issuedAt + domain.timeToLiveInTransit, audience: domain.audience }
    return onSucceeded(await openPoints(people), async points => {
      const scalars = points.map(() => randomScalar(domain.curve))
      const inTransit = await engine.multiply(points, engine.invert(scalars).map(once))
      return inTransit.map((point, i) =>
        formatTransit(point, sealTransit(keys.active, { ...times, ...options, scalar: scalars[i]! })),
      )
    })
  }

  async function convertBatch(to: string, people: readonly string[], signal?: AbortSignal): Promise<Results> {
    const { domain } = await fresh()
    const target = await service.domain(to)
    return onSucceeded(await openPoints(people), async points => {
      const questions = points.map(point => ({ point }))
      const pending = await convertRequest(engine, domain, target.domain, questions)
      return processConvertResponse(engine, pending, await service.send(pending.request, signal))
    })
  }

  /** P or −P of each column value: the same person. */
  async function openPoints(people: readonly string[]): Promise<(Point | PseudonymError)[]> {
    const xs = people.map(person => attempt(() => sealer.open(person)))
    return onSucceeded(xs, async opened => {
      const points = await engine.parse(current.domain.curve, opened.map(evenPoint))
      return points.map(
        point => point ?? new PseudonymError('invalid-at-rest', 'not a pseudonym at rest of this domain'),
      )
    })
  }
}

/** Compressed SEC 1 of the point with this x and an even y. */
function evenPoint(x: Uint8Array): Uint8Array {
  const sec1 = new Uint8Array(1 + x.length)
  sec1[0] = 2
  sec1.set(x, 1)
  return sec1
}

function only(results: Results): string {
  const result = results[0]!
  if (result instanceof PseudonymError) throw result
  return result
}
