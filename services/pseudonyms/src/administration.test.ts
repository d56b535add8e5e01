import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allowInsecureHttp } from './main.ts'
import { ownerKeyPair } from './test-support/owner-keys.ts'
import { blindValue, pseudonymised } from './test-support/party.ts'
import { admin, createDomain, grant, newDomain, provider, rule, startWorld, type World } from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.close())

const code = (answer: { body: { type?: string } }) => answer.body.type?.split(':').at(-1)
const create = (domain: string, more: Record<string, unknown> = {}, as = admin) =>
  world.call('POST', '/pseudo/v2/domains', newDomain(world, domain, more), { as })
const isDescribed = (key: `${string}@${number}`) =>
  world.box.describe(key).then(
    () => true,
    () => false,
  )

describe('creating a domain', () => {
  it('answers 201 with its description, which list and describe repeat', async () => {
    const created = await create('made_v1')
    expect(created.status).toBe(201)
    expect(created.body).toMatchObject({
      domain: 'made_v1',
      crv: 'P-521',
      encoding: 'reversible',
      back: true,
      evaluate: false,
      bufferSize: 8,
      timeToLiveInTransit: 'PT10M',
      state: 'active',
      organisation: 'registry',
      publicKey: expect.stringMatching(/^A[gw][\w-]{87,}$/),
      transitKeys: [{ active: true }],
    })
    const described = await world.call('GET', '/pseudo/v2/domains/made_v1', undefined, { as: admin })
    expect(described.body).toEqual(created.body)
    const listed = await world.call('GET', '/pseudo/v2/domains', undefined, { as: admin })
    expect(listed.body.domains).toContainEqual(created.body)
  })

  it('twice: 409, and the key is the first one’s', async () => {
    await createDomain(world, 'twice_v1')
    const again = await create('twice_v1')
    expect([again.status, code(again)]).toEqual([409, 'domain-exists'])
    expect(await isDescribed('domain/twice_v1/forward@2')).toBe(false)
  })

  it('at once on two replicas: one is made, with one key', async () => {
    const second = await world.replica()
    const answers = await Promise.all(
      [world.service.url, second.url, world.service.url, second.url].map(at =>
        world.call('POST', '/pseudo/v2/domains', newDomain(world, 'race_v1'), { as: admin, at }),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
    expect(await world.sql("select count(*)::int as n from transit_key where domain = 'race_v1'")).toEqual([{ n: 1 }])
  })

  it('more at once than there are connections to the database: all are made', async () => {
    const names = Array.from({ length: 16 }, (_, i) => `many${i}_v1`)
    const answers = await Promise.all(names.map(name => create(name, { crv: 'P-256' })))
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 201))
  })

  it('interrupted before or after the box made the key: finished by the next creation, with the same key', async () => {
    for (const made of [false, true]) {
      const domain = `interrupted${Number(made)}_v1`
      const settings = JSON.stringify({ ...newDomain(world, domain), crv: 'P-521', back: true })
      await world.sql(
        `insert into domain (name, state, organisation, settings, audience) values ($1, 'creating', 'registry', $2, 'x')`,
        [domain, settings],
      )
      if (made) await world.box.createDomainKey({ domain, version: 1, curve: 'P-521', back: true }, grant)
      expect((await world.call('GET', `/pseudo/v1/domains/${domain}`)).status).toBe(404)
      const other = await create(domain, { crv: 'P-256' })
      expect([other.status, code(other)]).toEqual([409, 'creation-unfinished'])
      const foreign = await create(domain, {}, { ...admin, organisation: 'elsewhere' })
      expect([foreign.status, code(foreign)]).toEqual([409, 'domain-exists'])
      expect((await create(domain)).status).toBe(201)
      expect(await isDescribed(`domain/${domain}/forward@2`)).toBe(false)
      await pseudonymised(world, domain, 'somebody')
    }
  })

  it('a key in the box that no row explains is an error, never used silently', async () => {
    await world.box.createDomainKey({ domain: 'orphan_v1', version: 1, curve: 'P-521', back: true }, grant)
    const answer = await create('orphan_v1')
    expect([answer.status, code(answer)]).toEqual([409, 'key-without-domain'])
    expect(await world.sql("select * from domain where name = 'orphan_v1'")).toEqual([])
  })

  it('refuses what can’t be, before any key is made', async () => {
    const bad: [Record<string, unknown>, number, string][] = [
      [{ domain: 'Bad' }, 400, 'invalid-request'],
      [{ domain: '85073003328' }, 400, 'invalid-request'],
      [{ crv: 'secp256k1' }, 400, 'invalid-request'],
      [{ unknown: 1 }, 400, 'invalid-request'],
      [{ timeToLiveInTransit: '10 minutes' }, 400, 'invalid-item'],
      [{ timeToLiveInTransit: 'P30D' }, 400, 'invalid-item'],
      [{ quotas: { caller: { burst: 0, perDay: 1 } } }, 400, 'invalid-request'],
      [{ accessRule: rule('other_v1') }, 400, 'invalid-access-rule'],
      [{ accessRule: rule('bad_v1', { operation: 'convert' }) }, 400, 'invalid-access-rule'],
      [{ accessRule: rule('bad_v1', { operation: 'identify', to: 'x_v1' }) }, 400, 'invalid-access-rule'],
      [{ accessRule: rule('bad_v1', { operation: 'identify' }), back: false }, 409, 'no-way-back'],
      [{ accessRule: rule('bad_v1', { operation: 'evaluate' }) }, 409, 'not-evaluable'],
    ]
    for (const path of ['$..roles', '$.roles[?(@)]', 'roles', '$.a[0:1]'])
      bad.push([
        {
          accessRule: rule('bad_v1', {
            operation: 'identify',
            userGroups: [{ name: 'x', claims: [{ path, value: 'x' }] }],
          }),
        },
        400,
        'invalid-access-rule',
      ])
    for (const [more, status, expected] of bad) {
      const answer = await create('bad_v1', more)
      expect([answer.status, code(answer)], JSON.stringify(more)).toEqual([status, expected])
    }
    expect(await isDescribed('domain/bad_v1/forward@1')).toBe(false)
  })
})

