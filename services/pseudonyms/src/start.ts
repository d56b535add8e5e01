/**
 * Wiring: database, box, issuer and rooms into one running service. What should exist is never made here: a missing
 * database, box or key is an error (`initialise` makes them, when called by name).
 */
import {
  type Box,
  BoxError,
  type BoxErrorCode,
  type DomainKeyMaker,
  type Grant,
  type KeyDescription,
} from '@littlebox/box'
import { engine as defaultEngine, type Engine, generator, parsePoint, randomScalar, samePoint } from '@littlebox/curve'
import { callerVerifier } from '@littlebox/kit/caller'
import { postgresJournal } from '@littlebox/kit/journal'
import { type Limits, serve, serviceApp } from '@littlebox/kit/server'
import { type EmbeddedOptions, openStore } from '@littlebox/kit/store'
import { type Logger, logger, metrics } from '@littlebox/kit/telemetry'
import { Counter, Gauge, type Registry } from 'prom-client'
import { administration } from './administration.ts'
import { administrationRoutes } from './administration-http.ts'
import { charges } from './charges.ts'
import { type Directory, openDirectory } from './directory.ts'
import { pseudonymRoutes, type Service } from './http.ts'
import type { allowInsecureHttp, OwnerKeysOptions } from './owner-keys.ts'
import type { Quotas } from './quotas.ts'
import { recorder } from './record.ts'
import { keepRotating } from './rotation.ts'
import { type Database, migrations } from './store.ts'
import { type Rotation, transitWrapping } from './transit-keys.ts'
import { transitScalars } from './transit-scalars.ts'

export interface StartOptions {
  /** The operator's PostgreSQL, or one run beside the service. */
  readonly database: { readonly url: string } | { readonly embedded: EmbeddedOptions }
  /** Holds `pseudonyms/transit-wrapping@1` already: see `initialise`. */
  readonly box: Box & DomainKeyMaker
  /** For the keys of new domains. */
  readonly grant: Grant
  readonly issuer: string
  /** `<issuer>/jwks` when left out. */
  readonly jwksUrl?: string | undefined
  /** `aud` of access tokens for this service. */
  readonly audience: string
  /** By which clients know this service; its own address when left out. The first names domains' audiences. */
  readonly publicUrls?: readonly string[] | undefined
  readonly bearerClients?: readonly string[] | undefined
  /** Origins that owners' `jku` may have. */
  readonly jwksOrigins?: readonly string[] | undefined
  /** Allows the issuer's and the owners' keys to be fetched by plain HTTP. */
  readonly transport?: typeof allowInsecureHttp | undefined
  /** For domains that have none of their own. */
  readonly quotas?: Quotas | undefined
  readonly rotation?: Rotation | undefined
  /** Items of a batch at most: 1,000. */
  readonly batch?: number | undefined
  readonly limits?: Partial<Limits> | undefined
  /** 0, the default, for a free one. */
  readonly port?: number | undefined
  readonly host?: string | undefined
  readonly engine?: Engine | undefined
  /** JSON lines on standard output when left out. */
  readonly log?: Logger | undefined
}

export interface RunningPseudonyms {
  readonly url: string
  readonly port: number
  /** Answers what is under way, then closes the database. */
  close(): Promise<void>
}

const defaultQuotas: Quotas = {
  caller: { burst: 5_000, perDay: 100_000 },
  organisation: { burst: 20_000, perDay: 500_000 },
}

const defaultRotation: Rotation = { everyDays: 28, announceHours: 24 }

