/** The `littlebox` command, as a person runs it: a process of its own. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repository } from './service-process.ts'

export interface CommandResult {
  /** undefined when a signal ended it. */
  readonly code: number | undefined
  readonly output: string
  readonly errors: string
}

/** Runs it to its end. */
export async function littlebox(args: readonly string[]): Promise<CommandResult> {
  const child = startLittlebox(args, ['ignore', 'pipe', 'pipe'])
  let [output, errors] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', text => {
    output += text
  })
  child.stderr?.setEncoding('utf8').on('data', text => {
    errors += text
  })
  const [code] = await once(child, 'close')
  return { code: code ?? undefined, output, errors }
}

export function startLittlebox(args: readonly string[], stdio: StdioOptions): ChildProcess {
  const main = join(repository, 'apps/cli/src/main.ts')
  return spawn(process.execPath, ['--conditions=littlebox:source', main, ...args], { stdio })
}
