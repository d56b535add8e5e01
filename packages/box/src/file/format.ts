/**
 * What stands in a box file: three lines.
 *
 *     header  {"format","id","scrypt":{N,r,p,salt},"dataKey"}   dataKey wrapped by scrypt(passphrase), AES-256-GCM
 *     body    {"revision","keys":[…]}                           each private key AES-256-GCM under the data key
 *     mac     HMAC-SHA-256 of both lines under a key derived from the data key
 *
 * The MAC guards what is not secret too: states, public parts, the absence of a key. Whoever has the passphrase has every
 * key. An older copy of the whole file is a valid file: only a process that saw the newer one knows.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto'
import type { KeyKind } from '../box.ts'
import { BoxError } from '../box-error.ts'
import type { Instant, KeyState, Limits } from '../states.ts'

/** One key as it stands in the file; binary in base64. `sealed` is gone once the key is destroyed. */
export interface KeyRecord {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly kind: KeyKind
  readonly limits: Limits
  readonly created: Instant
  readonly state: KeyState
  readonly since: Instant
  readonly wasCompromised: boolean
  readonly publicPart?: string
  readonly sealed?: string
}

export interface Contents {
  /** Rises with every write. */
  readonly revision: number
  readonly keys: readonly KeyRecord[]
}

/** What an opened box keeps to read and write its file; the passphrase is not among it. */
export interface FileKey {
  readonly header: string
  readonly id: string
  readonly dataKey: Uint8Array
  readonly macKey: Uint8Array
}

const format = 'littlebox-box/1'
const cost = { N: 2 ** 17, r: 8, p: 1 } as const

/** Keys for a new file. */
export async function makeFileKey(passphrase: Uint8Array): Promise<FileKey> {
  const id = randomBytes(16).toString('hex')
  const salt = randomBytes(32)
  const dataKey = randomBytes(32)
  const wrapped = encrypt(await stretch(passphrase, salt), dataKey, [format, id])
  const header = { format, id, scrypt: { ...cost, salt: salt.toString('base64') }, dataKey: wrapped }
  return fileKey(JSON.stringify(header), id, dataKey)
}

/** Opens a file's header. BoxError `state-unknown` when it is none, `pin-refused` when the passphrase does not open it. */
export async function unlock(text: string, passphrase: Uint8Array): Promise<FileKey> {
  const { header } = lines(text)
  const { id, salt, wrapped } = parseHeader(header)
  const dataKey = decrypt(await stretch(passphrase, salt), wrapped, [format, id])
  if (dataKey === undefined) throw new BoxError('pin-refused', 'the passphrase does not open this box')
  return fileKey(header, id, dataKey)
}

export function serialize(key: FileKey, contents: Contents): string {
  const body = JSON.stringify(contents)
  return `${key.header}\n${body}\n${mac(key, body).toString('base64')}\n`
}

/** BoxError `state-unknown` when the file is another box's, was cut short or was changed by someone without the key. */
export function parse(key: FileKey, text: string): Contents {
  const { header, body, tag } = lines(text)
  if (header !== key.header) throw new BoxError('state-unknown', 'the file is another box')
  const [given, computed] = [Buffer.from(tag, 'base64'), mac(key, body)]
  if (given.length !== computed.length || !timingSafeEqual(given, computed))
    throw new BoxError('state-unknown', 'the box file was changed from outside')
  return JSON.parse(body) as Contents
}

/** A private key under the data key, bound to what it is: id, name, version, purpose, curve, direction. */
export function sealPrivate(key: FileKey, record: Omit<KeyRecord, 'sealed'>, bytes: Uint8Array): string {
  return encrypt(key.dataKey, bytes, attributes(key, record))
}

/** BoxError `state-unknown` when the key stands under attributes that are not its own. */
export function openPrivate(key: FileKey, record: KeyRecord, sealed: string): Uint8Array {
  const bytes = decrypt(key.dataKey, sealed, attributes(key, record))
  if (bytes === undefined)
    throw new BoxError('state-unknown', `the attributes of ${record.name}@${record.version} are not its own`)
  return bytes
}

function attributes({ id }: FileKey, record: Omit<KeyRecord, 'sealed'>): readonly unknown[] {
  const { purpose, algorithm } = record.kind
  const direction = purpose === 'multiply' ? record.kind.direction : ''
  return [id, record.id, record.name, record.version, purpose, algorithm, direction]
}

function fileKey(header: string, id: string, dataKey: Uint8Array): FileKey {
  return { header, id, dataKey, macKey: new Uint8Array(hkdfSync('sha256', dataKey, '', `${format} mac`, 32)) }
}

function mac(key: FileKey, body: string): Buffer {
  return createHmac('sha256', key.macKey).update(`${key.header}\n${body}\n`).digest()
}

function lines(text: string): { header: string; body: string; tag: string } {
  const [header, body, tag, rest, ...more] = text.split('\n')
  if (header === undefined || body === undefined || tag === undefined || rest !== '' || more.length > 0)
    throw new BoxError('state-unknown', 'not a box file, or one that was cut short')
  return { header, body, tag }
}

/** Nothing in the header is trusted before the passphrase has opened it, its costs least of all. */
function parseHeader(header: string): { id: string; salt: Buffer; wrapped: string } {
  const shape =
    /^\{"format":"littlebox-box\/1","id":"([0-9a-f]{32})","scrypt":\{"N":131072,"r":8,"p":1,"salt":"([\w+/=]{44})"\},"dataKey":"([\w+/=]{80})"\}$/
  const [, id, salt, wrapped] = shape.exec(header) ?? []
  if (id === undefined || salt === undefined || wrapped === undefined)
    throw new BoxError('state-unknown', 'not a box file of a kind known here')
  return { id, salt: Buffer.from(salt, 'base64'), wrapped }
}

function stretch(passphrase: Uint8Array, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { ...cost, maxmem: 256 * 2 ** 20 }
    scrypt(passphrase, salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}

/** nonce ‖ ciphertext ‖ tag in base64, AES-256-GCM; random nonces: a box holds far fewer than 2³² keys. */
function encrypt(key: Uint8Array, plaintext: Uint8Array, bound: readonly unknown[]): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(JSON.stringify(bound)))
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

function decrypt(key: Uint8Array, text: string, bound: readonly unknown[]): Uint8Array | undefined {
  const sealed = Buffer.from(text, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
    .setAAD(Buffer.from(JSON.stringify(bound)))
    .setAuthTag(sealed.subarray(-16))
  const plaintext = decipher.update(sealed.subarray(12, -16))
  try {
    decipher.final()
    return Uint8Array.from(plaintext)
  } catch {
    return undefined
  } finally {
    plaintext.fill(0)
  }
}
