import { defineConfig } from 'vitest/config'
import type { TestModule } from 'vitest/node'

// Source runs as it is: the `littlebox:source` condition points every workspace import at src/*.ts.
const conditions = ['littlebox:source']

/** One plain last line for whoever reads the output with a program. */
const countAtTheEnd = {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]) {
    const states = modules.flatMap(module => [...module.children.allTests()].map(test => test.result().state))
    const broken = modules.filter(module => module.errors().length > 0).length
    const count = (state: string) => states.filter(one => one === state).length
    console.log(
      `${count('passed')} passed, ${count('failed') + broken + unhandled.length} failed, ${count('skipped')} skipped`,
    )
  },
}

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
    reporters: ['default', countAtTheEnd],
  },
})
