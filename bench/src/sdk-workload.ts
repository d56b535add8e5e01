/**
 * The care provider's part of a pseudonymisation, blind and unblind on P-521, in our SDK and in eHealth's client, against
 * an answer made on the spot: always the same point. Nothing else of the service is in it. Runs in Node and Chromium.
 */
import { engine, generator, xOf, yOf } from '@littlebox/curve'
import { parseDomain, processPseudonymiseResponse, pseudonymiseRequest, valuePoints } from '@littlebox/pseudonym'
import type { EhealthModule } from '../../tests/interop/ehealth-client.ts'

const audience = 'https://pseudonyms.example/pseudo/v1/domains/bench'
const times = { iat: 1_700_000_000, exp: 4_000_000_000 }
const header = btoa(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: 'bench', aud: audience, ...times }))
const transitInfo = `${header.replaceAll('=', '')}..AAAA.AAAA.AAAA`

interface Input {
  readonly id: string
}

/** Milliseconds for one batch of `size` values in our SDK. */
export async function ours(size: number): Promise<number> {
  const curves = await engine()
  const domain = parseDomain({
    domain: 'bench',
    crv: 'P-521',
    audience,
    bufferSize: 8,
    timeToLiveInTransit: 'PT10M',
    jku: [],
    secretKeys: [],
  })
  const values = Array.from({ length: size }, (_, i) => new TextEncoder().encode(`8507300${i}`))
  const begin = performance.now()
  const points = (await valuePoints(curves, domain, values)).map(point => {
    if (point instanceof Error) throw point
    return point
  })
  const pending = await pseudonymiseRequest(curves, domain, points)
  const body = { outputs: (pending.request.body as { inputs: Input[] }).inputs.map(answer) }
  const tokens = await processPseudonymiseResponse(curves, pending, { status: 200, body })
  const took = performance.now() - begin
  if (tokens.some(token => token instanceof Error)) throw new Error('our SDK refused an honest answer')
  return took
}

/** Milliseconds for `size` values, one after the other, in eHealth's client. */
export async function theirs(ehealth: EhealthModule, size: number): Promise<number> {
  const refuse = () => Promise.reject(new Error('not part of this benchmark'))
  const helper = new ehealth.PseudonymisationHelper({
    getDomain: refuse,
    identify: refuse,
    identifyMultiple: refuse,
    pseudonymizeMultiple: refuse,
    pseudonymize: async (_domain, payload) => JSON.stringify(answer(JSON.parse(payload))),
  })
  const domain = helper.createDomain('bench', ehealth.Curve.P521, audience, 8)
  const begin = performance.now()
  for (let i = 0; i < size; i++) await domain.valueFactory.fromString(`8507300${i}`).pseudonymize()
  return performance.now() - begin
}

const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes))
const somePoint = { x: base64(xOf(generator('P-521'))), y: base64(yOf(generator('P-521'))) }

function answer(input: Input) {
  return {
    id: input.id,
    inResponseTo: input.id,
    domain: 'bench',
    crv: 'P-521',
    ...times,
    ...somePoint,
    transitInfo,
  }
}
