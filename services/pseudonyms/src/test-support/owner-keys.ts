/** For tests: an owner's RSA key with its certificate, as a JWKS shows it, and a server that publishes what it is told. */
import { createHash, randomUUID, webcrypto } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, type JWK } from 'jose'

// The container inside @peculiar/x509 refuses to load without these, and then does without them.
Object.assign(Reflect, {
  getMetadata: () => undefined,
  getOwnMetadata: () => undefined,
  defineMetadata: () => undefined,
})
const { X509CertificateGenerator } = await import('@peculiar/x509')

export interface OwnerKeyPair {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

export async function ownerKeyPair(bits = 2048): Promise<OwnerKeyPair> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: bits,
    publicExponent: Uint8Array.of(1, 0, 1),
  }
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair
  const certificate = await X509CertificateGenerator.createSelfSigned(
    { name: 'CN=Littlebox test owner', keys, signingAlgorithm: algorithm },
    webcrypto as Crypto,
  )
  const der = Buffer.from(certificate.rawData)
  const kid = randomUUID()
  const { n, e } = await exportJWK(keys.publicKey)
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  const oaep = { name: 'RSA-OAEP', hash: 'SHA-256' }
  const privateKey = (await webcrypto.subtle.importKey('pkcs8', pkcs8, oaep, false, ['decrypt'])) as CryptoKey
  const publicJwk = {
    kty: 'RSA',
    use: 'enc',
    kid,
    n: n!,
    e: e!,
    x5c: [der.toString('base64')],
    'x5t#S256': createHash('sha256').update(der).digest('base64url'),
  }
  return { kid, privateKey, publicJwk }
}

export interface Publisher {
  readonly origin: string
  /** What each path answers. */
  readonly paths: Map<string, (request: IncomingMessage, response: ServerResponse) => void>
  publish(path: string, body: unknown): string
  close(): Promise<void>
}

export async function publisher(): Promise<Publisher> {
  const paths: Publisher['paths'] = new Map()
  const server = createServer((request, response) => {
    const answer = paths.get(request.url ?? '')
    if (answer) answer(request, response)
    else response.writeHead(404).end()
  })
  await new Promise<void>(listening => void server.listen(0, '127.0.0.1', listening))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    paths,
    publish(path, body) {
      paths.set(path, (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      })
      return `${origin}${path}`
    },
    async close() {
      server.closeAllConnections()
      await new Promise(closed => server.close(closed))
    },
  }
}
