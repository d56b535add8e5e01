import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRoute, z } from '@hono/zod-openapi'
import { afterEach, describe, expect, test } from 'vitest'
import { defineProblems, problemBody } from './problem.ts'
import { type Limits, type ServeOptions, type Serving, serve, serviceApp } from './server.ts'
import { metrics } from './telemetry.ts'

const problem = defineProblems({ 'invalid-point': { status: 400, title: 'Not a point' } })

const echo = createRoute({
  method: 'post',
  path: '/echo/{name}',
  summary: 'Answers what was sent <b>',
  request: {
    params: z.object({ name: z.string() }),
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({ n: z.number().max(9), s: z.string().optional() }).openapi('Item'),
        },
      },
    },
  },
  responses: {
    200: { description: 'The same', content: { 'application/json': { schema: z.object({ n: z.number() }) } } },
  },
})

interface Trial extends Serving {
  readonly reported: unknown[]
  /** Lets the requests that wait at /wait go on. */
  release(): void
  arrived(): number
}

const open: Trial[] = []
afterEach(async () => {
  for (const trial of open.splice(0)) {
    trial.release()
    await trial.close()
  }
})

async function start(
  limits: Partial<Limits> = {},
  more: Partial<ServeOptions> = {},
  healthy = () => true,
): Promise<Trial> {
  const reported: unknown[] = []
  let release = (): void => undefined
  let arrived = 0
  const gate = new Promise<void>(done => {
    release = done
  })
  const app = serviceApp({
    title: 'Trial <script>',
    version: '1.2.3',
    description: 'For the test.\n\nSecond paragraph.',
    checks: { database: async () => healthy(), box: async () => true },
    metrics: metrics(),
    report: error => reported.push(error),
  })
  app.openapi(echo, context => context.json({ n: context.req.valid('json').n }, 200))
  app.post('/problem', () => {
    throw problem('invalid-point', { detail: 'The point is not on P-521.', headers: { 'retry-after': '7' } })
  })
  app.get('/broken', () => {
    throw new Error('row (85073003328) is broken')
  })
  app.on(['GET', 'POST'], '/wait', async context => {
    arrived++
    await gate
    return context.json({ waited: true })
  })
  const serving = await serve({ app, port: 0, limits, ...more })
  const trial = { ...serving, reported, release, arrived: () => arrived }
  open.push(trial)
  return trial
}

async function post(url: string, body: string | ReadableStream, type = 'application/json'): Promise<Response> {
  return fetch(url, { method: 'POST', body, headers: { 'content-type': type }, duplex: 'half' } as RequestInit)
}

async function expectProblem(response: Response, status: number, code: string): Promise<void> {
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(await response.json()).toEqual({
    type: `urn:problem-type:littlebox:${code}`,
    title: expect.any(String),
    status,
    detail: expect.any(String),
  })
}

/** What a socket gets to read until it ends, or until `stop` is in it. */
async function read(socket: Socket, stop?: string): Promise<string> {
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) {
    text += String(chunk)
    if (stop !== undefined && text.includes(stop)) break
  }
  return text
}

describe('RFC 9457 problems', () => {
  test('a problem is answered with type, title, status, detail and its headers', async () => {
    const { url } = await start()
    const response = await fetch(`${url}/problem`, { method: 'POST' })
    expect(response.headers.get('retry-after')).toBe('7')
    await expectProblem(response, 400, 'invalid-point')
  })

  test('in a batch the same body stands at its index', () => {
    expect(problemBody(problem('invalid-point'))).toEqual({
      type: 'urn:problem-type:littlebox:invalid-point',
      title: 'Not a point',
      status: 400,
      detail: 'Not a point',
    })
  })

  test('an unexpected error tells the caller nothing but a correlation, and is reported', async () => {
    const { url, reported } = await start()
    const response = await fetch(`${url}/broken`)
    const text = await response.clone().text()
    await expectProblem(response, 500, 'internal')
    expect(text).toContain(response.headers.get('x-correlation-id'))
    expect(text).not.toContain('85073003328')
    expect(reported).toHaveLength(1)
  })

  test('what is not there: 404 as a problem', async () => {
    const { url } = await start()
    await expectProblem(await fetch(`${url}/nothing`), 404, 'not-found')
  })

  test('JSON that does not parse: 400 malformed-json', async () => {
    const { url } = await start()
    await expectProblem(await post(`${url}/echo/a`, '{"n":'), 400, 'malformed-json')
  })

  test('a body that does not fit: 400 invalid-request, naming where and not the sender’s fields', async () => {
    const { url } = await start()
    const response = await post(`${url}/echo/a`, '{"n":"x","85073003328":1}')
    const { detail } = await response.clone().json()
    expect(detail).toContain('n: ')
    expect(detail).not.toContain('85073003328')
    await expectProblem(response, 400, 'invalid-request')
  })
})