describe('who administers', () => {
  it('the role domain-admin, of the domain’s own organisation; others’ domains do not exist', async () => {
    await createDomain(world, 'ours_v1')
    const paths: [string, string, unknown][] = [
      ['GET', '/ours_v1', undefined],
      ['POST', '/ours_v1/rotate', undefined],
      ['POST', '/ours_v1/retire', undefined],
      ['PUT', '/ours_v1/access-rule', rule('ours_v1')],
      ['PUT', '/ours_v1/quotas', {}],
    ]
    for (const [method, path, body] of paths) {
      const plain = await world.call(method, `/pseudo/v2/domains${path}`, body, { as: provider })
      expect([plain.status, code(plain)]).toEqual([403, 'administrators-only'])
      const foreign = await world.call(method, `/pseudo/v2/domains${path}`, body, {
        as: { ...admin, organisation: 'other' },
      })
      expect([foreign.status, code(foreign)]).toEqual([404, 'unknown-domain'])
    }
    const list = await world.call('GET', '/pseudo/v2/domains', undefined, { as: { ...admin, organisation: 'other' } })
    expect(list.body).toEqual({ domains: [] })
    expect((await create('theirs_v1', {}, provider)).status).toBe(403)
  })

  it('a right that was taken away and a retired domain end on every replica within a second', async () => {
    const second = await world.replica()
    await createDomain(world, 'ending_v1')
    const { item } = await blindValue('somebody')
    const use = (at: string) => world.call('POST', '/pseudo/v1/domains/ending_v1/pseudonymize', item, { at })
    await expect.poll(async () => (await use(second.url)).status).toBe(200)
    const put = await world.call('PUT', '/pseudo/v2/domains/ending_v1/access-rule', rule('ending_v1'), { as: admin })
    expect(put.body.accessRule.details).toEqual([])
    expect((await use(world.service.url)).status).toBe(403)
    await expect.poll(async () => (await use(second.url)).status, { timeout: 1000 }).toBe(403)
    await world.call(
      'PUT',
      '/pseudo/v2/domains/ending_v1/access-rule',
      rule('ending_v1', { operation: 'pseudonymize' }),
      { as: admin },
    )
    await expect.poll(async () => (await use(second.url)).status, { timeout: 1000 }).toBe(200)
    const retired = await world.call('POST', '/pseudo/v2/domains/ending_v1/retire', undefined, { as: admin })
    expect(retired.body.state).toBe('retired')
    expect((await use(world.service.url)).status).toBe(410)
    await expect.poll(async () => (await use(second.url)).status, { timeout: 1000 }).toBe(410)
    const rotate = await world.call('POST', '/pseudo/v2/domains/ending_v1/rotate', undefined, { as: admin })
    expect([rotate.status, code(rotate)]).toEqual([410, 'domain-retired'])
  })

  it('every act is an event', async () => {
    const events = await world.sql(`select distinct operation, outcome from journal where type = 'administration'`)
    for (const operation of ['create-domain', 'retire-domain', 'put-access-rule'])
      expect(events).toContainEqual({ operation, outcome: 'done' })
    expect(events).toContainEqual({ operation: 'create-domain', outcome: 'refused' })
  })
})

