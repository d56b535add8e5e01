/** The options of every command that speaks to the service. */
import type { Command } from 'commander'

export interface ProfileOptions {
  readonly profile?: string
  readonly allowInsecureHttp?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

export function withProfile(command: Command): Command {
  return command
    .option('-p, --profile <file>', 'who you are (default: $LITTLEBOX_PROFILE, then ~/.config/littlebox/profile.json)')
    .option('--allow-insecure-http', 'DANGEROUS: speak http without TLS, so that tokens can be read on the way')
    .option('--json', 'one JSON object on stdout at the end')
    .option('-q, --quiet', 'no progress and no notices on stderr, only errors')
}
