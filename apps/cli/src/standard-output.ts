/** stdout as a place to append to: waits for the reader, and a reader that went away is an error, not a crash. */
import { once } from 'node:events'
import { CliError } from './cli-error.ts'
import type { Appender } from './disk.ts'

export function standardOutput(stream: NodeJS.WritableStream = process.stdout): Appender {
  let failure: NodeJS.ErrnoException | undefined
  stream.on('error', error => {
    failure = error
  })
  const check = () => {
    if (!failure) return
    const { code = 'unknown error' } = failure
    if (code === 'EPIPE')
      throw new CliError('output-unwritable', 'nobody reads the output any more', undefined, failure)
    throw new CliError(
      'output-unwritable',
      `stdout can't be written (${code})`,
      'Make room or give --out FILE.',
      failure,
    )
  }
  return {
    async append(bytes) {
      check()
      if (!stream.write(bytes)) await once(stream, 'drain').catch(() => undefined)
      check()
    },
    async sync() {
      check()
      await new Promise<void>(resolve => stream.write('', () => resolve()))
      check()
    },
    close: async () => undefined,
  }
}
