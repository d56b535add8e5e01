import { execFile } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'

// The first example of a library's README runs as it is printed, and prints what its last comment says.

const root = join(import.meta.dirname, '..')
mkdirSync(join(root, '.littlebox'), { recursive: true })
const folder = mkdtempSync(join(root, '.littlebox', 'readme-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe.each(['packages/curve'])('%s/README.md', place => {
  it('runs as printed', async () => {
    const text = readFileSync(join(root, place, 'README.md'), 'utf8')
    const example = /```ts\n(.*?)```/s.exec(text)?.[1]
    expect(example).toBeDefined()
    const promised = [...example!.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(match => match[1])
    const file = join(folder, `${place.replaceAll('/', '-')}.mts`)
    writeFileSync(file, example!)
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=littlebox:source', file])
    expect(stdout.trim().split('\n')).toEqual(promised)
  })
})

it('every package, service and app has a README', () => {
  const manifests = globSync('{packages,services,apps}/*/package.json', { cwd: root })
  expect(manifests.length).toBeGreaterThan(6)
  for (const manifest of manifests)
    expect(readFileSync(join(root, manifest.replace('package.json', 'README.md')), 'utf8')).toMatch(/^# /)
})
