import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type EmbeddedPostgres, startTemporaryPostgres } from '@littlebox/kit/store'
import { repository, type ServiceProcess, startService } from '@littlebox/stack'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// docs/operate/install.md, "The identity provider": an issuer that is not ours, and the service's own commands.

const audience = 'https://pseudonyms.example'
const main = 'services/pseudonyms/src/main.ts'
let directory: string
let postgres: EmbeddedPostgres
let provider: Server
let issuer: string
let service: ServiceProcess
let signingKey: CryptoKey
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'littlebox-provider-'))
  postgres = await startTemporaryPostgres()
  const keys = await generateKeyPair('ES256')
  signingKey = keys.privateKey
  const jwks = JSON.stringify({
    keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }],
  })
  provider = createServer((_request, response) => response.end(jwks)).listen(0, '127.0.0.1')
  await once(provider, 'listening')
  issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/realms/nation`
  const passphrase = join(directory, 'box.passphrase')
  await writeFile(passphrase, randomBytes(32).toString('base64'), { mode: 0o600 })
  env = {
    DATABASE_URL: postgres.url,
    LITTLEBOX_PUBLIC_URL: audience,
    LITTLEBOX_AUDIENCE: audience,
    LITTLEBOX_ISSUER: issuer,
    LITTLEBOX_JWKS_URL: `${issuer}/certs`,
    LITTLEBOX_BEARER_CLIENTS: 'gp',
    LITTLEBOX_BOX: 'file-evaluation-only',
    LITTLEBOX_BOX_FILE: join(directory, 'box.json'),
    LITTLEBOX_BOX_PASSPHRASE_FILE: passphrase,
    PORT: '0',
  }
  const init = ['--conditions=littlebox:source', join(repository, main), 'init']
  await promisify(execFile)(process.execPath, init, { env: { PATH: process.env.PATH, ...env }, timeout: 30_000 })
  service = await startService({ main, args: ['serve'], env, log: join(directory, 'log') })
})

afterAll(async () => {
  await service?.stop()
  await postgres?.stop()
  if (provider?.listening) provider.close()
  await rm(directory, { recursive: true, force: true })
})

type Claims = Readonly<Record<string, unknown>>

/** With everything that install.md asks for, and what `change` puts over it. */
async function token(change: Claims = {}, header: { typ?: string } = { typ: 'at+jwt' }): Promise<string> {
  const iat = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer, aud: audience, client_id: 'gp', organisation: 'practice', sub: 'gp', roles: [] }
  return new SignJWT({ ...claims, iat, exp: iat + 300, ...change })
    .setProtectedHeader({ alg: 'ES256', kid: 'one', ...header })
    .sign(signingKey)
}

/** 404 when the caller is known: there is no such domain. */
async function ask(bearer: string): Promise<number> {
  const headers = { authorization: `Bearer ${bearer}` }
  return (await fetch(`${service.url}/pseudo/v1/domains/none`, { headers })).status
}

describe('an access token of another provider', () => {
  it('is taken with the claims of the table', async () => {
    expect(await ask(await token())).toBe(404)
  })

  it('may have azp in the place of client_id, and application/at+jwt as typ', async () => {
    expect(await ask(await token({ client_id: undefined, azp: 'gp' }))).toBe(404)
    expect(await ask(await token({}, { typ: 'application/at+jwt' }))).toBe(404)
  })

  it.each<[string, Claims, { typ?: string }?]>([
    ['no typ', {}, {}],
    ['typ JWT', {}, { typ: 'JWT' }],
    ['another aud', { aud: 'https://other.example' }],
    ['a second aud', { aud: [audience, 'account'] }],
    ['another iss', { iss: 'https://other.example' }],
    ['no client_id and no azp', { client_id: undefined }],
    ['no organisation', { organisation: undefined }],
    ['no sub', { sub: undefined }],
    ['a person’s number for an organisation', { organisation: '85.07.30-033.28' }],
    ['roles that are no array', { roles: 'domain-admin' }],
    ['exp more than a minute ago', { exp: Math.floor(Date.now() / 1000) - 61 }],
    ['iat more than a minute ahead', { iat: Math.floor(Date.now() / 1000) + 120 }],
    ['a client that may not use plain bearer', { client_id: 'other' }],
  ])('is refused with %s', async (_name, change, header) => {
    expect(await ask(await token(change, header))).toBe(401)
  })

  it('may have a UUID or a company’s number for a name', async () => {
    expect(await ask(await token({ organisation: '0123456789' }))).toBe(404)
    expect(await ask(await token({ organisation: '3f2a1c9e-8d47-4b61-9a35-0c7e5d1b2f84' }))).toBe(404)
  })
})

describe('recover.md: the identity provider is away', () => {
  it('a replica that has its keys goes on; one that starts answers 503 and is ready', async () => {
    provider.close()
    provider.closeAllConnections()
    await once(provider, 'close')
    expect(await ask(await token())).toBe(404)
    await service.stop()
    service = await startService({ main, args: ['serve'], env, log: join(directory, 'log') })
    expect(await ask(await token())).toBe(503)
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200)
  })
})