/** StoreError and BoxError for what is missing; after that everything is answered over HTTP. */
export async function start(options: StartOptions): Promise<RunningPseudonyms> {
  const { log = logger('pseudonyms'), issuer, audience, transport } = options
  const engine = options.engine ?? (await defaultEngine())
  const wrapping = await wrappingKey(options.box)
  const store = await openStore<Database>({ ...options.database, migrations, connections: 12 })
  const register = metrics()
  const box = metered(options.box, register)
  let directory: Directory | undefined
  try {
    directory = await openDirectory({ db: store.db, box, defaultQuotas: options.quotas ?? defaultQuotas, log })
    const opened = directory
    new Gauge({
      name: 'littlebox_domains_left_out',
      help: 'Domains that can not be served as they stand in the database',
      registers: [register],
      collect() {
        this.set(opened.leftOut())
      },
    })
    const own: { url?: string } = {}
    const publicUrls = () => options.publicUrls ?? [own.url ?? '']
    const ownerKeys: OwnerKeysOptions = { origins: options.jwksOrigins ?? [], transport }
    const failures = new Counter({
      name: 'littlebox_transit_rotation_failures_total',
      help: 'Rounds in which a transit key could not be rotated',
      registers: [register],
    })
    const rotating = keepRotating({
      db: store.db,
      directory: opened,
      wrapping,
      ownerKeys,
      rotation: options.rotation ?? defaultRotation,
      log,
      onFailure: () => failures.inc(),
    })
    const service: Service = {
      verifier: callerVerifier({
        issuer,
        audience,
        jwksUrl: options.jwksUrl ?? `${issuer.replace(/\/$/, '')}/jwks`,
        publicUrls,
        plainBearerClients: options.bearerClients ?? [],
        ...(transport && { transport }),
      }),
      directory: opened,
      charges: charges(store.db),
      box,
      engine,
      transitScalars: transitScalars(engine),
      recorder: recorder(postgresJournal(store.db)),
      batch: options.batch ?? 1000,
    }
    const app = serviceApp({
      title: 'Littlebox pseudonyms',
      version: '0.1.0',
      description:
        'Blind pseudonymisation: the service multiplies points it can not read, with a key it does not hold.',
      checks: { database: () => store.healthy(), box: () => answersRightly(options.box, engine, opened) },
      metrics: register,
      report: (error, correlation) => log.error('a request failed', { error, correlation }),
    })
    app.openAPIRegistry.registerComponent('securitySchemes', 'accessToken', {
      type: 'http',
      scheme: 'DPoP',
      description: 'OAuth 2 access token for this service, bound to a key (RFC 9449); bearer for the clients named.',
    })
    pseudonymRoutes(app, service)
    const audienceOf = (domain: string) => `${publicUrls()[0]}/pseudo/v1/domains/${domain}`
    administrationRoutes(
      app,
      service,
      administration({
        db: store.db,
        box: options.box,
        grant: options.grant,
        directory: opened,
        wrapping,
        ownerKeys,
        audienceOf,
      }),
    )
    const serving = await serve({
      app,
      port: options.port ?? 0,
      ...(options.host !== undefined && { host: options.host }),
      limits: { working: 128, ...options.limits },
      async onDrain() {
        await rotating.close()
        await opened.close()
        await store.close()
      },
    })
    own.url = serving.url
    return serving
  } catch (error) {
    await directory?.close()
    await store.close()
    throw error
  }
}

async function wrappingKey(box: Box): Promise<KeyDescription> {
  return box.describe(transitWrapping).catch((error: unknown) => {
    if (error instanceof BoxError && error.code === 'no-such-key')
      throw new BoxError(
        'no-such-key',
        `the box has no key ${transitWrapping}: make it with the command \`init\``,
        error,
      )
    throw error
  })
}

/** Counts what the box is asked to multiply: what tests and operators see of the work done. */
function metered(box: Box, register: Registry): Box {
  const points = new Counter({
    name: 'littlebox_box_points_total',
    help: 'Points given to the box to multiply',
    registers: [register],
  })
  return {
    ...box,
    multiply(keys, given, times) {
      points.inc(given.length)
      return box.multiply(keys, given, times)
    },
  }
}

/** box(sG) = sK with a domain's key, the first that may be used; without such a domain, that the box says it is ready. */
async function answersRightly(box: Box, engine: Engine, directory: Directory): Promise<boolean> {
  if ((await box.health()).status !== 'ready') return false
  for (const domain of directory.all()) {
    if (domain.state !== 'active') continue
    const scalar = randomScalar(domain.curve)
    const publicKey = parsePoint(domain.curve, domain.publicKey!)
    const [blinded, expected] = await engine.multiply([generator(domain.curve), publicKey], [[scalar], [scalar]])
    const answer = await box.multiply([domain.forward], [blinded!]).catch((error: unknown) => {
      if (error instanceof BoxError && unusable.has(error.code)) return undefined
      throw error
    })
    if (answer) return samePoint(answer[0]!, expected!)
  }
  return true
}

/** A domain whose key is gone or suspended is that domain's trouble: it must not take the others off the balancer. */
const unusable: ReadonlySet<BoxErrorCode> = new Set<BoxErrorCode>(['no-such-key', 'wrong-state'])
