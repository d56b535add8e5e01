/** What the command says: to the person on stderr, to a program (`--json`) one object on stdout. Never a value of a file. */
import { CliError } from './cli-error.ts'

export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

export function warn(line: string): void {
  say(`littlebox: warning: ${line}`)
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

export interface Complaint {
  readonly code: string
  readonly message: string
  readonly advice?: string
}

export function complaintOf(error: unknown): Complaint {
  if (error instanceof CliError) {
    const { code, message, advice } = error
    return advice === undefined ? { code, message } : { code, message, advice }
  }
  // What we did not write may quote a file: only its name and code are safe.
  const name = error instanceof Error ? error.name : 'unknown'
  const code = error instanceof Error && 'code' in error ? ` ${String(error.code)}` : ''
  return {
    code: 'internal',
    message: `unexpected error: ${name}${code}`,
    advice: 'This is a defect: set LITTLEBOX_DEBUG=1 to see where, and report it.',
  }
}

export function complain(error: unknown): void {
  const { message, advice } = complaintOf(error)
  say(`littlebox: error: ${message}`)
  if (advice) say(`  ${advice}`)
  if (process.env.LITTLEBOX_DEBUG && error instanceof Error)
    say(
      (error.stack ?? '')
        .split('\n')
        .filter(line => /^\s+at /.test(line))
        .join('\n'),
    )
}
