/** Requests for the service's benchmark: blinded points made beforehand, sent over kept connections by bare node:http. */
import { Agent, request } from 'node:http'
import { type CurveName, engine, randomScalar, xOf, yOf } from '@littlebox/curve'

export interface Load {
  /** Sends one request and resolves when its answer is complete; throws unless it is 200. */
  send(): Promise<void>
}

/** Pseudonymisation of `size` points a request: one by itself, more as a batch. */
export async function pseudonymiseLoad(
  url: string,
  domain: string,
  curve: CurveName,
  size: number,
  token: () => Promise<string>,
): Promise<Load> {
  const curves = await engine()
  const bodies: Buffer[] = []
  for (let i = 0; i < 20; i++) {
    const points = await curves.multiplyBase(Array.from({ length: size }, () => randomScalar(curve)))
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
    const inputs = points.map((point, id) => ({
      id: `${id}`,
      crv: curve,
      x: base64(xOf(point)),
      y: base64(yOf(point)),
    }))
    bodies.push(Buffer.from(JSON.stringify(size === 1 ? inputs[0] : { inputs })))
  }
  const path = `/pseudo/v1/domains/${domain}/${size === 1 ? 'pseudonymize' : 'pseudonymizeMultiple'}`
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  let next = 0
  return {
    async send() {
      const body = bodies[next++ % bodies.length]!
      const authorization = `Bearer ${await token()}`
      await new Promise<void>((resolve, reject) => {
        const headers = { authorization, 'content-type': 'application/json', 'content-length': body.length }
        const sent = request(new URL(path, url), { method: 'POST', agent, headers }, answer => {
          answer.resume()
          answer.once('error', reject)
          answer.once('end', () =>
            answer.statusCode === 200 ? resolve() : reject(new Error(`the service answered ${answer.statusCode}`)),
          )
        })
        sent.once('error', reject)
        sent.end(body)
      })
    },
  }
}

/** Keeps `callers` requests under way for `ms`; requests a second. */
export async function closedLoop(load: Load, callers: number, ms: number): Promise<number> {
  const begin = performance.now()
  let done = 0
  const caller = async () => {
    for (; performance.now() - begin < ms; done++) await load.send()
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return (done * 1000) / (performance.now() - begin)
}

export interface Latencies {
  /** ms, sorted; from when a request was due, so that a stalled sender doesn't hide a stalled service. */
  readonly answered: readonly number[]
  readonly failed: number
}

/** Sends `rate` requests a second for `ms`, whether or not earlier ones are answered. */
export async function openLoop(load: Load, rate: number, ms: number): Promise<Latencies> {
  const answered: number[] = []
  let failed = 0
  const underWay: Promise<void>[] = []
  const begin = performance.now()
  for (let sent = 0; performance.now() - begin < ms; ) {
    for (const due = ((performance.now() - begin) * rate) / 1000; sent < due; sent++) {
      const at = begin + (sent * 1000) / rate
      const ended = load.send().then(
        () => void answered.push(performance.now() - at),
        () => void failed++,
      )
      underWay.push(ended)
    }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  await Promise.all(underWay)
  return { answered: answered.sort((a, b) => a - b), failed }
}
