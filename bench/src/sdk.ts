/** Blind and unblind in our SDK against eHealth's npm client (pseudonyms.md §12), in Node and in Chromium. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { bundleEhealthClient, loadEhealthClient } from '../../tests/interop/ehealth-client.ts'
import { inTurn, report } from './measure.ts'
import { ours, theirs } from './sdk-workload.ts'

const perSecond = (size: number, ms: number) => (size * 1000) / ms

const ehealth = await loadEhealthClient()
await ours(200)
const node = await inTurn(
  5,
  async () => perSecond(1000, await ours(1000)),
  async () => perSecond(10, await theirs(ehealth, 10)),
)
report({ name: 'sdk/node/blind+unblind/P-521', goal: 100, ...node, of: "eHealth's npm client" })
const browser = await inChromium()
report({ name: 'sdk/chromium/blind+unblind/P-521', goal: 3, ...browser, of: "eHealth's npm client" })
process.exit()

async function inChromium(): Promise<{ ours: number; peer: number }> {
  const { outputFiles } = await build({
    entryPoints: [`${import.meta.dirname}/sdk-workload.ts`],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['littlebox:source'],
  })
  const files = new Map([
    ['/', { type: 'text/html', text: '<!doctype html><title>bench</title>' }],
    ['/workload.js', { type: 'text/javascript', text: outputFiles[0]!.text }],
    ['/ehealth.js', { type: 'text/javascript', text: await bundleEhealthClient('browser') }],
  ])
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '')
    response.writeHead(file ? 200 : 404, { 'content-type': file?.type ?? 'text/plain' }).end(file?.text)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const chrome = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'],
  })
  try {
    const page = await chrome.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    const run = (script: string) => page.evaluate<number>(script)
    return await inTurn(
      3,
      async () => perSecond(30, await run("import('/workload.js').then(w => w.ours(30))")),
      async () =>
        perSecond(
          5,
          await run("Promise.all([import('/workload.js'), import('/ehealth.js')]).then(([w, e]) => w.theirs(e, 5))"),
        ),
    )
  } finally {
    await chrome.close()
    server.close()
  }
}
