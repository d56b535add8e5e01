/**
 * The keys that a domain owner makes before its domain is created: the RSA-3072 key that the domain's transit keys are
 * sealed to (private half as JWK; public half as JWKS with a self-signed certificate, to publish), and the 64-byte key that
 * seals its pseudonyms at rest. They are made here and leave only as these files; existing ones are never overwritten,
 * because what is sealed under a lost key is lost. RSA-OAEP falls to a quantum computer (pseudonyms.md §9, §14).
 */
import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose'
import { CliError } from './cli-error.ts'

export interface OwnerFiles {
  /** 0600: opens the domain's transit keys. */
  readonly encryptionKey: string
  /** 0600: opens the column of pseudonyms at rest. */
  readonly atRestKey: string
  /** Public, to be served at the domain's `jku`. */
  readonly jwks: string
}

export interface OwnerKeyOptions {
  readonly directory: string
  /** Common name of the certificate. */
  readonly name: string
  /** Names the key at rest in every column value: letters, digits, `-` and `_`. */
  readonly atRestKeyId: string
  readonly now: Date
}

const certificateYears = 5

/** CliError `output-exists` when any of the files is there already. */
export async function makeOwnerKeys({ directory, name, atRestKeyId, now }: OwnerKeyOptions): Promise<OwnerFiles> {
  if (!/^[\w-]{1,64}$/.test(atRestKeyId) || atRestKeyId === 'bare')
    throw new CliError('usage', 'the key id has up to 64 letters, digits, - and _, and is not "bare"')
  const files: OwnerFiles = {
    encryptionKey: join(directory, 'encryption-key.jwk.json'),
    atRestKey: join(directory, 'at-rest-key.json'),
    jwks: join(directory, 'jwks.json'),
  }
  for (const file of Object.values(files)) await refuseExisting(file)
  const { privateJwk, publicJwk } = await makeEncryptionKey(name, now)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeNew(files.atRestKey, { id: atRestKeyId, secret: randomBytes(64).toString('base64url') }, 0o600)
  await writeNew(files.encryptionKey, privateJwk, 0o600)
  await writeNew(files.jwks, { keys: [publicJwk] }, 0o644)
  return files
}

/** RSA-OAEP-256, RFC 7517 §4.7 (`x5c`) and §4.9 (`x5t#S256`); the key id is the RFC 7638 thumbprint. */
async function makeEncryptionKey(name: string, now: Date): Promise<{ privateJwk: JWK; publicJwk: JWK }> {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  // WebCrypto ties a key to one algorithm: it signs its certificate as PKCS #1 v1.5 here and is used as RSA-OAEP later.
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 3072,
    publicExponent: new Uint8Array([1, 0, 1]),
  }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const notAfter = new Date(now)
  notAfter.setUTCFullYear(now.getUTCFullYear() + certificateYears)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(16).toString('hex').replace(/^./, '1'),
    name: [{ CN: [name] }],
    notBefore: now,
    notAfter,
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyEncipherment, true),
    ],
  })
  const der = Buffer.from(certificate.rawData)
  const { kty, n, e } = (await exportJWK(keys.publicKey)) as { kty: string; n: string; e: string }
  const kid = await calculateJwkThumbprint({ kty, n, e })
  const { alg: _signing, key_ops: _operations, ext: _extractable, ...secret } = await exportJWK(keys.privateKey)
  const described = { kid, use: 'enc', alg: 'RSA-OAEP-256' }
  return {
    privateJwk: { ...secret, ...described },
    publicJwk: {
      kty,
      n,
      e,
      ...described,
      x5c: [der.toString('base64')],
      'x5t#S256': createHash('sha256').update(der).digest('base64url'),
    },
  }
}

async function refuseExisting(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found) throw exists(path)
}

/** On the disk once this returns. */
async function writeNew(path: string, content: unknown, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode).catch((cause: unknown) => {
    throw cause instanceof Error && 'code' in cause && cause.code === 'EEXIST' ? exists(path) : cause
  })
  try {
    await file.writeFile(`${JSON.stringify(content, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

function exists(path: string): CliError {
  return new CliError('output-exists', `${path} exists; a key is never overwritten`, 'Choose another directory.')
}
