import { readFileSync } from 'node:fs'
import { configReference } from '@littlebox/kit/config'
import { expect, it } from 'vitest'
import { configSchema } from './config.ts'

it('the README’s table of settings is the schema’s', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(configReference(configSchema).trim())
})
