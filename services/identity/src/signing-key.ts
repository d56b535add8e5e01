/**
 * The key that signs access tokens (ES256): a private JWK in `signing-key.json`, mode 0600.
 *
 * It is made by `init` and by nothing else; a start without it fails. Whoever reads the file can be anyone towards
 * every service that trusts this issuer: good enough for evaluation, which is all that the stand-in is for.
 */
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import { z } from 'zod'
import { createFile, isSystemError, parseJson } from './files.ts'
import { IdentityError } from './identity-error.ts'

export type SigningKey = z.infer<typeof signingKey>

export const signingKeyPath = (directory: string): string => join(directory, 'signing-key.json')

/** Makes the directory (0700) when it is missing, and the key. IdentityError `signing-key-exists`. */
export async function createSigningKey(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = signingKeyPath(directory)
  const content = `${JSON.stringify(await newPrivateJwk())}\n`
  try {
    await createFile(path, content, 0o600)
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error
    throw new IdentityError('signing-key-exists', `${path} exists already; a signing key is never overwritten`)
  }
}

/** IdentityError `signing-key-missing`, `signing-key-exposed` (others may read it) or `signing-key-invalid`. */
export async function readSigningKey(directory: string): Promise<SigningKey> {
  const path = signingKeyPath(directory)
  const json = parseJson(await readPrivateFile(path, directory))
  const parsed = signingKey.safeParse('value' in json ? json.value : undefined)
  if (!parsed.success) {
    throw new IdentityError('signing-key-invalid', `${path} holds no private ES256 JWK as \`init\` writes it`)
  }
  return parsed.data
}

/** A fresh ES256 key pair as a private JWK, named by its RFC 7638 thumbprint. */
export async function newPrivateJwk(): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey)
  return signingKey.parse({ ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' })
}

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/)

const signingKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
  d: coordinate,
  kid: z.string().min(1),
  alg: z.literal('ES256'),
  use: z.literal('sig'),
})

async function readPrivateFile(path: string, directory: string): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const { mode } = await file.stat()
      if ((mode & 0o077) !== 0) {
        throw new IdentityError('signing-key-exposed', `others may read ${path}: run \`chmod 600 ${path}\``)
      }
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
    throw new IdentityError(
      'signing-key-missing',
      `there is no signing key at ${path}: run \`node --conditions=littlebox:source services/identity/src/main.ts init ${directory}\``,
    )
  }
}
