import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nativeEngine } from '@littlebox/curve/native'
import { afterAll, expect, it, vi } from 'vitest'
import { startHonestService } from './test-support/honest-service.ts'

const honest = await startHonestService(await nativeEngine(), [{ name: 'prescriptions_v1' }])
const folder = mkdtempSync(join(tmpdir(), 'littlebox-readme-'))
const example = pathToFileURL(join(folder, 'example.ts'))
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await honest.close()
})

it('the examples of the README run as printed', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const [first, second] = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(match => match[1]!)
  const given = `export async function example({ url, token, privateKeys, atRestKeys, rows }: any) {`
  const [head, ...body] = first!.split('\n\n')
  const source = `${head!.replace('@littlebox/pseudonym', new URL('./index.ts', import.meta.url).href)}\n${given}\n${body.join('\n')}\n${second}\n}\n`
  writeFileSync(example, source)
  const printed: unknown[][] = []
  const log = vi.spyOn(console, 'log').mockImplementation((...line) => void printed.push(line))
  const { example: run } = await import(/* @vite-ignore */ example.href)
  await run({
    url: honest.url,
    token: async () => 'a-token',
    privateKeys: [honest.ownerKey],
    atRestKeys: { active: { id: 'r1', secret: crypto.getRandomValues(new Uint8Array(64)) } },
    rows: [
      { name: 'Ann', ssn: '85073003328' },
      { name: 'Bob', ssn: '85073003329' },
    ],
  })
  log.mockRestore()
  expect(printed[0]).toEqual(['85073003328'])
  expect(printed[1]).toEqual([0, 'Ann', expect.stringContaining(':')])
  expect(printed[2]).toEqual([1, 'Bob', 'invalid-value'])
})
