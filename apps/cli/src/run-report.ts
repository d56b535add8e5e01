/** How a run ended: sentences for people, one object for programs, an exit code for scripts. Counts and paths only. */
import type { ColumnCommandName } from './column-options.ts'
import { exitCode } from './exit-code.ts'
import type { Done } from './output.ts'
import { duration, grouped } from './progress.ts'
import type { RunFiles } from './run-files.ts'
import { complain, complaintOf, printJson, say } from './terminal.ts'

export interface RunReport {
  readonly command: ColumnCommandName
  readonly files: RunFiles
  readonly ending: 'done' | 'rejected-rows' | 'interrupted' | 'error' | 'nothing-to-resume'
  readonly done: Done
  readonly seconds: number
  readonly error?: unknown
  readonly signal?: number | undefined
}

/** Says it, and gives the exit code. */
export function report(run: RunReport, { json = false, quiet = false }: { json?: boolean; quiet?: boolean }): number {
  const code = codeOf(run)
  if (json) printJson(summary(run, code))
  if (run.ending === 'error') complain(run.error)
  if (!quiet || run.ending === 'error' || run.ending === 'interrupted') for (const line of sentences(run)) say(line)
  return code
}

function codeOf({ ending, signal }: RunReport): number {
  if (ending === 'error') return exitCode.error
  if (ending === 'rejected-rows') return exitCode.rejectedRows
  if (ending === 'interrupted') return signal ?? exitCode.interrupted
  return exitCode.done
}

function summary({ command, files, ending, done, seconds, error }: RunReport, code: number) {
  const keepsCheckpoint = (ending === 'interrupted' || ending === 'error') && files.checkpoint !== undefined
  return {
    command,
    ending,
    exitCode: code,
    input: files.name,
    output: files.output ?? '-',
    rows: done.rows,
    rejected: done.rejected,
    ...(rejectedRows(done) > 0 ? { rejectedFile: files.sideFile } : {}),
    ...(keepsCheckpoint ? { checkpoint: files.checkpoint } : {}),
    seconds: Math.round(seconds * 1000) / 1000,
    ...(error === undefined ? {} : { error: complaintOf(error) }),
  }
}

function sentences({ files, ending, done, seconds }: RunReport): string[] {
  const { name, output = 'stdout', sideFile, checkpoint } = files
  if (ending === 'nothing-to-resume')
    return [`${output} has no checkpoint: that run has finished, nothing is left to resume.`]
  const rejected = rejectedRows(done)
  const codes = Object.entries(done.rejected).map(([code, count]) => `${code} ${grouped(count)}`)
  const lines = [`${name}: ${grouped(done.rows)} rows in ${duration(Math.ceil(seconds))}, written to ${output}.`]
  if (rejected > 0) lines.push(`${grouped(rejected)} of them rejected (${codes.join(', ')}): see ${sideFile}.`)
  if (ending === 'done' || ending === 'rejected-rows') return lines
  return [...lines, checkpoint === undefined ? 'A run with a stream at one end can not be resumed.' : howToGoOn()]
}

function rejectedRows({ rejected }: Done): number {
  return Object.values(rejected).reduce((sum, count) => sum + count, 0)
}

/** The command line again, with --resume. */
function howToGoOn(): string {
  const words = process.argv.slice(2).filter(word => word !== '--force' && word !== '--resume')
  const shown = words.map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
  return `What was done is kept. Go on with:\n  littlebox ${shown.join(' ')} --resume`
}