describe('admission', () => {
  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json-seq'])('%s: 415', async type => {
    const { url } = await start()
    await expectProblem(await post(`${url}/echo/a`, '{"n":1}', type), 415, 'unsupported-media-type')
  })

  test('JSON with a charset is JSON; a body up to the limit is taken', async () => {
    const { url } = await start({ bodyBytes: 100 })
    const body = `{"n":1,"s":"${'x'.repeat(86)}"}`
    expect(body).toHaveLength(100)
    const response = await post(`${url}/echo/a`, body, 'application/json; charset=utf-8')
    expect(await response.json()).toEqual({ n: 1 })
    await expectProblem(await post(`${url}/echo/a`, `${body} `), 413, 'too-large')
  })

  test('10 MB announced: 413, and the client gets to read it', async () => {
    const { url } = await start()
    await expectProblem(await post(`${url}/echo/a`, 'x'.repeat(10_000_000)), 413, 'too-large')
  })

  test('10 MB in chunks, length not announced: 413', async () => {
    const { url } = await start()
    let left = 100
    const endless = new ReadableStream({
      pull: controller => (left-- > 0 ? controller.enqueue(new Uint8Array(100_000)) : controller.close()),
    })
    await expectProblem(await post(`${url}/echo/a`, endless), 413, 'too-large')
  })

  test('a slow body: 408, and meanwhile it costs nobody a place to work', async () => {
    const trial = await start({ bodyMs: 300, working: 1 })
    const slow = connect(trial.port, '127.0.0.1')
    slow.write('POST /echo/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{')
    await new Promise(done => setTimeout(done, 50))
    expect((await post(`${trial.url}/echo/a`, '{"n":1}')).status).toBe(200)
    expect(await read(slow, 'timeout')).toMatch(/^HTTP\/1\.1 408 /)
    slow.destroy()
  })

  test('over the places to work: 503 busy with Retry-After at once; health stays reachable; places come back', async () => {
    const trial = await start({ working: 2 })
    const held = [fetch(`${trial.url}/wait`), fetch(`${trial.url}/wait`)]
    while (trial.arrived() < 2) await new Promise(done => setTimeout(done, 5))
    const refused = await fetch(`${trial.url}/wait`)
    expect(refused.headers.get('retry-after')).toBe('1')
    await expectProblem(refused, 503, 'busy')
    expect((await fetch(`${trial.url}/livez`)).status).toBe(200)
    trial.release()
    expect((await Promise.all(held)).map(response => response.status)).toEqual([200, 200])
    expect((await post(`${trial.url}/echo/a`, '{"n":2}')).status).toBe(200)
  })

  /** Sends it, and hangs up before an answer. */
  async function hangUp(port: number, request: string): Promise<void> {
    const socket = connect(port, '127.0.0.1')
    socket.write(request)
    await new Promise(done => setTimeout(done, 50))
    socket.destroy()
    await new Promise(done => setTimeout(done, 50))
  }

  const jsonOf = (path: string, length: number, sent: string) =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${sent}`

  test('a client that goes away while it sends gives its place back', async () => {
    const trial = await start({ working: 1, reading: 1 })
    await hangUp(trial.port, jsonOf('/echo/a', 7, '{'))
    expect((await post(`${trial.url}/echo/a`, '{"n":2}')).status).toBe(200)
  })

  test('the work for a client that went away keeps its place until it is over', async () => {
    const trial = await start({ working: 2 })
    for (let client = 0; client < 4; client++) await hangUp(trial.port, 'GET /wait HTTP/1.1\r\nhost: x\r\n\r\n')
    expect(trial.arrived()).toBe(2)
    await expectProblem(await post(`${trial.url}/echo/a`, '{"n":2}'), 503, 'busy')
    trial.release()
    expect((await post(`${trial.url}/echo/a`, '{"n":2}')).status).toBe(200)
  })

  test('the work for a client that went away keeps its bytes until it is over', async () => {
    const trial = await start({ heldBytes: 1000 })
    const body = `{"n":1,"s":"${'x'.repeat(600)}"}`
    await hangUp(trial.port, jsonOf('/wait', body.length, body))
    expect(trial.arrived()).toBe(1)
    await expectProblem(await post(`${trial.url}/echo/a`, body), 503, 'busy')
    trial.release()
    expect((await post(`${trial.url}/echo/a`, body)).status).toBe(200)
  })

  test('refusals are counted in /metrics by reason, from 0, and clients that went away are not', async () => {
    const trial = await start({ working: 1, bodyBytes: 100, bodyMs: 300 })
    const counted = async () => {
      const text = await (await fetch(`${trial.url}/metrics`)).text()
      const lines = text.matchAll(/^littlebox_http_refusals_total\{reason="(.+)"\} (\d+)$/gm)
      return Object.fromEntries([...lines].map(([, reason, count]) => [reason, Number(count)]))
    }
    expect(await counted()).toEqual({ busy: 0, timeout: 0, 'too-large': 0, 'unsupported-media-type': 0 })
    await hangUp(trial.port, jsonOf('/echo/a', 7, '{'))
    await post(`${trial.url}/echo/a`, 'x'.repeat(101))
    await post(`${trial.url}/echo/a`, '{"n":1}', 'text/plain')
    const slow = connect(trial.port, '127.0.0.1')
    slow.write(jsonOf('/echo/a', 7, '{'))
    await read(slow, 'timeout')
    slow.destroy()
    const held = fetch(`${trial.url}/wait`)
    while (trial.arrived() < 1) await new Promise(done => setTimeout(done, 5))
    for (let round = 0; round < 2; round++) await (await fetch(`${trial.url}/wait`)).text()
    trial.release()
    await held
    expect(await counted()).toEqual({ busy: 2, timeout: 1, 'too-large': 1, 'unsupported-media-type': 1 })
  })

  test('over the bytes that may be held: 503, and they are given back', async () => {
    const { url } = await start({ heldBytes: 1000 })
    await expectProblem(await post(`${url}/echo/a`, `{"n":1,"s":"${'x'.repeat(2000)}"}`), 503, 'busy')
    for (let round = 0; round < 5; round++) {
      expect((await post(`${url}/echo/a`, `{"n":1,"s":"${'x'.repeat(500)}"}`)).status).toBe(200)
    }
  })
})

describe('the rooms of every service', () => {
  test('/livez and /readyz, with the names of what fails', async () => {
    let healthy = true
    const { url } = await start({}, {}, () => healthy)
    expect(await (await fetch(`${url}/livez`)).json()).toEqual({ status: 'alive' })
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({
      status: 'ready',
      checks: { database: 'ok', box: 'ok' },
    })
    healthy = false
    const response = await fetch(`${url}/readyz`)
    expect(response.status).toBe(503)
    expect(await response.json()).toEqual({ status: 'not-ready', checks: { database: 'failed', box: 'ok' } })
  })

  test('/metrics counts by route as the contract writes it, never by path', async () => {
    const { url } = await start()
    await post(`${url}/echo/85073003328`, '{"n":1}')
    await fetch(`${url}/85073003328`)
    const text = await (await fetch(`${url}/metrics`)).text()
    expect(text).toContain('http_request_duration_seconds_count{method="POST",route="/echo/:name",status="200"} 1')
    expect(text).not.toContain('85073003328')
  })

  test('/openapi.json is OpenAPI 3.1', async () => {
    const { url } = await start()
    const document = await (await fetch(`${url}/openapi.json`)).json()
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.paths)).toEqual(['/echo/{name}'])
    expect(document.components.schemas.Item.properties.n).toEqual({ type: 'number', maximum: 9 })
  })

  test('/docs fetches nothing, runs nothing, and escapes what it shows', async () => {
    const { url } = await start()
    const response = await fetch(`${url}/docs`)
    const html = await response.text()
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'/)
    expect(html).toContain('Trial &lt;script&gt;')
    expect(html).toContain('/echo/{name}')
    expect(html).toContain('href="#schema-Item"')
    expect(html).not.toMatch(/<script|https?:|src=|@import|url\(/)
    expect(html).toContain('prefers-color-scheme:dark')
  })

  test('every answer has the security headers, refusals too', async () => {
    const { url } = await start()
    for (const response of [await fetch(`${url}/livez`), await post(`${url}/echo/a`, 'x', 'text/plain')]) {
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(response.headers.get('cache-control')).toBe('no-store')
    }
  })
})

describe('closing', () => {
  test('what is under way is answered, nothing new is taken, then onDrain runs', async () => {
    const events: string[] = []
    const trial = await start({}, { onDrain: async () => void events.push('drained') })
    const waiting = fetch(`${trial.url}/wait`).then(response => {
      events.push(`answered ${response.status}`)
    })
    while (trial.arrived() < 1) await new Promise(done => setTimeout(done, 5))
    const closing = trial.close()
    await expect(fetch(`${trial.url}/livez`)).rejects.toThrow()
    trial.release()
    await Promise.all([waiting, closing])
    expect(events.sort()).toEqual(['answered 200', 'drained'])
  })

  test('what does not end in time is cut', async () => {
    const trial = await start({}, { drainMs: 100 })
    const socket = connect(trial.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET /wait HTTP/1.1\r\nhost: x\r\n\r\n')
    while (trial.arrived() < 1) await new Promise(done => setTimeout(done, 5))
    const cut = once(socket, 'close')
    await trial.close()
    await cut
  })
})

describe('exitOnSignals', () => {
  /** A service in a process of its own, with one request under way. */
  async function serviceProcess(): Promise<{
    child: ChildProcess
    exit: Promise<unknown[]>
    answer: Promise<Response>
  }> {
    const [server, telemetry] = ['./server.ts', './telemetry.ts'].map(file => new URL(file, import.meta.url).href)
    const code = `
      const { exitOnSignals, serve, serviceApp } = await import('${server}')
      const { metrics } = await import('${telemetry}')
      const about = { title: 't', version: '1', description: 'd', checks: {}, metrics: metrics(), report() {} }
      const app = serviceApp(about)
      app.get('/wait', async context => {
        process.stdout.write('arrived')
        await new Promise(done => setTimeout(done, 400))
        return context.json({})
      })
      const { url, close } = await serve({ app, port: 0 })
      exitOnSignals(close)
      process.stdout.write(url)`
    const child = spawn(process.execPath, ['--conditions=littlebox:source', '--input-type=module', '-e', code], {
      cwd: dirname(fileURLToPath(import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    const output = child.stdout.setEncoding('utf8')
    const [url]: unknown[] = await once(output, 'data')
    const answer = fetch(`${String(url)}/wait`)
    await once(output, 'data')
    return { child, exit, answer }
  }

  test.each(['SIGTERM', 'SIGINT'] as const)('%s: the request under way is answered, then exit 0', async signal => {
    const { child, exit, answer } = await serviceProcess()
    child.kill(signal)
    expect((await answer).status).toBe(200)
    expect(await exit).toEqual([0, null])
  })

  test('a second signal ends it at once: exit 1', async () => {
    const { child, exit, answer } = await serviceProcess()
    const cut = expect(answer).rejects.toThrow()
    child.kill('SIGTERM')
    await new Promise(done => setTimeout(done, 50))
    child.kill('SIGTERM')
    expect(await exit).toEqual([1, null])
    await cut
  })
})
