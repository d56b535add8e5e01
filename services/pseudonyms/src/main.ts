/** The blind pseudonymisation service: `start` for use within a process, the commands of command.ts when run. */
import { command } from './command.ts'

export { serve } from './command.ts'
export { readServiceConfig } from './config.ts'
export { makeWrappingKey } from './initialise.ts'
export { allowInsecureHttp } from './owner-keys.ts'
export { type RunningPseudonyms, type StartOptions, start } from './start.ts'

if (import.meta.main) process.exitCode = await command(process.argv.slice(2))
