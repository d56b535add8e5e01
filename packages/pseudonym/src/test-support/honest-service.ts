/**
 * An honest counterpart for the SDK's tests: the protocol of pseudonyms.md §3 to §6 over real HTTP, with real keys, and no
 * database, access rules or quotas. A test may bend single answers (`bend`) to see what the SDK makes of it.
 */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type CurveName,
  compress,
  type Engine,
  type Point,
  parsePoint,
  randomScalar,
  type Scalar,
} from '@littlebox/curve'
import type { JWK } from 'jose'
import {
  coordinates,
  type DomainDocument,
  type Encoding,
  type Item,
  type OwnerKey,
  openTransit,
  type ProblemBody,
  parseDuration,
  sealSecretKey,
  sealTransit,
  type TransitKey,
  uncompressed,
  type ValueFormat,
} from '../index.ts'

export interface TestDomain {
  readonly name: string
  readonly curve?: CurveName
  readonly valueFormat?: ValueFormat
  readonly encoding?: Encoding
  readonly back?: boolean
  readonly evaluate?: boolean
  readonly publicKey?: string
}

/** What the service would answer. */
interface Reply {
  status: number
  body: unknown
  headers: Record<string, string>
}

interface Exchange {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

/** Changes an honest reply, or does something else with the connection and gives undefined. */
export type Bend = (reply: Reply, exchange: Exchange, response: ServerResponse) => Reply | undefined

export interface HonestService {
  readonly url: string
  /** Every request that came, in order. */
  readonly seen: Exchange[]
  readonly ownerKey: OwnerKey
  bend: Bend | undefined
  /** A new active transit key for the domain; the old ones still open. */
  rotate(domain: string): string
  /** The pseudonym P of a value's point, as nobody in production can have it. */
  pseudonymOf(domain: string, point: Point): Promise<Point>
  close(): Promise<void>
}

interface DomainState extends TestDomain {
  readonly curve: CurveName
  readonly key: Scalar
  readonly transitKeys: TransitKey[]
}

const lifetime = 'PT10M'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

export async function startHonestService(engine: Engine, domains: readonly TestDomain[]): Promise<HonestService> {
  const states = new Map<string, DomainState>()
  for (const domain of domains) {
    const name = domain.curve ?? 'P-256'
    states.set(domain.name, { ...domain, curve: name, key: randomScalar(name), transitKeys: [newTransitKey()] })
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const service: HonestService = {
    url,
    seen: [],
    ownerKey: { kid: 'owner-1', key: rsa.privateKey.export({ format: 'jwk' }) as JWK },
    bend: undefined,
    rotate(name) {
      const key = newTransitKey()
      states.get(name)!.transitKeys.push(key)
      return key.kid
    },
    async pseudonymOf(name, point) {
      return (await engine.multiply([point], [[states.get(name)!.key]]))[0]!
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return service

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const exchange = { method: request.method!, path: request.url!, headers: request.headers, body }
    service.seen.push(exchange)
    const honest: Reply = { headers: {}, ...(await reply(exchange)) }
    const bent = service.bend ? service.bend(honest, exchange, response) : honest
    if (!bent) return
    const payload = typeof bent.body === 'string' ? bent.body : JSON.stringify(bent.body)
    response.writeHead(bent.status, { 'content-type': 'application/json', ...bent.headers })
    response.end(payload)
  }

  async function reply({ method, path, body }: Exchange): Promise<{ status: number; body: unknown }> {
    const [, , version, , name = '', operation, target] = path.split('/')
    const domain = states.get(name)
    const to = target === undefined ? domain : states.get(target)
    if (!domain || !to) return refused(404, 'unknown-domain')
    if (method === 'GET') return { status: 200, body: await document(domain) }
    if (version === 'v2') {
      const encodings = (body as { blinded: string[] }).blinded.map(text => Buffer.from(text, 'base64url'))
      const points = encodings.map(bytes => parsePoint(domain.curve, bytes))
      const evaluated = await engine.multiply(
        points,
        points.map(() => [domain.key]),
      )
      const texts = evaluated.map(point => Buffer.from(compress(point)).toString('base64url'))
      return { status: 200, body: { evaluated: texts, mode: 'oprf' } }
    }
    const { inputs } = body as { inputs: Item[] }
    const outputs = await Promise.all(inputs.map(item => output(operation!, domain, to, item)))
    return { status: 200, body: { outputs } }
  }

  async function output(operation: string, domain: DomainState, to: DomainState, item: Item): Promise<unknown> {
    const now = Math.floor(Date.now() / 1000)
    const encoding = uncompressed(domain.curve, item.x, item.y)
    const [point] = encoding && item.crv === domain.curve ? await engine.parse(domain.curve, [encoding]) : []
    if (!point) return refused(400, 'invalid-point').body
    const factors: Scalar[] = []
    if (item.transitInfo !== undefined) {
      const keys = new Map(domain.transitKeys.map(({ kid, secret }) => [kid, secret]))
      const scope = { curve: domain.curve, audience: audienceOf(domain) }
      try {
        factors.push(openTransit(scope, keys, item.transitInfo, now).scalar)
      } catch {
        return refused(400, 'invalid-transit-info').body
      }
    }
    const [back] = engine.invert([domain.key])
    const isForward = operation === 'pseudonymizeMultiple'
    if (isForward) factors.push(domain.key)
    else if (operation === 'identifyMultiple') factors.push(back!)
    else factors.push(back!, to.key)
    const times = { iat: now, exp: now + parseDuration(lifetime) }
    const made = { id: crypto.randomUUID(), domain: to.name, inResponseTo: item.id, ...times }
    if (operation === 'identifyMultiple') {
      const [result] = await engine.multiply([point], [factors])
      return { ...made, ...coordinates(result!) }
    }
    const r = randomScalar(to.curve)
    const [result] = await engine.multiply([point], [[...factors, engine.invert([r])[0]!]])
    const transitInfo = sealTransit(to.transitKeys.at(-1)!, {
      scalar: r,
      audience: audienceOf(to),
      issuedAt: times.iat,
      expiresAt: times.exp,
    })
    return { ...made, ...coordinates(result!), transitInfo }
  }

  async function document(domain: DomainState): Promise<DomainDocument> {
    const recipient = {
      kid: 'owner-1',
      jku: 'https://owner.example/jwks',
      key: rsa.publicKey.export({ format: 'jwk' }) as JWK,
    }
    const { name, encoding = 'reversible', valueFormat = 'be-nrn', back = true, evaluate = false, publicKey } = domain
    return {
      domain: name,
      desc: `${name} of a test`,
      crv: domain.curve,
      audience: audienceOf(domain),
      bufferSize: 8,
      timeToLiveInTransit: lifetime,
      jku: [recipient.jku],
      secretKeys: await Promise.all(
        domain.transitKeys.map((key, i) => sealSecretKey(key, i === domain.transitKeys.length - 1, [recipient])),
      ),
      littlebox: { encoding, valueFormat, back, evaluate, ...(publicKey === undefined ? {} : { publicKey }) },
    }
  }
}

export function refused(status: number, code: string): { status: number; body: ProblemBody } {
  return {
    status,
    body: { type: `urn:problem-type:littlebox:${code}`, title: code, status, detail: 'as the test wants it' },
  }
}

function audienceOf({ name }: TestDomain): string {
  return `https://pseudonyms.example/pseudo/v1/domains/${name}`
}

function newTransitKey(): TransitKey {
  return { kid: crypto.randomUUID(), secret: crypto.getRandomValues(new Uint8Array(32)) }
}
