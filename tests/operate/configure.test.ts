import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { configure, rendered } from '../../docs/operate/configure.generate.ts'

it('docs/operate/configure.md has the settings as the service prints them', async () => {
  const committed = await readFile(configure, 'utf8')
  const fresh = await rendered(committed)
  expect(committed, 'run: node --conditions=littlebox:source docs/operate/configure.generate.ts').toBe(fresh)
  expect(committed).toContain('| `LITTLEBOX_ISSUER` |')
})
