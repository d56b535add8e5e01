/**
 * Who the command is and where the service is: a JSON file that only its user can read. Paths in it are relative to it.
 * What would be dangerous (http without TLS) can't stand in it: that takes a flag.
 */
import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { AtRestKey, AtRestKeys, OwnerKey } from '@littlebox/pseudonym'
import type { JWK } from 'jose'
import { z } from 'zod'
import { CliError } from './cli-error.ts'

export interface Profile {
  readonly path: string
  readonly service: readonly string[]
  readonly issuer: string
  /** The service's own identifier, for which tokens are made (RFC 8707). */
  readonly resource: string
  readonly clientId: string
  readonly privateKey: JWK
  /** Reads the owner's keys; CliError `profile-invalid` when the profile has none. */
  readonly ownerKeys: () => Promise<OwnerKeys>
}

export interface OwnerKeys {
  readonly privateKeys: readonly OwnerKey[]
  readonly atRestKeys: AtRestKeys
}

export const defaultProfile: string = join(homedir(), '.config', 'littlebox', 'profile.json')

const privateJwk = z.looseObject({
  kty: z.enum(['EC', 'OKP', 'RSA']),
  d: z.string(),
  alg: z.string().optional(),
  kid: z.string().optional(),
})

const profileSchema = z.strictObject({
  service: z.union([z.url().transform(url => [url]), z.array(z.url()).min(1)]),
  issuer: z.url(),
  resource: z.string().min(1),
  clientId: z.string().min(1),
  privateKey: z.union([z.string().min(1), privateJwk]),
  dpop: z.literal(true).optional(),
  owner: z
    .strictObject({
      privateKeys: z.array(z.string().min(1)).min(1),
      atRestKeys: z.strictObject({
        active: z.string().min(1),
        former: z.array(z.string().min(1)).default([]),
      }),
    })
    .optional(),
})

const ownerKeySchema = privateJwk.extend({ kty: z.literal('RSA'), kid: z.string() })

const atRestKeySchema = z.strictObject({
  id: z.string().regex(/^[\w-]{1,64}$/),
  secret: z.base64url().transform(text => new Uint8Array(Buffer.from(text, 'base64url'))),
})

/** CliError `profile-invalid` naming what does not fit, `file-mode` when others may read a file with a secret. */
export async function readProfile(path: string): Promise<Profile> {
  const { owner, privateKey, dpop: _always, ...rest } = await readSecret(path, profileSchema, 'profile')
  const from = (name: string) => resolve(dirname(path), name)
  return {
    path,
    ...rest,
    privateKey: (typeof privateKey === 'string'
      ? await readSecret(from(privateKey), privateJwk, 'private key')
      : privateKey) as JWK,
    async ownerKeys() {
      if (!owner)
        throw new CliError(
          'profile-invalid',
          `the profile ${path} has no owner's keys`,
          'This is a command for the owner of a domain: `littlebox owner init DIR` makes the keys; name them under "owner".',
        )
      const privateKeys = owner.privateKeys.map(async (name): Promise<OwnerKey> => {
        const key = await readSecret(from(name), ownerKeySchema, "owner's key")
        return { kid: key.kid, key: key as JWK }
      })
      const atRestKey = (name: string): Promise<AtRestKey> => readSecret(from(name), atRestKeySchema, 'key at rest')
      return {
        privateKeys: await Promise.all(privateKeys),
        atRestKeys: {
          active: await atRestKey(owner.atRestKeys.active),
          former: await Promise.all(owner.atRestKeys.former.map(atRestKey)),
        },
      }
    },
  }
}

async function readSecret<T>(path: string, schema: z.ZodType<T>, what: string): Promise<T> {
  await checkMode(path, what)
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch {
    // The cause would quote the file.
    throw new CliError('profile-invalid', `the ${what} ${path} is not JSON`)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const places = parsed.error.issues.map(issue => `${issue.path.join('.') || '(top)'}: ${issue.message}`)
  throw new CliError('profile-invalid', `the ${what} ${path} does not fit: ${places.join('; ')}`, 'See the README.')
}

async function checkMode(path: string, what: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new CliError(
      'profile-invalid',
      `the ${what} ${path} can't be read`,
      'Name a profile with --profile FILE or LITTLEBOX_PROFILE.',
      cause,
    )
  })
  if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
    throw new CliError('file-mode', `others may read the ${what} ${path}`, `Do: chmod 600 ${path}`)
}
