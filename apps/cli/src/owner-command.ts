/** `littlebox owner init`: the keys that a domain owner needs before its domain is made. Options and help. */
import { basename, resolve } from 'node:path'
import type { Command } from 'commander'
import { printJson, say } from './terminal.ts'

interface OwnerInitOptions {
  readonly name: string
  readonly keyId?: string
  readonly json?: boolean
}

export function addOwnerCommands(program: Command): void {
  const owner = program.command('owner').summary("make a domain owner's keys").description("A domain owner's keys.")
  owner
    .command('init')
    .argument('<directory>', 'made when it is not there; existing keys are never overwritten')
    .summary('make the encryption key, its JWKS and the key at rest')
    .description(
      'Makes the RSA-3072 key that transit keys are sealed to (encryption-key.jwk.json), its public half with a self-signed ' +
        'certificate to publish (jwks.json), and the 64-byte key that seals pseudonyms at rest (at-rest-key.json). Back both ' +
        'keys up: what is sealed under a lost key is lost.',
    )
    .option('--name <text>', 'common name of the certificate', 'Littlebox domain owner')
    .option('--key-id <id>', 'names the key at rest in column values (default: the date)')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      `
Examples:
  $ littlebox owner init ./owner --name 'Prescriptions backend'

Then publish owner/jwks.json at an https URL, name that URL when the domain is made (--jku), and name both keys in the
profile: "owner": { "privateKeys": ["owner/encryption-key.jwk.json"], "atRestKeys": { "active": "owner/at-rest-key.json" } }`,
    )
    .action(async (directory: string, { name, keyId, json }: OwnerInitOptions) => {
      const { makeOwnerKeys } = await import('./owner-keys.ts')
      const now = new Date()
      const atRestKeyId = keyId ?? now.toISOString().slice(0, 10)
      const files = await makeOwnerKeys({ directory: resolve(directory), name, atRestKeyId, now })
      if (json) return printJson(files)
      say(`Made in ${directory}:`)
      say(`  ${basename(files.encryptionKey)}  secret: opens the transit keys of your domain`)
      say(`  ${basename(files.atRestKey)}        secret: opens your pseudonyms at rest (key "${atRestKeyId}")`)
      say(`  ${basename(files.jwks)}                public: publish it at an https URL`)
      say('Back both secret files up: what is sealed under a lost key is lost.')
    })
}
