import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { openOwner, repository } from '@littlebox/stack'
import { build } from 'esbuild'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openScene, type Scene } from '../scene.ts'

// A vendor's page: the packages as npm packs them, bundled, in Chromium, against the real service. The page's own server
// passes requests on to the service and the identity provider, as a care provider's would.

const run = promisify(execFile)
const directory = mkdtempSync(join(tmpdir(), 'littlebox-browser-'))
let scene: Scene
let server: Server
let browser: Browser
let practice: string

beforeAll(async () => {
  scene = await openScene()
  await scene.createDomain({ domain: 'prescriptions_v1' })
  practice = readFileSync(scene.care, 'utf8')

  await installFromPack(join(directory, 'vendor'))
  const bundle = await build({
    stdin: { contents: page, resolveDir: join(directory, 'vendor') },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
  })
  const script = bundle.outputFiles[0]!.text
  expect(script).not.toMatch(/from ["']node:|require\(["']/)
  server = await serve(script)
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: chromiumFlags })
})

afterAll(async () => {
  await browser?.close()
  server?.close()
  await scene?.close()
  rmSync(directory, { recursive: true, force: true })
})

it('pseudonymises, alone and in a batch, and identifies; the owner knows the same people', async () => {
  const tab = await browser.newPage()
  const errors: string[] = []
  tab.on('pageerror', error => errors.push(error.message))
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const people = ['85073003328', '51080990450', '00111297136']
  const script = `import('/page.js').then(page => page.scenario(${practice}, ${JSON.stringify(people)}))`
  const seen = await tab.evaluate<{ alone: string; all: string[]; back: string[]; engine: string }>(script)
  expect(errors).toEqual([])
  expect(seen.engine).toBe('portable')
  expect(seen.back).toEqual(people)
  const owner = await openOwner(scene.owner, 'prescriptions_v1')
  const known = await Promise.all(seen.all.map(transit => owner.atRest(transit)))
  expect(new Set(known).size).toBe(people.length)
  expect(await owner.atRest(seen.alone)).toBe(known[0])
})

/** What a vendor writes. `fetch` goes through the page's own origin. */
const page = `
import { allowInsecureHttp, clientCredentials, generateDpopKeys, pseudonymService } from '@littlebox/pseudonym'
import { engine } from '@littlebox/curve'

export async function scenario({ service: [url], issuer, clientId, privateKey, resource }, people) {
  const fetch = (address, init) => globalThis.fetch(String(address).replace(issuer, '/identity').replace(url, ''), init)
  const dpop = await generateDpopKeys()
  const token = clientCredentials({ issuer, clientId, privateKey, resource, dpop, fetch, [allowInsecureHttp]: true })
  const service = pseudonymService({ url, token, fetch, [allowInsecureHttp]: true })
  const domain = await service.domain('prescriptions_v1')
  const alone = await domain.pseudonymise(people[0])
  const all = []
  for await (const { value } of domain.pseudonymiseAll(people, { of: person => person })) all.push(value)
  const back = await Promise.all(all.map(transit => domain.identify(transit)))
  return { alone, all, back, engine: (await engine()).name }
}`

/** node_modules as npm would lay it out: our packages from their tarballs, the others from ours. */
async function installFromPack(vendor: string): Promise<void> {
  await run(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-b', 'tsconfig.build.json'], {
    cwd: repository,
  })
  for (const name of ['curve', 'pseudonym']) {
    const place = join(vendor, 'node_modules/@littlebox', name)
    mkdirSync(place, { recursive: true })
    const { stdout } = await run('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', vendor], {
      cwd: join(repository, 'packages', name),
    })
    const [{ filename }] = Object.values(JSON.parse(stdout)) as [{ filename: string }]
    await run('tar', ['-xzf', join(vendor, filename), '-C', place, '--strip-components=1'])
    expect(readdirSync(place)).not.toContain('src')
  }
  for (const name of ['@noble', 'jose', 'koffi']) {
    const link = join(vendor, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(repository, 'node_modules', name), link)
  }
}

async function serve(script: string): Promise<Server> {
  const files: Record<string, [string, string]> = {
    '/': ['text/html', '<!doctype html><html lang="en"><title>A vendor</title>'],
    '/page.js': ['text/javascript', script],
  }
  const started = createServer(async (request, response) => {
    const path = request.url ?? '/'
    const file = files[path]
    if (file) return void response.writeHead(200, { 'content-type': file[0] }).end(file[1])
    const target = path.startsWith('/identity/')
      ? scene.stack.issuer + path.slice('/identity'.length)
      : scene.stack.url + path
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const headers = new Headers()
    for (const name of passedOn) if (request.headers[name]) headers.set(name, String(request.headers[name]))
    const body = request.method === 'POST' ? { body: Buffer.concat(chunks) } : {}
    const answer = await fetch(target, { method: request.method ?? 'GET', headers, ...body })
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' })
    response.end(Buffer.from(await answer.arrayBuffer()))
  }).listen(0, '127.0.0.1')
  await once(started, 'listening')
  return started
}

/** What a proxy passes on: the page's origin is nobody's business behind it. */
const passedOn = ['accept', 'authorization', 'content-type', 'dpop']

const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