describe('the owner’s keys (pseudonyms.md §5)', () => {
  const refused = async (jku: string) => {
    const answer = await create('keys_v1', { jku: [jku] })
    expect([answer.status, code(answer)], jku).toEqual([400, 'invalid-owner-keys'])
    expect(await isDescribed('domain/keys_v1/forward@1')).toBe(false)
    return String(answer.body.detail)
  }

  it('only from origins that the operator allows, without redirects', async () => {
    expect(await refused('http://127.0.0.1:1/jwks')).toContain('does not allow')
    expect(await refused(world.jku.replace('127.0.0.1', 'localhost'))).toContain('does not allow')
    expect(await refused(world.jku.replace('//', '//user:word@'))).toContain('more than an address')
    expect(await refused('file:///etc/passwd')).toContain('HTTPS')
    world.publisher.paths.set(
      '/elsewhere',
      (_, response) => void response.writeHead(302, { location: world.jku }).end(),
    )
    expect(await refused(`${world.publisher.origin}/elsewhere`)).toContain('no answer')
    const secure = await world.replica({ transport: undefined })
    const answer = await world.call('POST', '/pseudo/v2/domains', newDomain(world, 'keys_v1'), {
      as: admin,
      at: secure.url,
    })
    expect(answer.body.detail).toContain('HTTPS')
    expect(typeof allowInsecureHttp).toBe('symbol')
  })

  it('only of bounded size and in bounded time', async () => {
    world.publisher.publish('/large', { keys: [], filler: 'x'.repeat(300_000) })
    await refused(`${world.publisher.origin}/large`)
    world.publisher.paths.set('/endless', (_, response) => void response.writeHead(200).write('{'))
    const began = performance.now()
    await refused(`${world.publisher.origin}/endless`)
    expect(performance.now() - began).toBeLessThan(7000)
  })

  it('only RSA of 2048 bits and more, with use enc, and a certificate and thumbprint of the same key', async () => {
    const { publicJwk } = world.owner
    const [weak, other] = await Promise.all([ownerKeyPair(1024), ownerKeyPair()])
    const { x5c: _, ...bare } = publicJwk
    const sets: [string, object][] = [
      ['/none', { keys: [] }],
      ['/text', ['keys']],
      ['/signing', { keys: [{ ...publicJwk, use: 'sig' }] }],
      ['/weak', { keys: [weak.publicJwk] }],
      ['/bare', { keys: [bare] }],
      ['/foreign', { keys: [{ ...publicJwk, x5c: other.publicJwk.x5c }] }],
      ['/thumb', { keys: [{ ...publicJwk, 'x5t#S256': other.publicJwk['x5t#S256'] }] }],
      ['/rubbish', { keys: [{ ...publicJwk, x5c: ['AAAA'] }] }],
      ['/one-bad', { keys: [publicJwk, weak.publicJwk] }],
    ]
    for (const [path, body] of sets) await refused(world.publisher.publish(path, body))
  })
})
