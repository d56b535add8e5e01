import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CurveName, compress, curve, curveNames, parsePoint, pointFromCoordinates } from '@littlebox/curve'
import { bareAtRest, domainOwner, formatTransit, type Output } from '@littlebox/pseudonym'
import { openService, repository } from '@littlebox/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import selection from '../../packages/curve/vectors/wycheproof.json' with { type: 'json' }
import { type DirectCaller, directCaller, problemCode } from '../direct-caller.ts'
import { pointsMultiplied } from '../replica-metrics.ts'
import { openScene, type Scene } from '../scene.ts'

// Wycheproof's ecdh_ecpoint vectors over HTTP (§13): an invalid point is `invalid-point` and the box never sees it; a valid
// one is multiplied by the key, whatever edge it lies on. Whole files from ../shared when there, else our selection of them.

interface Vector {
  readonly result: string
  /** SEC 1, hex. */
  readonly point: string
}

const shared = join(repository, '..', 'shared', 'vectors', 'wycheproof')
const source = existsSync(shared) ? 'the whole files' : 'the selection in packages/curve/vectors'

let scene: Scene
let caller: DirectCaller

beforeAll(async () => {
  scene = await openScene()
  for (const crv of curveNames)
    await scene.createDomain({ domain: domainOf(crv), crv, valueFormat: 'bytes', evaluate: true })
  caller = await directCaller(scene.care)
})

afterAll(() => scene?.close())

describe.each(curveNames)(`Wycheproof on %s, ${source}`, name => {
  const all = vectors(name)
  const uncompressed = all.filter(({ point }) => point.startsWith('04'))
  const [valid, invalid] = [uncompressed.filter(isValid), uncompressed.filter(vector => !isValid(vector))]
  const path = `/pseudo/v1/domains/${domainOf(name)}`

  it('every invalid one is a problem at its index, and every other one is answered', async () => {
    const before = await pointsMultiplied(scene.stack.replicas)
    const codes: (string | undefined)[] = []
    for (const batch of slices(uncompressed, 300)) {
      const answer = await caller.post(`${path}/pseudonymizeMultiple`, { inputs: batch.map(itemOf(name)) })
      expect(answer.status).toBe(200)
      const { outputs } = (await answer.json()) as { outputs: (Output & { type?: string })[] }
      codes.push(...outputs.map(({ type }) => type))
    }
    const expected = uncompressed.map(vector =>
      isValid(vector) ? undefined : 'urn:problem-type:littlebox:invalid-point',
    )
    expect(codes).toEqual(expected)
    expect(invalid.length).toBeGreaterThan(3)
    expect((await pointsMultiplied(scene.stack.replicas)) - before).toBe(valid.length)
  })

  it('alone, every invalid one is 400 `invalid-point`; so are empty, compressed and foreign ones', async () => {
    const before = await pointsMultiplied(scene.stack.replicas)
    const { width } = curve(name)
    const zeros = '00'.repeat(width)
    const others = [
      ...all.filter(vector => !isValid(vector) && !uncompressed.includes(vector)),
      { result: 'invalid', point: `04${zeros}${zeros}` },
      { result: 'invalid', point: `04${hex(curve(name).p, width)}${hex(curve(name).b, width)}` },
      { result: 'invalid', point: `04${valid[0]!.point.slice(2)}00` },
    ]
    for (const vector of [...invalid, ...others]) {
      const answer = await caller.post(`${path}/pseudonymize`, itemOf(name)(vector))
      expect([answer.status, await problemCode(answer)], vector.point).toEqual([400, 'invalid-point'])
    }
    expect(await pointsMultiplied(scene.stack.replicas)).toBe(before)
  })

  it('evaluate (RFC 9497 §4: compressed only) refuses the whole of a batch with one that is none', async () => {
    const before = await pointsMultiplied(scene.stack.replicas)
    const element = (text: string) => Buffer.from(text, 'hex').toString('base64url')
    const good = element(compressed(name, valid[0]!))
    for (const { point } of all.filter(vector => vector.result === 'invalid')) {
      const answer = await caller.post(`/pseudo/v2/domains/${domainOf(name)}/evaluate`, {
        blinded: [good, element(point)],
      })
      expect([answer.status, await problemCode(answer)], point).toEqual([400, 'invalid-point'])
    }
    expect(await pointsMultiplied(scene.stack.replicas)).toBe(before)
  })

  it('valid ones: r · pseudonymize(B) = evaluate(B), so both are k · B', async () => {
    const key = JSON.parse(await readFile(join(scene.keys.directory, 'encryption-key.jwk.json'), 'utf8'))
    const owner = await domainOwner({
      service: await openService(scene.owner),
      domain: domainOf(name),
      privateKeys: [{ kid: key.kid, key }],
      atRestKeys: bareAtRest,
    })
    for (const batch of slices(valid, 300)) {
      const answer = await caller.post(`${path}/pseudonymizeMultiple`, { inputs: batch.map(itemOf(name)) })
      const { outputs } = (await answer.json()) as { outputs: Output[] }
      const blinded = batch.map(vector => Buffer.from(compressed(name, vector), 'hex').toString('base64url'))
      const evaluated = await caller.post(`/pseudo/v2/domains/${domainOf(name)}/evaluate`, { blinded })
      const elements = ((await evaluated.json()) as { evaluated: string[] }).evaluated
      const transits = outputs.map(({ x, y, transitInfo }) => formatTransit(pointOf(name, x, y), transitInfo!))
      const people: (string | undefined)[] = []
      for await (const { value } of owner.atRestAll(transits, { of: transit => transit })) people.push(value)
      const expected = elements.map(text => `bare.${Buffer.from(text, 'base64url').subarray(1).toString('base64url')}`)
      expect(people).toEqual(expected)
    }
  })
})

function vectors(name: CurveName): Vector[] {
  const file = join(shared, `ecdh_secp${name.slice(2)}r1_ecpoint_test.json`)
  if (!existsSync(file)) return selection.curves[name].map(([, result, point]) => ({ result: result!, point: point! }))
  const groups: { tests: { result: string; public: string }[] }[] = JSON.parse(readFileSync(file, 'utf8')).testGroups
  return groups.flatMap(({ tests }) => tests.map(test => ({ result: test.result, point: test.public })))
}

function isValid({ result }: Vector): boolean {
  return result === 'valid'
}

/** What of an encoding is no coordinate is given as it is, in x and y: half of it each. */
function itemOf(crv: CurveName) {
  return ({ point }: Vector) => {
    const bytes = Buffer.from(point, 'hex').subarray(1)
    const half = point.startsWith('04') ? Math.ceil(bytes.length / 2) : bytes.length
    const [x, y] = [bytes.subarray(0, half), bytes.subarray(half)]
    return { id: '1', crv, x: x.toString('base64'), y: y.toString('base64') }
  }
}

function pointOf(name: CurveName, x: string, y: string) {
  return pointFromCoordinates(name, Buffer.from(x, 'base64'), Buffer.from(y, 'base64'))
}

function compressed(name: CurveName, { point }: Vector): string {
  return Buffer.from(compress(parsePoint(name, Buffer.from(point, 'hex')))).toString('hex')
}

function hex(value: bigint, width: number): string {
  return value.toString(16).padStart(2 * width, '0')
}

function domainOf(name: CurveName): string {
  return name.toLowerCase().replace('-', '')
}

function slices<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}
