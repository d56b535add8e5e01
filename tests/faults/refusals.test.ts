import { generator, randomScalar } from '@littlebox/curve'
import { coordinates, type DomainOwner, sealTransit } from '@littlebox/pseudonym'
import { openOwner, openService } from '@littlebox/stack'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type DirectCaller, directCaller, problemCode } from '../direct-caller.ts'
import { pointsMultiplied } from '../replica-metrics.ts'
import { openScene, type Scene } from '../scene.ts'

// §7, §13: nothing is multiplied before the caller, the right, the point, the transit information and the quota were
// checked. After every refusal here, the box has seen no point more than before it.

const domains = '/pseudo/v1/domains'
const patients = `${domains}/patients_v1`
const item = { id: '1', ...coordinates(generator('P-256')) }

let scene: Scene
let care: DirectCaller
let backend: DirectCaller
let owner: DomainOwner
let transit: string
let before: number

beforeAll(async () => {
  scene = await openScene()
  const kind = { crv: 'P-256', valueFormat: 'bytes' } as const
  await scene.createDomain({ ...kind, domain: 'patients_v1', convertTo: 'vaccines_v1' })
  await scene.createDomain({ ...kind, domain: 'vaccines_v1', convertFrom: 'patients_v1' })
  await scene.createDomain({ ...kind, domain: 'one_way_v1', back: false })
  const once = { burst: 5, perDay: 1 }
  await scene.createDomain({ ...kind, domain: 'scarce_v1', quotas: { caller: once } })
  await scene.createDomain({ ...kind, domain: 'retired_v1' })
  await scene.admin.send({ method: 'POST', path: '/pseudo/v2/domains/retired_v1/retire' })
  care = await directCaller(scene.care, scene.directory)
  backend = await directCaller(scene.owner, scene.directory)
  owner = await openOwner(scene.owner, 'patients_v1')
  transit = await (await (await openService(scene.care)).domain('patients_v1')).pseudonymise(Buffer.from('somebody'))
  expect((await care.post(`${domains}/scarce_v1/pseudonymize`, item)).status).toBe(200)
})

afterAll(() => scene?.close())

beforeEach(async () => {
  before = await pointsMultiplied(scene.stack.replicas)
})

afterEach(async () => {
  expect(await pointsMultiplied(scene.stack.replicas)).toBe(before)
})

describe('who calls', () => {
  const seconds = () => Date.now() / 1000

  it.each([
    ['another audience', { aud: 'https://another.example' }],
    ['this audience and another', { aud: ['https://pseudonyms.littlebox.example', 'https://another.example'] }],
    ['another issuer', { iss: 'https://issuer.example' }],
    ['no organisation', { organisation: undefined }],
    ['no expiry', { exp: undefined }],
    ['another key (a stolen token)', { cnf: { jkt: 'A'.repeat(43) } }],
    ['no key', { cnf: undefined }],
  ])('a token for %s: 401 with WWW-Authenticate', async (_, token) => {
    await expectUnauthenticated(await care.post(`${patients}/pseudonymize`, item, undefined, { token }))
  })

  it.each([
    ['method', { htm: 'GET' }],
    ['path', { htu: 'http://127.0.0.1/pseudo/v1/domains/vaccines_v1/pseudonymize' }],
    ['token', { ath: 'A'.repeat(43) }],
    ['time', { iat: seconds() - 3_600 }],
  ])('a proof for another %s: 401', async (_, proof) => {
    await expectUnauthenticated(await care.post(`${patients}/pseudonymize`, item, undefined, { proof }))
  })

  it('no token, a bound token as plain bearer, rubbish: 401', async () => {
    const { authorization } = await care.headers('POST', `${patients}/pseudonymize`)
    for (const header of [undefined, authorization!.replace('DPoP', 'Bearer'), 'DPoP eyJ', 'Basic eDp5'])
      await expectUnauthenticated(await postWith(header === undefined ? {} : { authorization: header }))
  })
})

it('the same proof a second time: 401', async () => {
  const headers = await care.headers('POST', `${patients}/pseudonymize`)
  expect((await postWith(headers)).status).toBe(200)
  before++
  await expectUnauthenticated(await postWith(headers))
})

