import { nativeEngine } from '@littlebox/curve/native'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type Bend, refused, startHonestService } from './test-support/honest-service.ts'
import { openerFor, refuses } from './test-support/sdk.ts'

const engine = await nativeEngine()
const honest = await startHonestService(engine, [
  { name: 'people_256' },
  { name: 'elsewhere' },
  { name: 'texts', valueFormat: 'text' },
])
afterAll(() => honest.close())
afterEach(() => {
  honest.bend = undefined
})

const open = openerFor(honest)
const people = () => open().domain('people_256')
const ssn = '85073003328'
const otherSsn = '51080990450'
const outputsOf = (body: unknown) => (body as { outputs: Record<string, unknown>[] }).outputs

describe('answers that do not belong to what was sent', () => {
  const hostile: [string, Bend][] = [
    ['misordered', reply => ({ ...reply, body: { outputs: outputsOf(reply.body).toReversed() } })],
    ['one too few', reply => ({ ...reply, body: { outputs: outputsOf(reply.body).slice(1) } })],
    ['one too many', reply => ({ ...reply, body: { outputs: [...outputsOf(reply.body), outputsOf(reply.body)[0]] } })],
    [
      'the same twice',
      reply => ({ ...reply, body: { outputs: outputsOf(reply.body).fill(outputsOf(reply.body)[0]!) } }),
    ],
    ['no outputs', reply => ({ ...reply, body: {} })],
    ['null', reply => ({ ...reply, body: null })],
    ['no JSON', reply => ({ ...reply, body: '<html>' })],
    ['outputs that are no objects', reply => ({ ...reply, body: { outputs: [1, 2] } })],
    ['another domain', change({ domain: 'elsewhere' })],
    ['another curve', change({ crv: 'P-521' })],
    ['a point off the curve', change({ y: Buffer.alloc(32, 1).toString('base64') })],
    ['a coordinate of another width', change({ x: Buffer.alloc(31, 1).toString('base64') })],
    ['a coordinate that is no text', change({ x: 7 })],
    ['a coordinate of a megabyte', change({ x: 'A'.repeat(1_000_000) })],
    ['no transit information', change({ transitInfo: undefined })],
    ['transit information of another form', change({ transitInfo: 'a.b.c' })],
    ['the points that were sent', echo],
    ['a success without content', reply => ({ ...reply, status: 204, body: '' })],
  ]

  function change(members: object): Bend {
    return reply => {
      const [first, ...rest] = outputsOf(reply.body)
      return { ...reply, body: { outputs: [{ ...first, ...members }, ...rest] } }
    }
  }

  function echo(reply: Parameters<Bend>[0], { body }: Parameters<Bend>[1]) {
    const { inputs } = body as { inputs: { x: string; y: string }[] }
    const outputs = outputsOf(reply.body).map((output, i) => ({ ...output, x: inputs[i]!.x, y: inputs[i]!.y }))
    return { ...reply, body: { outputs } }
  }

  it.each(hostile)('%s: refused', async (_, bend) => {
    const domain = await people()
    honest.bend = bend
    const results = await Promise.allSettled([domain.pseudonymise(ssn), domain.pseudonymise(otherSsn)])
    for (const result of results) expect(result).toMatchObject({ reason: refuses('unexpected-answer') })
  })

  it('an identified point that is no value is no value', async () => {
    const domain = await people()
    const transit = await domain.pseudonymise(ssn)
    const other = await (await open().domain('elsewhere')).pseudonymise(ssn)
    const [x, y] = [other, other].map((text, i) => {
      const sec1 = Buffer.from(text.split(':')[0]!, 'base64url')
      return sec1.subarray(1 + 32 * i, 33 + 32 * i).toString('base64')
    })
    honest.bend = change({ x, y })
    await expect(domain.identify(transit)).rejects.toEqual(refuses('not-a-value'))
  })

  it('a document of another domain, or one that does not fit, is refused', async () => {
    honest.bend = reply => ({ ...reply, body: { ...(reply.body as object), domain: 'elsewhere' } })
    await expect(open().domain('texts')).rejects.toEqual(refuses('unexpected-answer'))
    honest.bend = reply => ({ ...reply, body: { ...(reply.body as object), crv: 'P-224' } })
    await expect(open().domain('texts')).rejects.toEqual(refuses('invalid-domain'))
  })

  it('an answer without end is cut off', async () => {
    const domain = await people()
    honest.bend = (_, __, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        while (response.write('x'.repeat(65_536)));
        response.once('drain', more)
      }
      more()
      return undefined
    }
    await expect(domain.pseudonymise(ssn)).rejects.toEqual(refuses('unexpected-answer'))
  })

  it('no error repeats a value, a token or what the service said', async () => {
    const domain = await people()
    honest.bend = reply => ({
      ...reply,
      ...refused(403, 'no-access'),
      body: { ...refused(403, 'no-access').body, detail: ssn },
    })
    const error = await domain.pseudonymise(ssn).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'refused' })
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toMatch(new RegExp(`${ssn}|a-token`))
  })
})
