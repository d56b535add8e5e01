/** The six commands over one column of a file: their options and help. What they do is loaded when one is run. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ColumnCommandName, ColumnOptions } from './column-options.ts'
import { withProfile } from './profile-options.ts'

interface Description {
  readonly summary: string
  readonly description: string
  readonly examples: readonly string[]
}

const descriptions: Readonly<Record<ColumnCommandName, Description>> = {
  pseudonymise: {
    summary: 'care provider: identifiers become pseudonyms in transit',
    description:
      'Turns a column of identifiers into pseudonyms in transit, to be sent to the owner of the domain. The service sees ' +
      'blinded points only; you see no pseudonym that lasts. Pseudonyms in transit expire (PT10M unless the domain says ' +
      'otherwise): send them on soon.',
    examples: [
      'littlebox pseudonymise patients.csv --column ssn --domain prescriptions_v1',
      'littlebox pseudonymise patients.csv --column ssn --domain prescriptions_v1 --resume',
      'littlebox pseudonymise export.ndjson --column ssn --domain prescriptions_v1 --out sent.ndjson',
      "littlebox pseudonymise list.txt --format csv --no-header --column 2 --delimiter ';' --domain prescriptions_v1",
    ],
  },
  receive: {
    summary: 'owner: pseudonyms in transit become pseudonyms at rest',
    description:
      'Turns a column of pseudonyms in transit into column values to store (sealed at rest), on this machine: the service ' +
      'is asked for the transit keys only.',
    examples: ['littlebox receive sent.csv --column ssn --domain prescriptions_v1 --out stored.csv'],
  },
  return: {
    summary: 'owner: pseudonyms at rest become pseudonyms in transit',
    description:
      'Turns a column of stored pseudonyms into fresh pseudonyms in transit, for a care provider to identify.',
    examples: ['littlebox return stored.csv --column ssn --domain prescriptions_v1 --out answer.csv'],
  },
  identify: {
    summary: 'care provider: pseudonyms in transit become identifiers',
    description: 'Turns a column of pseudonyms in transit, that an owner has returned, into identifiers again.',
    examples: ['littlebox identify answer.csv --column ssn --domain prescriptions_v1 --out patients.csv'],
  },
  convert: {
    summary: 'pseudonyms of one domain become pseudonyms in transit of another',
    description:
      'Turns a column of pseudonyms in transit of one domain into pseudonyms in transit of another, for its owner. With ' +
      '--at-rest the column holds stored pseudonyms, which only their owner can convert.',
    examples: [
      'littlebox convert sent.csv --column ssn --domain prescriptions_v1 --to vaccines_v1',
      'littlebox convert stored.csv --at-rest --column ssn --domain prescriptions_v1 --to vaccines_v1',
    ],
  },
  evaluate: {
    summary: 'RFC 9497 outputs of identifiers, which you learn',
    description:
      'Turns a column of identifiers into final pseudonyms (RFC 9497, base64url). You learn them, and could list them for ' +
      'everybody: domains that allow this are made for it, and the flag says that you know.',
    examples: [
      'littlebox evaluate cohort.csv --column ssn --domain study_2026 --caller-learns-pseudonym --out linked.csv',
    ],
  },
}

export function addColumnCommands(program: Command): void {
  for (const name of Object.keys(descriptions) as ColumnCommandName[]) addColumnCommand(program, name)
}

function addColumnCommand(program: Command, name: ColumnCommandName): void {
  const { summary, description, examples } = descriptions[name]
  const command = program
    .command(name)
    .summary(summary)
    .description(description)
    .argument('<file>', 'CSV (RFC 4180) or newline-delimited JSON (.ndjson, .jsonl); - for stdin')
    .requiredOption('-c, --column <name>', 'the column; a number from 1 with --no-header')
    .requiredOption('-d, --domain <name>', name === 'convert' ? 'the domain to convert from' : 'the domain')
  if (name === 'convert')
    command
      .requiredOption('--to <domain>', 'the domain to convert to')
      .option('--at-rest', 'the column holds stored pseudonyms: for the owner of the domain')
  if (name === 'evaluate')
    command.requiredOption('--caller-learns-pseudonym', 'say that you know that you learn final pseudonyms')
  command
    .option('-o, --out <file>', 'the output; - for stdout (default: FILE with what it became in its name)')
    .option('--rejected <file>', 'rejected rows, with line and reason (default: OUT.rejected.csv)')
    .option('--resume', 'go on with an interrupted run of the same input, output and options')
    .option('--force', 'replace the output, the rejected rows and the checkpoint that are there')
    .addOption(new Option('--format <format>', 'instead of by the name of the file').choices(['csv', 'ndjson']))
    .option('--no-header', 'the first line of the CSV is a row already')
    .option('--delimiter <character>', 'between the columns of the CSV', oneCharacter, ',')
    .option(
      '--batch-size <rows>',
      "rows in one request, at most the service's limit (eHealth's takes 10)",
      rowCount,
      500,
    )
    .option('--no-wait', 'over quota: end instead of waiting as long as the service says')
  withProfile(command)
    .addHelpText('after', `\nExamples:\n${examples.map(example => `  $ ${example}`).join('\n')}\n\n${afterwards}`)
    .action(async (file: string, options: ColumnOptions) => {
      const { runColumn } = await import('./run-column.ts')
      process.exitCode = await runColumn(name, file, options)
    })
}

const afterwards = `Rows are never dropped: a rejected one stands in OUT.rejected.csv with its line, code and reason. An interrupted run keeps
OUT.checkpoint and goes on with --resume.

Exit codes: 0 all rows done, 1 error (--resume goes on), 2 usage, 3 finished with rejected rows, 130/143 interrupted.`

function oneCharacter(text: string): string {
  const character = text === '\\t' ? '\t' : text
  if (/^[\x20-\x7e\t]$/.test(character) && character !== '"') return character
  throw new InvalidArgumentError('One ASCII character, or \\t.')
}

function rowCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 1000) return count
  throw new InvalidArgumentError('A number from 1 to 1000.')
}
