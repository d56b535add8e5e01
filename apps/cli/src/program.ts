/** The commands, and how errors become exit codes. Loads little, so that help is quick: commands import what they need. */
import { Command, CommanderError } from 'commander'
import { CliError } from './cli-error.ts'
import { addColumnCommands } from './column-command.ts'
import { addDomainCommands } from './domain-command.ts'
import { exitCode } from './exit-code.ts'
import { addOwnerCommands } from './owner-command.ts'
import { complain, complaintOf, printJson } from './terminal.ts'

const program = new Command('littlebox')
  .description('Blind pseudonyms for files: no party learns more than it must.')
  .version('0.1.0')
  .helpCommand(false)
  .configureHelp({ helpWidth: 120, showGlobalOptions: false })
  .exitOverride()

addColumnCommands(program)
addDomainCommands(program)
addOwnerCommands(program)
program.addHelpText(
  'after',
  `
Examples:
  $ littlebox pseudonymise patients.csv --column ssn --domain prescriptions_v1
  $ littlebox pseudonymise --help`,
)

const usageErrors: ReadonlySet<CliError['code']> = new Set(['usage', 'profile-invalid', 'file-mode', 'no-such-column'])

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = ended(error)
}

function ended(error: unknown): number {
  // Commander has said what it had to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
  if (process.argv.includes('--json')) printJson({ ending: 'error', error: complaintOf(error) })
  complain(error)
  return error instanceof CliError && usageErrors.has(error.code) ? exitCode.usage : exitCode.error
}
