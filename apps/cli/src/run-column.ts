/** One column command from its options to its exit code. */
import { setFlagsFromString } from 'node:v8'
import { checkSameRun } from './checkpoint.ts'
import { CliError } from './cli-error.ts'
import { type ColumnJob, type Prepared, runColumnJob } from './column-job.ts'
import type { ColumnCommandName, ColumnOptions } from './column-options.ts'
import type { Connection } from './connect.ts'
import { openCsv } from './csv.ts'
import { disk } from './disk.ts'
import { openNdjson } from './ndjson.ts'
import { type Done, nothingDone, openResumableOutput, openStreamOutput } from './output.ts'
import { lockOutput } from './output-lock.ts'
import { duration, type Progress, progressOn, silent } from './progress.ts'
import type { Open } from './row.ts'
import { type Ends, findEnds, planRun, type RunFiles } from './run-files.ts'
import { type RunReport, report } from './run-report.ts'
import { onSignals, type Signals } from './signals.ts'
import { standardOutput } from './standard-output.ts'
import { say } from './terminal.ts'

/** What a kill costs at most, in ms of work. */
const saveEvery = 1_000
/** The service multiplies one, the next is blinded, the one before unblinded and written. */
const batchesAtOnce = 4
/**
 * Bytes from which on the heap is kept small, at a few percent of the speed: V8 otherwise lets garbage pile up to several
 * times what is in use, since the machine has memory to spare.
 */
const shortFile = 4 << 20

export async function runColumn(command: ColumnCommandName, file: string, options: ColumnOptions): Promise<number> {
  const started = performance.now()
  const ends = await findEnds(command, file, options)
  if (options.json && ends.output === undefined)
    throw new CliError('usage', '--json and the output both want stdout', 'Give --out FILE.')
  const lock = ends.output === undefined ? undefined : await lockOutput(ends.output)
  try {
    const outcome = await runBetween(ends, command, options)
    return report({ ...outcome, seconds: (performance.now() - started) / 1000 }, options)
  } finally {
    await lock?.release()
  }
}

type Outcome = Omit<RunReport, 'seconds'>

async function runBetween(ends: Ends, command: ColumnCommandName, options: ColumnOptions): Promise<Outcome> {
  const files = await planRun(ends, options)
  if (files.isFinished) return { command, files, ending: 'nothing-to-resume', done: nothingDone }
  const tell = options.quiet ? () => {} : say
  if (files.size === undefined || files.size > shortFile) setFlagsFromString('--optimize-for-size')
  const signals = onSignals(() => tell('Stopping: what is under way is finished first. Once more to stop at once.'))
  try {
    return await run(command, files, options, signals, tell)
  } finally {
    signals.ignore()
  }
}

async function run(
  command: ColumnCommandName,
  files: RunFiles,
  options: ColumnOptions,
  signals: Signals,
  tell: (line: string) => void,
): Promise<Outcome> {
  let done: Done = files.from?.done ?? nothingDone
  let isPrepared = false
  let connection: Connection | undefined
  const job: ColumnJob = {
    chunksFrom: files.chunksFrom,
    open: openerFor(files, options),
    async prepare() {
      // Its threads load while the service is asked for a token and the domain.
      await (await import('@littlebox/curve')).engine()
      const { connect } = await import('./connect.ts')
      connection = await connect(options, options.batchSize)
      const prepared = await prepare(command, files, options, connection, signals, tell)
      isPrepared = true
      return prepared
    },
    rowsPerBatch: options.batchSize,
    batchesAtOnce,
    progress: counting(await progressFor(files, options), at => {
      done = at
    }),
    stop: signals.stop,
  }
  try {
    const outcome = await runColumnJob(job)
    const rejected = Object.keys(outcome.done.rejected).length > 0
    const ending = outcome.finished ? (rejected ? 'rejected-rows' : 'done') : 'interrupted'
    return { command, files, ending, done: outcome.done, signal: signals.received() }
  } catch (thrown) {
    const { explain } = await import('./explain.ts')
    const error = explain(thrown, connection?.profile)
    if (!isPrepared) throw error
    const signal = signals.received()
    // Stopped while it waited for the quota: that is no error of its own.
    const ending =
      signal !== undefined && error instanceof CliError && error.code === 'over-quota' ? 'interrupted' : 'error'
    return { command, files, ending, done, error, signal }
  }
}

function openerFor(files: RunFiles, { format, column, header, delimiter }: ColumnOptions): Open {
  const isNdjson = format === undefined ? /\.(ndjson|jsonl)$/i.test(files.name) : format === 'ndjson'
  return isNdjson
    ? (text, final) => openNdjson({ column }, text, final)
    : (text, final) => openCsv({ column, header, delimiter }, text, final)
}

async function prepare(
  command: ColumnCommandName,
  files: RunFiles,
  options: ColumnOptions,
  { profile, service }: Connection,
  { stop }: Signals,
  tell: (line: string) => void,
): Promise<Prepared> {
  const { openConversion } = await import('./conversions.ts')
  const { waitingForQuota } = await import('./quota-wait.ts')
  const { domain, to, atRest = false } = options
  const request = { service, domain, to, atRest, ownerKeys: profile.ownerKeys }
  const conversion = await openConversion(command, request)
  const telling = (seconds: number) => tell(`Over the quota: going on in ${duration(seconds)}, as the service asks.`)
  return {
    convert: options.wait ? waitingForQuota({ convert: conversion.convert, tell: telling, stop }) : conversion.convert,
    output: await openOutput(command, files, options, conversion.audience),
  }
}

async function openOutput(command: ColumnCommandName, files: RunFiles, options: ColumnOptions, audience: string) {
  const { output, sideFile, checkpoint, from, path } = files
  if (output === undefined) return openStreamOutput(disk, standardOutput(), sideFile)
  if (checkpoint === undefined) return openStreamOutput(disk, await disk.openAt(output, 0), sideFile)
  const decisive = {
    command,
    column: options.column,
    domain: options.domain,
    ...(options.to === undefined ? {} : { to: options.to }),
    ...(options.atRest ? { atRest: 'yes' } : {}),
    ...(options.format === undefined ? {} : { format: options.format }),
    header: options.header ? 'yes' : 'no',
    delimiter: options.delimiter,
    audience,
  }
  if (from) await checkSameRun(from, decisive, path)
  const durable = { disk, input: path, output, sideFile, checkpoint, options: decisive, from, saveEvery }
  return openResumableOutput(durable)
}

async function progressFor({ name, size }: RunFiles, { quiet }: ColumnOptions): Promise<Progress> {
  return quiet ? silent : progressOn({ name, total: size, terminal: process.stderr })
}

function counting(progress: Progress, count: (done: Done) => void): Progress {
  return {
    begin(done) {
      count(done)
      progress.begin(done)
    },
    advance(done) {
      count(done)
      progress.advance(done)
    },
    end: () => progress.end(),
  }
}
