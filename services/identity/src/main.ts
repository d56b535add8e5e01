/**
 * The stand-in OpenID provider: `start` for use within a process, the commands of command.ts when run.
 */
import { command } from './command.ts'

export { type ClientEntry, clientsPath } from './clients.ts'
export {
  addClient,
  type ClientProfile,
  createClients,
  type Enrolment,
  type NewClient,
  newClient,
  writeProfile,
} from './enrolment.ts'
export { IdentityError, type IdentityErrorCode } from './identity-error.ts'
export { createSigningKey } from './signing-key.ts'
export { type RunningIdentity, type StartOptions, start } from './start.ts'

if (import.meta.main) process.exitCode = await command(process.argv.slice(2))
