import { negate } from '@littlebox/curve'
import { coordinates, sealTransit } from '@littlebox/pseudonym'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blindPoint, blindValue, pointIn, pseudonymised, unblind, valueIn } from './test-support/party.ts'
import { admin, audience, createDomain, provider, rule, startWorld, type World } from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  await createDomain(world, 'one_v1')
  await createDomain(world, 'two_v1')
  await createDomain(world, 'oneway_v1', { back: false })
  await createDomain(world, 'small_v1', { crv: 'P-256' })
})
afterAll(() => world?.close())

const one = '/pseudo/v1/domains/one_v1'
const code = (answer: { body: { type?: string } }) => answer.body.type?.split(':').at(-1)

/** Runs `work` and requires that the box multiplied exactly `points` meanwhile. */
async function multiplying<T>(points: number, work: () => Promise<T>): Promise<T> {
  const before = await world.metric('littlebox_box_points_total')
  const result = await work()
  expect(await world.metric('littlebox_box_points_total')).toBe(before + points)
  return result
}

describe('bad input (pseudonyms.md §13), each answered before any multiplication', () => {
  it('point not on the curve, at infinity, wrong width, x ≥ p, wrong crv: 400 invalid-point', async () => {
    const { item } = await blindValue('somebody')
    const { item: elsewhere } = await blindValue('somebody', 'P-256')
    const zero = Buffer.alloc(66).toString('base64')
    const p = Buffer.from(`01${'ff'.repeat(65)}`, 'hex').toString('base64')
    const bad = [
      { ...item, x: item.y },
      { ...item, x: zero, y: zero },
      { ...item, x: '', y: '' },
      { ...item, x: Buffer.concat([Buffer.alloc(1), Buffer.from(item.x, 'base64')]).toString('base64') },
      { ...item, x: Buffer.from(item.x, 'base64').subarray(0, 60).toString('base64') },
      { ...item, x: p },
      { ...item, x: `${item.x.slice(0, -1)}!` },
      { ...item, crv: 'P-256' },
      elsewhere,
      { ...elsewhere, crv: 'P-521' },
      { ...item, crv: 'secp256k1' },
    ]
    await multiplying(0, async () => {
      for (const wrong of bad) {
        const answer = await world.call('POST', `${one}/pseudonymize`, wrong)
        expect([answer.status, code(answer)], JSON.stringify(wrong)).toEqual([400, 'invalid-point'])
        expect(answer.headers.get('content-type')).toBe('application/problem+json')
        expect(Object.keys(answer.body).sort()).toEqual(['detail', 'status', 'title', 'type'])
      }
    })
  })

  it('a coordinate without its leading zero bytes is the same coordinate: eHealth’s clients write integers', async () => {
    for (;;) {
      const { item, blind } = await blindValue('somebody')
      const x = Buffer.from(item.x, 'base64')
      if (x[0] !== 0) continue
      const answer = await world.call('POST', `${one}/pseudonymize`, { ...item, x: x.subarray(1).toString('base64') })
      expect(answer.status).toBe(200)
      const again = await blindPoint(await unblind(answer.body, blind), answer.body.transitInfo)
      const back = await world.call('POST', `${one}/identify`, again.item)
      expect(valueIn(await unblind(back.body, again.blind))).toBe('somebody')
      return
    }
  })

  it('anything else than a point, whatever it is: 400 and no multiplication', async () => {
    await multiplying(0, () =>
      fc.assert(
        fc.asyncProperty(fc.base64String({ maxLength: 100 }), fc.base64String({ maxLength: 100 }), async (x, y) => {
          const answer = await world.call('POST', `${one}/pseudonymize`, { id: '1', crv: 'P-521', x, y })
          expect(answer.status).toBe(400)
        }),
        { numRuns: 30 },
      ),
    )
  })

  it('an item that is none: 400 alone, a problem at its index in a batch', async () => {
    const { item } = await blindValue('somebody')
    const bad = [
      null,
      7,
      'x',
      [],
      {},
      { ...item, id: '' },
      { ...item, id: 7 },
      { ...item, x: 7 },
      { ...item, crv: undefined },
    ]
    const answer = await multiplying(1, () =>
      world.call('POST', `${one}/pseudonymizeMultiple`, { inputs: [...bad, item] }),
    )
    expect(answer.status).toBe(200)
    expect(answer.body.outputs.map((output: { status?: number }) => output.status)).toEqual([
      ...bad.map(() => 400),
      undefined,
    ])
  })

  it('transitInfo expired, not yet valid, wrong aud, unknown kid, tampered, another domain’s, missing: one wording', async () => {
    const { point, transitInfo } = await pseudonymised(world, 'one_v1', 'somebody')
    const other = await pseudonymised(world, 'two_v1', 'somebody')
    const small = await pseudonymised(world, 'small_v1', 'somebody', 'P-256')
    const { item } = await blindPoint(point, transitInfo)
    const parts = transitInfo.split('.')
    const foreign = sealTransit(
      { kid: JSON.parse(Buffer.from(parts[0]!, 'base64url').toString()).kid, secret: Buffer.alloc(32, 1) },
      {
        scalar: (await blindValue('x')).blind,
        audience: `${audience}/pseudo/v1/domains/one_v1`,
        issuedAt: 1_700_000_000,
        expiresAt: 4_000_000_000,
      },
    )
    const header = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: 'unknown' })).toString('base64url')
    const tampered = parts[3]!.startsWith('A') ? 'B' : 'A'
    const bad = [
      other.transitInfo,
      small.transitInfo,
      foreign,
      [header, ...parts.slice(1)].join('.'),
      [...parts.slice(0, 3), `${tampered}${parts[3]!.slice(1)}`, parts[4]].join('.'),
      [...parts.slice(0, 4), ''].join('.'),
      '',
      'x',
      '....',
      'x'.repeat(100_000),
      undefined,
    ]
    const bodies = await multiplying(0, async () => {
      const answers = []
      for (const info of bad) answers.push(await world.call('POST', `${one}/identify`, { ...item, transitInfo: info }))
      return answers
    })
    for (const [i, answer] of bodies.entries())
      expect([i, answer.status, code(answer)]).toEqual([i, 400, 'invalid-transit-info'])
    expect(new Set(bodies.map(answer => JSON.stringify(answer.body))).size).toBe(1)
  })

  it('no token, wrong issuer, wrong audience, expired, another key: 401 with WWW-Authenticate', async () => {
    const { item } = await blindValue('somebody')
    const { privateKey } = await (await import('jose')).generateKeyPair('ES256')
    const now = Math.floor(Date.now() / 1000)
    const tokens = [
      undefined,
      'x',
      await world.token({ ...provider, iss: 'https://elsewhere.test' }),
      await world.token({ ...provider, aud: 'https://prescriptions.test' }),
      await world.token({ ...provider, aud: [audience, 'https://prescriptions.test'] }),
      await world.token({ ...provider, iat: now - 400, exp: now - 100 }),
      await world.token(provider, privateKey),
      await world.token({ ...provider, client_id: 'not-allowed-bearer' }),
    ]
    await multiplying(0, async () => {
      for (const [i, token] of tokens.entries()) {
        for (const path of [`${one}/pseudonymize`, '/pseudo/v1/domains/nowhere/pseudonymize']) {
          const answer = await world.call('POST', path, item, { token })
          expect([i, answer.status, code(answer)]).toEqual([i, 401, 'unauthenticated'])
          expect(answer.headers.get('www-authenticate')).toMatch(/^DPoP /)
        }
      }
    })
    const events = await world.sql("select count(*)::int as n from journal where reason = 'unauthenticated'")
    expect(events[0].n).toBe(2 * tokens.length)
  })

  it('no rule for the operation: 403, an event', async () => {
    const { item } = await blindValue('somebody')
    const answer = await multiplying(0, () =>
      world.call('POST', `${one}/pseudonymize`, item, { as: { roles: ['clerk'] } }),
    )
    expect([answer.status, code(answer)]).toEqual([403, 'no-right'])
    const [event] = await world.sql('select * from journal order by id desc limit 1')
    expect(event).toMatchObject({
      type: 'use',
      operation: 'pseudonymize',
      outcome: 'refused',
      reason: 'no-right',
      caller: 'care-1',
      organisation: 'hospital-a',
      domain: 'one_v1',
      points: 1,
    })
  })

  it('unknown domain: 404, the same to all callers, whatever they ask', async () => {
    const { item } = await blindValue('somebody')
    const answers = []
    for (const as of [provider, admin, { roles: [] }])
      for (const path of ['nowhere', 'One_v1', 'x'.repeat(300), '85073003328', '%24', '%00'])
        for (const operation of ['pseudonymize', 'identify', 'convertTo/one_v1'])
          answers.push(await world.call('POST', `/pseudo/v1/domains/${path}/${operation}`, item, { as }))
    answers.push(await world.call('POST', `${one}/convertTo/nowhere`, item))
    for (const as of [provider, admin]) {
      answers.push(await world.call('GET', '/pseudo/v1/domains/nowhere', undefined, { as }))
      answers.push(await world.call('POST', '/pseudo/v2/domains/nowhere/evaluate', { blinded: ['A'] }, { as }))
    }
    expect(new Set(answers.map(answer => JSON.stringify(answer.body))).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 404, body: { type: 'urn:problem-type:littlebox:unknown-domain' } })
    expect(JSON.stringify(await world.sql('select * from journal'))).not.toContain('nowhere')
  })

  it('a batch of 0, of 1,001, a body that is no JSON, 10 MB: 400, 400, 400, 413', async () => {
    const { item } = await blindValue('somebody')
    const path = `${one}/pseudonymizeMultiple`
    await multiplying(0, async () => {
      expect((await world.call('POST', path, { inputs: [] })).status).toBe(400)
      expect((await world.call('POST', path, { inputs: Array.from({ length: 1001 }, () => item) })).status).toBe(400)
      for (const body of [{}, [], null, 7, { inputs: {} }, { inputs: 'x' }])
        expect((await world.call('POST', path, body)).status).toBe(400)
      const headers = { 'content-type': 'application/json' }
      for (const raw of ['', '{', 'inputs=1', `{"inputs":[${'['.repeat(10_000)}`]) {
        const answer = await world.call('POST', path, undefined, { raw, headers })
        expect(answer.status).toBe(400)
      }
      const large = await world.call('POST', path, undefined, {
        raw: `{"inputs":["${'x'.repeat(10_000_000)}"]}`,
        headers,
      })
      expect([large.status, code(large)]).toEqual([413, 'too-large'])
    })
    const thousand = await multiplying(1000, () =>
      world.call('POST', path, { inputs: Array.from({ length: 1000 }, () => item) }),
    )
    expect(thousand.body.outputs).toHaveLength(1000)
  })

  it('identify in a domain without `back`: refused at configuration; 409', async () => {
    const accessRule = rule('oneway_v1', { operation: 'identify' })
    const refused = await world.call('PUT', '/pseudo/v2/domains/oneway_v1/access-rule', accessRule, { as: admin })
    expect([refused.status, code(refused)]).toEqual([409, 'no-way-back'])
    // Past the configuration's check, as an operator's SQL could: the use is refused all the same.
    await world.sql(
      `with t as (update domain_clock set version = version + 1 returning version)
       update domain set settings = jsonb_set(settings, '{accessRule}', $1), version = t.version from t where name = 'oneway_v1'`,
      [JSON.stringify(accessRule)],
    )
    const { point, transitInfo } = await pseudonymised(world, 'one_v1', 'somebody')
    const { item } = await blindPoint(point, transitInfo)
    await expect
      .poll(async () => code(await world.call('POST', '/pseudo/v1/domains/oneway_v1/identify', item)))
      .toBe('no-way-back')
    const answer = await multiplying(0, () => world.call('POST', '/pseudo/v1/domains/oneway_v1/identify', item))
    expect(answer.status).toBe(409)
  })

  it('the same request twice: two different answers, both right', async () => {
    const { item, blind } = await blindValue('somebody')
    const answers = [
      await world.call('POST', `${one}/pseudonymize`, item),
      await world.call('POST', `${one}/pseudonymize`, item),
    ]
    expect(answers[0]!.body.x).not.toBe(answers[1]!.body.x)
    expect(answers[0]!.body.transitInfo).not.toBe(answers[1]!.body.transitInfo)
    for (const { body } of answers) {
      const again = await blindPoint(await unblind(body, blind), body.transitInfo)
      const back = await world.call('POST', `${one}/identify`, again.item)
      expect(valueIn(await unblind(back.body, again.blind))).toBe('somebody')
    }
  })

  it('the negative of a point is the same person', async () => {
    const { point, transitInfo } = await pseudonymised(world, 'one_v1', 'somebody')
    const { item, blind } = await blindPoint(point, transitInfo)
    const back = await world.call('POST', `${one}/identify`, { ...item, ...coordinates(negate(pointIn(item))) })
    expect(valueIn(await unblind(back.body, blind))).toBe('somebody')
  })
})

describe('what the service writes down', () => {
  it('neither points nor tokens stand in log or journal, and the search finds one that is planted', async () => {
    const { item } = await blindValue('somebody')
    const token = await world.token()
    const { body } = await world.call('POST', `${one}/pseudonymize`, item, { token })
    const written = async () => world.log.join('\n') + JSON.stringify(await world.sql('select * from journal'))
    const holds = (text: string) =>
      [item.x, item.y, body.x, body.y, body.transitInfo, token].filter(secret => text.includes(secret)).length
    expect(holds(await written())).toBe(0)
    expect(holds(`${await written()}${item.x}`)).toBe(1)
  })
})
