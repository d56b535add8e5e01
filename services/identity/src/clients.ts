/**
 * Who may ask for a token, and what the token then says: `clients.json`, parsed by schema.
 *
 * The file holds public keys only. It is looked at again at every token request (one `stat`), so that a client
 * added, changed or removed counts from the next request on. A file that has become wrong refuses every client until
 * it is mended: going on with what was read before would keep a client alive that was taken out.
 */
import { createPublicKey } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { isSystemError, parseJson } from './files.ts'
import { IdentityError } from './identity-error.ts'

export type ClientEntry = z.infer<typeof clientEntry>

export interface Clients {
  /** Reads the file anew when it has changed. IdentityError `clients-missing` or `clients-invalid`. */
  find(clientId: string): Promise<ClientEntry | undefined>
  /** Resolves when the file as it now stands could answer; the same errors otherwise. */
  check(): Promise<void>
}

export const clientsPath = (directory: string): string => join(directory, 'clients.json')

/** IdentityError `clients-missing` or `clients-invalid` at once, not at the first request. */
export async function openClients(directory: string): Promise<Clients> {
  const path = clientsPath(directory)
  let version = await fileVersion(path)
  let entries = byId(await readClients(directory))
  const check = async () => {
    // The version is taken before the content: a change in between is seen by the next request.
    const current = await fileVersion(path)
    if (current === version) return
    entries = byId(await readClients(directory))
    version = current
  }
  return {
    check,
    async find(clientId) {
      await check()
      return entries.get(clientId)
    },
  }
}

/** The file's clients. IdentityError `clients-missing`, or `clients-invalid` naming every wrong place. */
export async function readClients(directory: string): Promise<readonly ClientEntry[]> {
  const path = clientsPath(directory)
  const json = parseJson(await orMissing(path, readFile(path, 'utf8')))
  if ('mistake' in json) throw new IdentityError('clients-invalid', `${path}: ${json.mistake}`)
  const parsed = clientsFile.safeParse(json.value)
  if (!parsed.success) {
    const places = parsed.error.issues.map(issue => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`)
    throw new IdentityError('clients-invalid', `${path} is no valid list of clients:\n${places.join('\n')}`)
  }
  return parsed.data.clients
}

const name = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9._:-]{0,127}$/, 'a letter, then up to 127 letters, digits and . _ : -')
const names = z.array(name).max(64)
const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/, '32 bytes in base64url')

const publicJwk = z
  .strictObject({
    kty: z.literal('EC'),
    crv: z.literal('P-256'),
    x: coordinate,
    y: coordinate,
    d: z.undefined({ error: 'is a private key; only public keys belong into this file' }).optional(),
    kid: z.string().min(1).max(128).optional(),
    alg: z.literal('ES256').optional(),
    use: z.literal('sig').optional(),
  })
  .refine(({ kty, crv, x, y }) => isPoint({ kty, crv, x, y }), 'is no point on P-256')

/** RFC 8707 §2: an absolute URI without a fragment. */
const resource = z
  .string()
  .refine(uri => URL.canParse(uri) && !uri.includes('#'), 'must be an absolute URI without a fragment (RFC 8707 §2)')

export const clientEntry = z.strictObject({
  client_id: name,
  organisation: name,
  jwks: z.strictObject({ keys: z.array(publicJwk).min(1).max(5) }),
  roles: names.default([]),
  resource_access: z.record(name, z.strictObject({ roles: names })).default({}),
  resources: z.array(resource).min(1).max(50),
  dpop: z.enum(['required', 'plain-bearer']).default('required'),
})

const clientsFile = z.strictObject({
  clients: z.array(clientEntry).superRefine((clients, context) => {
    const seen = new Set<string>()
    for (const [index, { client_id }] of clients.entries()) {
      if (seen.has(client_id)) {
        context.addIssue({ code: 'custom', path: [index, 'client_id'], message: 'is used by an earlier client' })
      }
      seen.add(client_id)
    }
  }),
})

function byId(entries: readonly ClientEntry[]): ReadonlyMap<string, ClientEntry> {
  return new Map(entries.map(entry => [entry.client_id, entry]))
}

/** What changes when the file is replaced or written to. */
async function fileVersion(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await orMissing(path, stat(path, { bigint: true }))
  return `${ino}:${size}:${mtimeNs}`
}

async function orMissing<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
    throw new IdentityError('clients-missing', `there is no list of clients at ${path}; \`init\` makes an empty one`)
  }
}

function isPoint(key: { kty: string; crv: string; x: string; y: string }): boolean {
  try {
    createPublicKey({ key, format: 'jwk' })
    return true
  } catch {
    return false
  }
}
