import { defineConfig } from 'vitest/config'

// Source runs as it is: the `littlebox:source` condition points every workspace import at src/*.ts.
const conditions = ['littlebox:source']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['{packages,services,apps,stack,bench}/**/*.test.ts', 'tests/**/*.test.ts'],
    pool: 'forks',
    execArgv: ['--conditions=littlebox:source'],
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
