import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSecretKeys, parseDomain, sealSecretKey } from '@littlebox/pseudonym'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeOwnerKeys, type OwnerFiles } from './owner-keys.ts'

let directory: string
let files: OwnerFiles
const now = new Date('2026-11-20T00:00:00Z')
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'owner-keys-'))
  files = await makeOwnerKeys({ directory: join(directory, 'owner'), name: 'A backend', atRestKeyId: 'k1', now })
})
afterAll(() => rm(directory, { recursive: true }))

const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'))

describe('owner init', () => {
  it('publishes RSA-3072 for encryption with x5c and x5t#S256 (RFC 7517 §4.2, §4.7, §4.9), and nothing private', async () => {
    const { keys } = await json(files.jwks)
    expect(keys).toHaveLength(1)
    expect(Object.keys(keys[0]).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use', 'x5c', 'x5t#S256'])
    expect(keys[0]).toMatchObject({ kty: 'RSA', use: 'enc', alg: 'RSA-OAEP-256' })
    expect(Buffer.from(keys[0].n, 'base64url')).toHaveLength(384)
    const certificate = new X509Certificate(Buffer.from(keys[0].x5c[0], 'base64'))
    expect(certificate.subject).toBe('CN=A backend')
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(new Date(certificate.validTo)).toEqual(new Date('2031-11-20T00:00:00Z'))
    expect(certificate.publicKey.export({ format: 'jwk' })).toMatchObject({ n: keys[0].n, e: keys[0].e })
    expect(Buffer.from(keys[0]['x5t#S256'], 'base64url').toString('hex')).toBe(
      certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    )
  })

  it('makes a private key that opens what is sealed to the published one', async () => {
    const [published] = (await json(files.jwks)).keys
    const key = await json(files.encryptionKey)
    const secret = crypto.getRandomValues(new Uint8Array(32))
    const sealed = await sealSecretKey({ kid: 't1', secret }, true, [
      { kid: published.kid, jku: 'https://x', key: published },
    ])
    const domain = parseDomain({
      domain: 'd',
      desc: '',
      crv: 'P-256',
      audience: 'a',
      bufferSize: 8,
      timeToLiveInTransit: 'PT10M',
      jku: [],
      secretKeys: [sealed],
    })
    expect((await openSecretKeys(domain, [{ kid: key.kid, key }])).active.secret).toEqual(secret)
  })

  it('makes secrets that only their user can read, the key at rest of 64 bytes', async () => {
    for (const path of [files.encryptionKey, files.atRestKey]) expect((await stat(path)).mode & 0o777).toBe(0o600)
    const { id, secret } = await json(files.atRestKey)
    expect([id, Buffer.from(secret, 'base64url').length]).toEqual(['k1', 64])
  })

  it('never overwrites: output-exists, whichever file is there', async () => {
    for (const name of ['encryption-key.jwk.json', 'at-rest-key.json', 'jwks.json']) {
      const other = await mkdtemp(join(directory, 'other-'))
      await writeFile(join(other, name), 'mine')
      const making = makeOwnerKeys({ directory: other, name: 'A', atRestKeyId: 'k1', now })
      await expect(making).rejects.toMatchObject({ code: 'output-exists' })
      expect(await readFile(join(other, name), 'utf8')).toBe('mine')
    }
  })

  it('usage: an unfit key id', async () => {
    for (const atRestKeyId of ['', 'a.b', 'bare'])
      await expect(makeOwnerKeys({ directory, name: 'A', atRestKeyId, now })).rejects.toMatchObject({ code: 'usage' })
  })
})
