import { readFile } from 'node:fs/promises'
import type { DomainOwner, PseudonymService } from '@littlebox/pseudonym'
import { bearerToken, openOwner, openService } from '@littlebox/stack'
import { generalDecrypt, importJWK } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openScene, type Scene } from '../scene.ts'
import {
  type EhealthDomain,
  type EhealthModule,
  type EhealthPseudonymInTransit,
  type EhealthValue,
  loadEhealthClient,
} from './ehealth-client.ts'

// eHealth's public npm client, unmodified, against our service over HTTP.

let scene: Scene
let ehealth: EhealthModule
let prescriptions: EhealthDomain
let vaccines: EhealthDomain
let owner: DomainOwner
let care: PseudonymService
/** What the network does to the next request. */
let onTheWay: (body: Record<string, unknown>) => void = () => {}
let lastAnswer: string
let call: (path: string, init?: RequestInit) => Promise<Response>

beforeAll(async () => {
  scene = await openScene()
  const { stack } = scene
  await scene.createDomain({ domain: 'prescriptions_v1', valueFormat: 'bytes', convertTo: 'vaccines_v1' })
  await scene.createDomain({ domain: 'vaccines_v1', valueFormat: 'bytes', convertFrom: 'prescriptions_v1' })
  const ehealthProfile = await stack.enrol({
    clientId: 'ehealth-client',
    organisation: 'practice',
    access: ['care'],
    dpop: 'plain-bearer',
  })
  care = await openService(scene.care)
  owner = await openOwner(scene.owner, 'prescriptions_v1')

  const token = await bearerToken(ehealthProfile)
  call = async (path, init = {}) =>
    fetch(`${stack.url}/pseudo/v1/domains/${path}`, {
      ...init,
      headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
    })
  const post = (operation: string) => async (domain: string, text: string) => {
    const body = JSON.parse(text)
    onTheWay(body)
    onTheWay = () => {}
    lastAnswer = await (await call(`${domain}/${operation}`, { method: 'POST', body: JSON.stringify(body) })).text()
    return lastAnswer
  }
  ehealth = await loadEhealthClient()
  const helper = new ehealth.PseudonymisationHelper({
    getDomain: async domain => (await call(domain)).text(),
    identify: post('identify'),
    identifyMultiple: post('identifyMultiple'),
    pseudonymize: post('pseudonymize'),
    pseudonymizeMultiple: post('pseudonymizeMultiple'),
  })
  const open = async (name: string) => {
    const { audience, bufferSize } = await (await call(name)).json()
    return helper.createDomain(name, ehealth.Curve.P521, audience, bufferSize)
  }
  prescriptions = await open('prescriptions_v1')
  vaccines = await open('vaccines_v1')
})

afterAll(async () => {
  await scene?.close()
})

const texts = ['85073003328', '', 'é€𝄞 ü', 'x'.repeat(32), 'y'.repeat(56)]

describe('one at a time', () => {
  it.each(texts)('pseudonymises and identifies %j', async text => {
    const transit = await prescriptions.valueFactory.fromString(text).pseudonymize()
    for (const form of [transit.asString(), transit.asShortString()]) {
      const identified = await prescriptions.pseudonymInTransitFactory.fromSec1AndTransitInfo(form).identify()
      expect(identified.asString()).toBe(text)
    }
  })

  it('takes all byte values', async () => {
    const bytes = Uint8Array.from({ length: 56 }, (_, i) => (i * 37) % 256)
    const transit = await prescriptions.valueFactory.fromArray(bytes).pseudonymize()
    expect(Uint8Array.from((await transit.identify()).asBytes())).toEqual(bytes)
  })

  it('agrees with us on the longest value', () => {
    expect(prescriptions.valueFactory.getMaxValueSize()).toBe(56)
  })
})