describe('what may be done', () => {
  it.each([
    ['pseudonymise without the right', 'backend', `${patients}/pseudonymize`, 403, 'no-right'],
    ['convert without the right', 'care', `${patients}/convertTo/vaccines_v1`, 403, 'no-right'],
    ['convert the other way', 'backend', `${domains}/vaccines_v1/convertTo/patients_v1`, 403, 'no-right'],
    ['an unknown domain', 'care', `${domains}/nobody_v1/pseudonymize`, 404, 'unknown-domain'],
    ['a retired domain', 'care', `${domains}/retired_v1/pseudonymize`, 410, 'domain-retired'],
    ['identify where there is no way back', 'care', `${domains}/one_way_v1/identify`, 403, 'no-right'],
    ['evaluate where the domain does not', 'care', '/pseudo/v2/domains/patients_v1/evaluate', 403, 'no-right'],
    ['over quota', 'care', `${domains}/scarce_v1/pseudonymize`, 429, 'over-quota'],
    ['administer without the role', 'care', '/pseudo/v2/domains/patients_v1/rotate', 403, 'administrators-only'],
  ] as const)('%s', async (_, who, path, status, code) => {
    const body = path.endsWith('evaluate') ? { blinded: ['A'.repeat(44)] } : item
    const answer = await (who === 'care' ? care : backend).post(path, body)
    expect([answer.status, await problemCode(answer)]).toEqual([status, code])
    if (status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('transit information', () => {
  it('for somebody else: 403', async () => {
    const person = await owner.atRest(transit)
    const answer = await identify(await owner.inTransit(person, { subject: 'somebody-else' }))
    expect([answer.status, await problemCode(answer)]).toEqual([403, 'wrong-subject'])
  })

  it('changed, of another domain, under an unknown key, missing: one answer, to the letter', async () => {
    const now = Math.floor(Date.now() / 1000)
    const point = transit.slice(0, transit.indexOf(':'))
    const token = transit.slice(transit.indexOf(':') + 1)
    const parts = token.split('.')
    const own = JSON.parse(Buffer.from(parts[0]!, 'base64url').toString())
    const header = (changes: object) => Buffer.from(JSON.stringify({ ...own, ...changes })).toString('base64url')
    const changed = (i: number, text: string) => parts.map((part, at) => (at === i ? text : part)).join('.')
    const unknown = { kid: crypto.randomUUID(), secret: crypto.getRandomValues(new Uint8Array(32)) }
    const times = { issuedAt: now, expiresAt: now + 600 }
    const foreign = sealTransit(unknown, { scalar: randomScalar('P-256'), audience: own.aud, ...times })
    const vaccines = await (await openService(scene.care)).domain('vaccines_v1')
    const ofAnother = await vaccines.pseudonymise(Buffer.from('somebody'))
    before++
    const spoilt = [
      foreign,
      ofAnother.slice(ofAnother.indexOf(':') + 1),
      changed(0, header({ aud: `${own.aud}x` })),
      changed(0, header({ kid: unknown.kid })),
      changed(0, header({ exp: own.exp + 1 })),
      changed(3, flipped(parts[3]!)),
      changed(4, flipped(parts[4]!)),
      changed(4, ''),
      'x',
      'x'.repeat(100_000),
      '',
    ]
    const answers = await Promise.all(spoilt.map(async text => (await identify(`${point}:${text}`)).text()))
    expect(JSON.parse(answers[0]!)).toMatchObject({
      status: 400,
      type: 'urn:problem-type:littlebox:invalid-transit-info',
    })
    expect(new Set(answers).size).toBe(1)
  })
})

async function identify(inTransit: string): Promise<Response> {
  const colon = inTransit.indexOf(':')
  const bytes = Buffer.from(inTransit.slice(0, colon), 'base64url')
  const [x, y] = [bytes.subarray(1, 33), bytes.subarray(33)]
  const point = { crv: 'P-256', x: x.toString('base64'), y: y.toString('base64') }
  return care.post(`${patients}/identify`, { id: '1', ...point, transitInfo: inTransit.slice(colon + 1) })
}

function flipped(text: string): string {
  return (text.startsWith('A') ? 'B' : 'A') + text.slice(1)
}

function postWith(headers: Record<string, string>): Promise<Response> {
  const type = { 'content-type': 'application/json' }
  const url = `${scene.stack.url}${patients}/pseudonymize`
  return fetch(url, { method: 'POST', headers: { ...headers, ...type }, body: JSON.stringify(item) })
}

async function expectUnauthenticated(answer: Response): Promise<void> {
  expect([answer.status, await problemCode(answer)]).toEqual([401, 'unauthenticated'])
  expect(answer.headers.get('www-authenticate')).toMatch(/^DPoP algs="ES256/)
}
