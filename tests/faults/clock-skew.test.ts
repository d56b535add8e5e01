import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { generator, randomScalar } from '@littlebox/curve'
import {
  coordinates,
  domainOwner,
  openSecretKeys,
  parseDomain,
  sealTransit,
  type TransitKey,
} from '@littlebox/pseudonym'
import { openOwner, openService } from '@littlebox/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DirectCaller, directCaller, problemCode } from '../direct-caller.ts'
import { openScene, type Scene } from '../scene.ts'

// §4, §7: two parties' clocks may be 60 s apart. 59 s do no harm; 61 s are refused, clearly.

const domain = 'prescriptions_v1'
const item = { id: '1', ...coordinates(generator('P-256')) }
const pseudonymize = `/pseudo/v1/domains/${domain}/pseudonymize`

let scene: Scene
let caller: DirectCaller
let key: TransitKey
let audience: string

beforeAll(async () => {
  scene = await openScene()
  await scene.createDomain({ domain, crv: 'P-256', valueFormat: 'bytes' })
  caller = await directCaller(scene.care, scene.directory)
  const { body } = await (await openService(scene.owner)).send({ method: 'GET', path: `/pseudo/v1/domains/${domain}` })
  const document = parseDomain(body)
  audience = document.audience
  key = (await openSecretKeys(document, [await ownerKey()])).active
})

afterAll(() => scene?.close())

const late = { iat: -600, exp: -59 }
const tooLate = { iat: -600, exp: -61 }
const early = { iat: 59, exp: 600 }
const tooEarly = { iat: 61, exp: 600 }

describe('a token in transit', () => {
  it('is identified 59 s before it begins and after it ends, and not at 61 s', async () => {
    const now = await beginningOfSecond()
    const identify = async ({ iat, exp }: typeof late) => {
      const times = { issuedAt: now + iat, expiresAt: now + exp }
      const transitInfo = sealTransit(key, { scalar: randomScalar('P-256'), audience, ...times })
      const answer = await caller.post(`/pseudo/v1/domains/${domain}/identify`, { ...item, transitInfo })
      return answer.status === 200 ? 200 : [answer.status, await problemCode(answer)]
    }
    const refused = [400, 'invalid-transit-info']
    expect(await Promise.all([late, early].map(identify))).toEqual([200, 200])
    expect(await Promise.all([tooLate, tooEarly].map(identify))).toEqual([refused, refused])
  })

  it.each([
    ['ahead', -59, true],
    ['ahead', -61, false],
    ['behind', 600 + 59, true],
    ['behind', 600 + 61, false],
  ])('of a service whose clock is %s: at %i s of its life, the owner takes it: %s', async (_, age, isTaken) => {
    const transit = await (await (await openService(scene.care)).domain(domain)).pseudonymise(Buffer.from('somebody'))
    const { iat } = JSON.parse(
      Buffer.from(transit.slice(transit.indexOf(':') + 1).split('.')[0]!, 'base64url').toString(),
    )
    const owner = await domainOwner({
      service: await openService(scene.owner),
      domain,
      privateKeys: [await ownerKey()],
      atRestKeys: { active: { id: 'test', secret: crypto.getRandomValues(new Uint8Array(64)) } },
      clock: () => iat + age,
    })
    const received = owner.atRest(transit)
    if (isTaken) await expect(received).resolves.toMatch(/^test\./)
    else await expect(received).rejects.toThrow(expect.objectContaining({ code: 'invalid-transit-info' }))
  })
})

it('an access token is good 59 s before it begins and after it ends, and not at 61 s', async () => {
  const now = await beginningOfSecond()
  const use = async ({ iat, exp }: typeof late) =>
    (await caller.post(pseudonymize, item, undefined, { token: { iat: now + iat, exp: now + exp } })).status
  expect(await Promise.all([late, early, tooLate, tooEarly].map(use))).toEqual([200, 200, 401, 401])
})

it('a DPoP proof is good 59 s before and after its time, and not at 61 s', async () => {
  const now = await beginningOfSecond()
  const use = async (offset: number) =>
    (await caller.post(pseudonymize, item, undefined, { proof: { iat: now + offset } })).status
  expect(await Promise.all([-59, 59, -61, 61].map(use))).toEqual([200, 200, 401, 401])
})

describe('a replica whose clock is wrong', () => {
  it.each([59, -59])('by %i s works with everybody else', async skew => {
    const replica = await skewed(skew)
    scene.stack.gateway.targets = [replica.url]
    const care = await (await openService(scene.care)).domain(domain)
    const owner = await openOwner(scene.owner, domain)
    await beginningOfSecond()
    const transit = await care.pseudonymise(Buffer.from('somebody'))
    const answer = await owner.inTransit(await owner.atRest(transit))
    await beginningOfSecond()
    expect(await care.identify(answer)).toEqual(new Uint8Array(Buffer.from('somebody')))
  })

  it.each([61, -61])('by %i s refuses everybody: 401', async skew => {
    const replica = await skewed(skew)
    const now = await beginningOfSecond()
    const answer = await caller.post(pseudonymize, item, replica.url, { proof: { iat: now } })
    expect([answer.status, await problemCode(answer)]).toEqual([401, 'unauthenticated'])
  })

  function skewed(seconds: number) {
    const shift = `const RealDate = Date; globalThis.Date = class extends RealDate {
      constructor(...given) { given.length === 0 ? super(RealDate.now() + ${seconds * 1000}) : super(...given) }
      static now() { return RealDate.now() + ${seconds * 1000} } }`
    return scene.startReplica({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift)}` })
  }
})

/** Whole seconds since 1970, just begun: what is made and judged within it is not rounded apart. */
async function beginningOfSecond(): Promise<number> {
  await setTimeout(1_001 - (Date.now() % 1000))
  return Math.floor(Date.now() / 1000)
}

async function ownerKey() {
  const key = JSON.parse(await readFile(join(scene.keys.directory, 'encryption-key.jwk.json'), 'utf8'))
  return { kid: key.kid as string, key }
}
