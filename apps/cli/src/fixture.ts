/**
 * For the tests of this folder: an honest issuer and pseudonymisation service in one small HTTP server, on the protocol's own
 * parts, and a profile for it. It checks no tokens; it can be told to answer badly. The real services stand in tests/.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CurveName, engine as openEngine, parseScalar, randomScalar, type Scalar } from '@littlebox/curve'
import {
  coordinates,
  type Item,
  openTransit,
  type SealedSecretKey,
  sealSecretKey,
  sealTransit,
  uncompressed,
} from '@littlebox/pseudonym'
import { exportJWK, generateKeyPair } from 'jose'
import { makeOwnerKeys } from './owner-keys.ts'

export interface Fixture extends AsyncDisposable {
  readonly directory: string
  readonly path: (name: string) => string
  readonly profile: string
  readonly url: string
  /** Answers a request instead of the service, when it gives something. */
  instead: (path: string) => Answer | undefined | Promise<Answer | undefined>
  /** The paths and bodies of the requests so far. */
  readonly requests: { readonly path: string; readonly items: number }[]
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body: unknown
}

/** `people_v1`, `others_v1` (be-nrn, with a way back) and `study_v1` (evaluate). */
export async function startFixture(crv: CurveName = 'P-256'): Promise<Fixture> {
  const directory = await mkdtemp(join(tmpdir(), 'littlebox-cli-'))
  const path = (name: string) => join(directory, name)
  const owner = await makeOwnerKeys({ directory: path('owner'), name: 'test', atRestKeyId: 'k1', now: new Date() })
  const [recipient] = JSON.parse(await readFile(owner.jwks, 'utf8')).keys
  const engine = await openEngine()
  const domains = new Map<string, { k: Scalar; audience: string; secret: Buffer; sealed: SealedSecretKey }>()

  const requests: Fixture['requests'] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { pathname } = new URL(request.url!, 'http://x')
    const body = text.startsWith('{') ? JSON.parse(text) : {}
    requests.push({ path: pathname, items: body.inputs?.length ?? 0 })
    const answer = (await fixture.instead(pathname)) ?? (await answerTo(pathname, body))
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    response.end(JSON.stringify(answer.body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`

  for (const name of ['people_v1', 'others_v1', 'study_v1']) {
    const secret = randomBytes(32)
    const sealed = await sealSecretKey({ kid: name, secret }, true, [
      { kid: recipient.kid, jku: `${url}/jwks`, key: recipient },
    ])
    domains.set(name, { k: randomScalar(crv), audience: `${url}/pseudo/v1/domains/${name}`, secret, sealed })
  }
  const client = await generateKeyPair('ES256', { extractable: true })
  const profile = {
    service: url,
    issuer: url,
    resource: 'urn:test',
    clientId: 'test',
    privateKey: { ...(await exportJWK(client.privateKey)), alg: 'ES256' },
    owner: { privateKeys: ['owner/encryption-key.jwk.json'], atRestKeys: { active: 'owner/at-rest-key.json' } },
  }
  await writeFile(path('profile.json'), JSON.stringify(profile), { mode: 0o600 })

  const fixture: Fixture = {
    directory,
    path,
    profile: path('profile.json'),
    url,
    instead: () => undefined,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await rm(directory, { recursive: true })
    },
  }
  return fixture

  async function answerTo(pathname: string, body: { inputs?: Item[]; blinded?: string[] }): Promise<Answer> {
    if (pathname === '/.well-known/openid-configuration')
      return { status: 200, body: { issuer: url, token_endpoint: `${url}/token` } }
    if (pathname === '/token')
      return { status: 200, body: { access_token: 'test', token_type: 'DPoP', expires_in: 300 } }
    const [, version, name = '', operation, target] =
      /^\/pseudo\/(v1|v2)\/domains\/(\w+)(?:\/(\w+))?(?:\/(\w+))?$/.exec(pathname) ?? []
    const domain = domains.get(name)
    if (!version || !domain) return problem(404, 'unknown-domain')
    const inputs = body.inputs ?? []
    if (operation === undefined) return { status: 200, body: documentOf(name, domain) }
    if (operation === 'pseudonymizeMultiple') return outputs(name, inputs, () => [domain.k])
    if (operation === 'identifyMultiple')
      return outputs(undefined, inputs, item => [...transitScalar(name, item), ...engine.invert([domain.k])], name)
    if (operation === 'convertMultipleTo')
      return outputs(target, inputs, item => [
        ...transitScalar(name, item),
        ...engine.invert([domain.k]),
        domains.get(target!)!.k,
      ])
    if (operation === 'evaluate') {
      const points = await engine.parse(
        crv,
        (body.blinded ?? []).map(point => Buffer.from(point, 'base64url')),
      )
      const evaluated = await engine.multiply(
        points.map(point => point!),
        points.map(() => [domain.k]),
      )
      return {
        status: 200,
        body: {
          mode: 'oprf',
          evaluated: evaluated.map(({ bytes }) => Buffer.from(compressed(bytes)).toString('base64url')),
        },
      }
    }
    return problem(404, 'unknown-path')
  }

  function documentOf(name: string, { audience, sealed }: { audience: string; sealed: SealedSecretKey }) {
    const evaluate = name === 'study_v1'
    return {
      domain: name,
      desc: name,
      crv,
      audience,
      bufferSize: 8,
      timeToLiveInTransit: 'PT10M',
      jku: [`${url}/jwks`],
      secretKeys: [sealed],
      littlebox: { encoding: 'reversible', valueFormat: 'be-nrn', back: true, evaluate },
    }
  }

  function transitScalar(name: string, { transitInfo }: Item): Scalar[] {
    if (transitInfo === undefined) return []
    const { audience, secret } = domains.get(name)!
    const now = Math.floor(Date.now() / 1000)
    return [openTransit({ curve: crv, audience }, new Map([[name, secret]]), transitInfo, now).scalar]
  }

  /** With fresh transit information of domain `to` when there is one. */
  async function outputs(
    to: string | undefined,
    items: readonly Item[],
    factorsOf: (item: Item) => Scalar[],
    name = to,
  ) {
    const issuedAt = Math.floor(Date.now() / 1000)
    const points = await engine.parse(
      crv,
      items.map(({ x, y }) => uncompressed(crv, x, y)!),
    )
    const scalars = items.map(() => randomScalar(crv))
    const inverses = engine.invert(scalars)
    const factors = items.map((item, i) => [...factorsOf(item), ...(to ? [inverses[i]!] : [])])
    const multiplied = await engine.multiply(
      points.map(point => point!),
      factors,
    )
    const made = multiplied.map((point, i) => ({
      id: items[i]!.id,
      inResponseTo: items[i]!.id,
      domain: name,
      iat: issuedAt,
      exp: issuedAt + 600,
      ...coordinates(point),
      ...(to ? { transitInfo: transitOf(to, scalars[i]!, issuedAt) } : {}),
    }))
    return { status: 200, body: { outputs: made } }
  }

  function transitOf(to: string, scalar: Scalar, issuedAt: number): string {
    const { audience, secret } = domains.get(to)!
    return sealTransit(
      { kid: to, secret },
      { scalar: parseScalar(crv, scalar.bytes), audience, issuedAt, expiresAt: issuedAt + 600 },
    )
  }
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: { type: `urn:problem-type:littlebox:${code}`, title: code, status, detail: code } }
}

function compressed(sec1: Uint8Array): Uint8Array {
  const width = (sec1.length - 1) / 2
  const bytes = sec1.slice(0, 1 + width)
  bytes[0] = 2 + (sec1.at(-1)! & 1)
  return bytes
}