describe('in batches', () => {
  it('pseudonymises and identifies ten, in order', async () => {
    const values = Array.from({ length: 10 }, (_, i) => `8507300${i}`)
    const factory = prescriptions.valueFactory
    const transits = await factory.multiple(values.map(value => factory.fromString(value))).pseudonymize()
    const list = Array.from({ length: 10 }, (_, i) => transits.getPoint(i) as EhealthPseudonymInTransit)
    const identified = await prescriptions.pseudonymInTransitFactory.multiple(list).identify()
    expect(list.map((_, i) => (identified.getPoint(i) as EhealthValue).asString())).toEqual(values)
  })

  it('identify: a problem stands at its index, and the others succeed', async () => {
    const factory = prescriptions.pseudonymInTransitFactory
    const good = await prescriptions.valueFactory.fromString('good').pseudonymize()
    const [point, token] = good.asString().split(':')
    const broken = token!.replace(/^(.*\.)(.)/, (_, rest, first) => rest + (first === 'A' ? 'B' : 'A'))
    const identified = await factory.multiple([good, factory.fromSec1AndTransitInfo(`${point}:${broken}`)]).identify()
    expect(identified.getPoint(0)).toMatchObject({ asString: expect.any(Function) })
    expect((identified.getPoint(0) as EhealthValue).asString()).toBe('good')
    // The client wraps a problem as if it were a value (1.1.2), so it is looked at as it came.
    expect(JSON.parse(lastAnswer).outputs[1]).toEqual(problem('invalid-transit-info'))
  })

  it('pseudonymise: a point damaged on the way is a problem at its index', async () => {
    const factory = prescriptions.valueFactory
    onTheWay = body => {
      const inputs = body.inputs as { y: string }[]
      inputs[1]!.y = inputs[0]!.y
    }
    // The client (1.1.2) stumbles over any problem in this answer, so the answer is looked at as it came.
    const call = factory.multiple(['a', 'b', 'c'].map(value => factory.fromString(value))).pseudonymize()
    await expect(call).rejects.toThrow(TypeError)
    const output = expect.objectContaining({ x: expect.any(String), transitInfo: expect.any(String) })
    expect(JSON.parse(lastAnswer).outputs).toEqual([output, problem('invalid-point'), output])
  })
})

describe('with our SDK on the other side', () => {
  it('what eHealth pseudonymises is the same person at rest as what we pseudonymise', async () => {
    const theirs = await prescriptions.valueFactory.fromString('85073003328').pseudonymize()
    const ours = await (await care.domain('prescriptions_v1')).pseudonymise(new TextEncoder().encode('85073003328'))
    const person = await owner.atRest(theirs.asString())
    expect(await owner.atRest(ours)).toBe(person)
    expect(await owner.atRest(theirs.asShortString())).toBe(person)
  })

  it('identifies what the owner hands out', async () => {
    const person = await owner.atRest((await prescriptions.valueFactory.fromString('owner').pseudonymize()).asString())
    const transit = await owner.inTransit(person)
    const identified = await prescriptions.pseudonymInTransitFactory.fromSec1AndTransitInfo(transit).identify()
    expect(identified.asString()).toBe('owner')
  })

  it('identifies in the target domain what was converted at rest and in transit', async () => {
    const transit = (await prescriptions.valueFactory.fromString('converted').pseudonymize()).asString()
    const atRest = await owner.convert(await owner.atRest(transit), 'vaccines_v1')
    const ownerService = await openService(scene.owner)
    const inTransit = await (await ownerService.domain('prescriptions_v1')).convert(transit, 'vaccines_v1')
    for (const converted of [atRest, inTransit]) {
      const identified = await vaccines.pseudonymInTransitFactory.fromSec1AndTransitInfo(converted).identify()
      expect(identified.asString()).toBe('converted')
    }
  })
})

describe('the domain document', () => {
  it('has what the Java client reads unasked, and no secret key for a care provider', async () => {
    const document = await (await call('prescriptions_v1')).json()
    expect(document).toMatchObject({
      domain: 'prescriptions_v1',
      crv: 'P-521',
      bufferSize: 8,
      timeToLiveInTransit: 'PT10M',
    })
    expect(document.secretKeys).toEqual([])
  })

  it("opens with jose alone, with the owner's key", async () => {
    const ownerService = await openService(scene.owner)
    const { body } = await ownerService.send({ method: 'GET', path: '/pseudo/v1/domains/prescriptions_v1' })
    const { secretKeys } = body as { secretKeys: { kid: string; active: boolean; encoded: never }[] }
    const profile = JSON.parse(await readFile(scene.owner, 'utf8'))
    const key = await importJWK(JSON.parse(await readFile(profile.owner.privateKeys[0], 'utf8')), 'RSA-OAEP-256')
    expect(secretKeys.filter(({ active }) => active)).toHaveLength(1)
    for (const { encoded } of secretKeys) {
      const { plaintext } = await generalDecrypt(encoded, key)
      const jwk = JSON.parse(new TextDecoder().decode(plaintext))
      expect(jwk).toMatchObject({ kty: 'oct', alg: 'A256GCM' })
      expect(Buffer.from(jwk.k, 'base64url')).toHaveLength(32)
    }
  })
})

/** All four members, which the Java client reads unasked. */
function problem(code: string) {
  const type = `urn:problem-type:littlebox:${code}`
  return expect.objectContaining({ type, title: expect.any(String), status: 400, detail: expect.any(String) })
}
