/** `littlebox domain …`: what an administrator of an organisation does with its domains. Options and help. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { DomainOptions } from './domain-options.ts'
import { withProfile } from './profile-options.ts'

const examples = `
Examples:
  $ littlebox domain create prescriptions_v1 --description 'Prescriptions' --access-rule rule.json \\
      --jku https://backend.example/jwks.json --owner-client backend
  $ littlebox domain create study_2026 --description 'A study' --curve P-256 --encoding hashed --no-back --evaluate \\
      --access-rule rule.json --jku https://backend.example/jwks.json --owner-client backend
  $ littlebox domain list
  $ littlebox domain show prescriptions_v1 --json
  $ littlebox domain rotate prescriptions_v1`

const ruleHelp = `
The access rule is eHealth's form; without a rule for an operation nobody may do it:
  { "domain": "prescriptions_v1", "type": "custom", "details": [
    { "operation": "pseudonymize", "userGroups": [
      { "name": "care providers", "claims": [{ "path": "$.roles[*]", "value": "care-provider" }] }] }] }`

export function addDomainCommands(program: Command): void {
  const domain = program
    .command('domain')
    .summary('create, list, show domains; rotate their transit keys')
    .description('The domains of your organisation. Your client needs the role domain-admin.')
    .addHelpText('after', examples)

  const create = domain
    .command('create')
    .argument('<name>', 'letters, digits, - and _')
    .summary('make a domain and its keys')
    .description(
      'Makes a domain, its key in the box of the service, and its first transit key. A name is never used twice.',
    )
    .requiredOption('--description <text>', 'what the domain is for')
    .requiredOption('--access-rule <file>', 'who may do what, JSON (see below)')
    .requiredOption('--jku <url...>', "where the owner's JWKS is published (jwks.json of `littlebox owner init`)")
    .requiredOption('--owner-client <id...>', 'the clients of the owner')
    .addOption(new Option('--curve <name>').choices(['P-521', 'P-384', 'P-256']).default('P-521'))
    .addOption(
      new Option('--encoding <name>', 'hashed: no value can be read back from a point')
        .choices(['reversible', 'hashed'])
        .default('reversible'),
    )
    .addOption(new Option('--value-format <name>').choices(['be-nrn', 'text', 'bytes']).default('be-nrn'))
    .option('--no-back', 'nothing can be identified in the domain or converted from it')
    .option('--evaluate', 'callers may have RFC 9497 outputs, and so learn pseudonyms')
    .option('--buffer-size <bytes>', 'kept free for the counter of the reversible encoding', byteCount, 8)
    .option('--time-to-live <duration>', 'of pseudonyms in transit, ISO 8601', 'PT10M')
    .option('--quotas <file>', '{"caller":{"burst":…,"perDay":…},"organisation":{…}} in points, JSON')
    .addHelpText('after', `${examples.split('\n').slice(0, 6).join('\n')}\n${ruleHelp}`)
  action(create, (administration, name, options) => administration.create(name, options))

  const list = domain
    .command('list')
    .summary('the domains of your organisation')
    .description('Lists the domains of your organisation.')
  action(list, administration => administration.list())

  const show = domain
    .command('show')
    .argument('<name>')
    .summary('one domain')
    .description('Shows a domain: parameters, state, public key and transit keys.')
  action(show, (administration, name) => administration.show(name))

  const rotate = domain
    .command('rotate')
    .argument('<name>')
    .summary('make a new transit key')
    .description('Makes a new transit key and puts it to use. The former ones open until their last token has expired.')
  action(rotate, (administration, name) => administration.rotate(name))
}

type Administration = import('./administration.ts').Administration

function action(
  command: Command,
  run: (administration: Administration, name: string, options: DomainOptions) => Promise<void>,
): void {
  withProfile(command).action(async (...given: unknown[]) => {
    const { openAdministration } = await import('./administration.ts')
    const options = command.opts<DomainOptions>()
    await run(await openAdministration(options), typeof given[0] === 'string' ? given[0] : '', options)
  })
}

function byteCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 32) return count
  throw new InvalidArgumentError('A number of bytes from 1 to 32.')
}
