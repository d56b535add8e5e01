/**
 * For tests: a real service on a free port with a real PostgreSQL and a real box, an issuer and an owner who publish their
 * keys over HTTP, and callers as they stand outside. Bearer tokens, but where DPoP is the subject.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFileBox, evaluationGrant, evaluationOnly, type FileBox } from '@littlebox/box/file'
import { engine } from '@littlebox/curve'
import { type EmbeddedPostgres, startTemporaryPostgres } from '@littlebox/kit/store'
import { logger } from '@littlebox/kit/telemetry'
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import pg from 'pg'
import { allowInsecureHttp, makeWrappingKey, type RunningPseudonyms, type StartOptions, start } from '../main.ts'
import { type OwnerKeyPair, ownerKeyPair, type Publisher, publisher } from './owner-keys.ts'

export const audience = 'https://pseudonyms.test'
export const grant = evaluationGrant(evaluationOnly)

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
  readonly body: any
  readonly headers: Headers
}

export interface World {
  readonly postgres: EmbeddedPostgres
  readonly database: string
  readonly box: FileBox
  readonly publisher: Publisher
  readonly owner: OwnerKeyPair
  readonly jku: string
  readonly issuer: string
  /** What the services have logged. */
  readonly log: string[]
  readonly service: RunningPseudonyms
  /** Another replica on the same database and box, or the same one started again. */
  replica(options?: Partial<StartOptions>): Promise<RunningPseudonyms>
  token(claims?: JWTPayload, key?: CryptoKey): Promise<string>
  call(method: string, path: string, body?: unknown, how?: How): Promise<Answer>
  /** Runs SQL as the operator could. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of any shape
  sql(text: string, values?: unknown[]): Promise<any[]>
  metric(name: string, at?: string): Promise<number>
  close(): Promise<void>
}

export interface How {
  /** Claims beside the defaults: a care provider of hospital-a. */
  readonly as?: JWTPayload
  readonly token?: string | undefined
  readonly at?: string
  readonly headers?: Record<string, string>
  /** Sent as it is, instead of JSON. */
  readonly raw?: string
}

export const provider: JWTPayload = { client_id: 'care-1', organisation: 'hospital-a', sub: 'care-1', roles: ['care'] }
export const ownerClient: JWTPayload = {
  client_id: 'owner-1',
  organisation: 'registry',
  sub: 'owner-1',
  roles: ['owner'],
}
export const admin: JWTPayload = {
  client_id: 'admin-1',
  organisation: 'registry',
  sub: 'admin-1',
  roles: ['domain-admin'],
}

export async function startWorld(options: Partial<StartOptions> = {}): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'pseudonyms-'))
  const [postgres, pages, owner, signing] = await Promise.all([
    startTemporaryPostgres(),
    publisher(),
    ownerKeyPair(),
    generateKeyPair('ES256', { extractable: true }),
  ])
  const database = postgres.url
  const publicJwk = { ...(await exportJWK(signing.publicKey)), kid: 'issuer-1', alg: 'ES256', use: 'sig' }
  pages.publish('/jwks', { keys: [publicJwk] })
  const jku = pages.publish('/owner', { keys: [owner.publicJwk] })
  const box = await createFileBox(
    { path: join(directory, 'box'), passphrase: Buffer.from('correct horse battery staple'), engine: await engine() },
    evaluationOnly,
  )
  await makeWrappingKey(box, grant)
  const log: string[] = []
  const running: RunningPseudonyms[] = []
  const replica: World['replica'] = async (more = {}) => {
    const service = await start({
      database: { url: database },
      box,
      grant,
      issuer: pages.origin,
      audience,
      publicUrls: [audience],
      bearerClients: [provider, ownerClient, admin, { client_id: 'care-2' }].map(one => String(one.client_id)),
      jwksOrigins: [pages.origin],
      transport: allowInsecureHttp,
      log: logger('pseudonyms', { write: line => void log.push(line) }),
      ...options,
      ...more,
    })
    running.push(service)
    return service
  }
  const service = await replica()
  const pool = new pg.Pool({ connectionString: database, max: 2 })
  // Tests stop the database under it.
  pool.on('error', () => undefined)
  pool.on('error', () => undefined)

  const token: World['token'] = (claims = provider, key = signing.privateKey) => {
    const now = Math.floor(Date.now() / 1000)
    const standard = { iss: pages.origin, aud: audience, iat: now, exp: now + 300, jti: randomUUID() }
    return new SignJWT({ ...standard, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'issuer-1', typ: 'at+jwt' })
      .sign(key)
  }

  return {
    postgres,
    database,
    box,
    publisher: pages,
    owner,
    jku,
    issuer: pages.origin,
    log,
    service,
    replica,
    token,
    async call(method, path, body, how = {}) {
      const bearer = 'token' in how ? how.token : await token({ ...provider, ...how.as })
      const response = await fetch(`${how.at ?? service.url}${path}`, {
        method,
        headers: {
          ...(body === undefined && how.raw === undefined ? {} : { 'content-type': 'application/json' }),
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...how.headers,
        },
        ...(how.raw !== undefined ? { body: how.raw } : body !== undefined ? { body: JSON.stringify(body) } : {}),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers }
    },
    sql: async (text, values) => (await pool.query(text, values)).rows,
    async metric(name, at = service.url) {
      const text = await (await fetch(`${at}/metrics`)).text()
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
    },
    async close() {
      await Promise.all(running.map(one => one.close()))
      await pool.end()
      await postgres.stop()
      await pages.close()
      await rm(directory, { recursive: true })
    },
  }
}

const everyone = (role: string) => [{ name: role, claims: [{ path: '$.roles[*]', value: role }] }]

/** A domain's settings as its administrator sends them: care providers pseudonymise and identify. */
export function newDomain(world: Pick<World, 'jku'>, domain: string, more: Record<string, unknown> = {}) {
  const operations = more.back === false ? ['pseudonymize'] : ['pseudonymize', 'identify']
  return {
    domain,
    description: 'For tests',
    valueFormat: 'text',
    jku: [world.jku],
    owner: { clientIds: ['owner-1'] },
    accessRule: rule(domain, ...operations.map(operation => ({ operation }))),
    ...more,
  }
}

/** Details for everybody with the role `care`, unless they name groups. */
export function rule(domain: string, ...details: Record<string, unknown>[]) {
  return { domain, type: 'custom', details: details.map(detail => ({ userGroups: everyone('care'), ...detail })) }
}

export { everyone }

/** Creates it, and fails the test when that fails. */
export async function createDomain(world: World, domain: string, more: Record<string, unknown> = {}) {
  const answer = await world.call('POST', '/pseudo/v2/domains', newDomain(world, domain, more), { as: admin })
  if (answer.status !== 201) throw new Error(`not created: ${JSON.stringify(answer.body)}`)
  return answer.body
}
