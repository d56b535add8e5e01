/**
 * For the tests of this folder: a client as it stands outside, speaking HTTP, JWT and DPoP through fetch and jose only,
 * every part of its request open to being wrong.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { logger } from '@littlebox/kit/telemetry'
import { importJWK, type JWTPayload, SignJWT } from 'jose'
import { addClient, type ClientProfile, createClients, type NewClient, newClient } from './enrolment.ts'
import { createSigningKey, type SigningKey } from './signing-key.ts'
import { type RunningIdentity, start } from './start.ts'

export const pseudonyms = 'https://pseudonyms.example'

export interface Fixture extends AsyncDisposable {
  readonly directory: string
  readonly identity: RunningIdentity
  /** The lines logged so far. */
  readonly events: readonly Readonly<Record<string, unknown>>[]
  enrol(client?: Partial<NewClient>): Promise<ClientProfile>
}

/** The real server on a free port, with a directory of its own. */
export async function fixture(): Promise<Fixture> {
  const directory = await temporaryDirectory()
  await createSigningKey(directory)
  await createClients(directory)
  const events: Record<string, unknown>[] = []
  let enrolled = 0
  const log = logger('identity', { write: line => events.push(JSON.parse(line)) })
  const identity = await start({ directory, port: 0, log })
  return {
    directory,
    identity,
    events,
    async enrol(client = {}) {
      const { entry, profile } = await newClient({
        issuer: identity.issuer,
        clientId: `client-${++enrolled}`,
        organisation: 'practice-1',
        resources: [pseudonyms],
        ...client,
      })
      await addClient(directory, entry)
      return profile
    },
    async [Symbol.asyncDispose]() {
      await identity.close()
      await rm(directory, { recursive: true })
    },
  }
}

export function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'identity-'))
}

/** RFC 7523 §3. */
export async function assertion(profile: ClientProfile, claims: JWTPayload = {}, key = profile.privateJwk) {
  const now = Math.floor(Date.now() / 1000)
  const { clientId } = profile
  return new SignJWT({
    iss: clientId,
    sub: clientId,
    aud: profile.issuer,
    iat: now,
    exp: now + 60,
    jti: randomUUID(),
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: profile.privateJwk.kid })
    .sign(await importJWK(key, 'ES256'))
}

/** RFC 9449 §4.2. */
export async function proof(profile: ClientProfile, claims: JWTPayload = {}): Promise<string> {
  const { kty, crv, x, y }: SigningKey = profile.privateJwk
  return new SignJWT({
    htm: 'POST',
    htu: `${profile.issuer}/token`,
    iat: Math.floor(Date.now() / 1000),
    jti: randomUUID(),
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } })
    .sign(await importJWK(profile.privateJwk, 'ES256'))
}

export interface TokenRequest {
  readonly assertion?: string
  /** `undefined` named on purpose sends none. */
  readonly proof?: string | undefined
  readonly resources?: readonly string[]
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

export interface TokenAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

export async function requestToken(profile: ClientProfile, request: TokenRequest = {}): Promise<TokenAnswer> {
  const dpop = 'proof' in request ? request.proof : await proof(profile)
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: request.assertion ?? (await assertion(profile)),
    ...request.form,
  })
  for (const resource of request.resources ?? [pseudonyms]) form.append('resource', resource)
  const response = await fetch(`${profile.issuer}/token`, {
    method: 'POST',
    headers: { ...(dpop === undefined ? {} : { dpop }), ...request.headers },
    body: form,
  })
  return { status: response.status, body: await response.json() }
}
