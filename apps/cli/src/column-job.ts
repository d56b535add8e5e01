/**
 * One column of one file, converted: rows are read in batches, several batches are converted at once, and written in the
 * order of the input; rejected rows go to the side file with line and reason. Empty lines are copied.
 */
import { inOrder } from './in-order.ts'
import { type Done, nothingDone, type Output } from './output.ts'
import type { Progress } from './progress.ts'
import { type Batch, batchesOf, type Chunks, openRows } from './reader.ts'
import type { Format, Open, Rejection } from './row.ts'

/** A batch of values; for each, in order, what stands in its place, or why nothing does. */
export type Convert = (values: readonly string[]) => Promise<readonly (string | Rejection)[]>

export interface ColumnJob {
  /** The input's bytes from an offset; a stream that can't be read again is asked for 0 only. */
  readonly chunksFrom: (offset: number) => Chunks
  readonly open: Open
  /** Asked for once the input was seen to have the column: nothing is made and nobody is asked before. */
  readonly prepare: () => Promise<Prepared>
  readonly rowsPerBatch: number
  readonly batchesAtOnce: number
  readonly progress: Progress
  readonly stop: AbortSignal
}

export interface Prepared {
  readonly convert: Convert
  readonly output: Output
}

export interface Outcome {
  /** Everything was read and written; else the run was stopped. */
  readonly finished: boolean
  readonly done: Done
}

export async function runColumnJob(job: ColumnJob): Promise<Outcome> {
  const opened = await openRows(job.chunksFrom(0), job.open)
  const { format, prologue } = opened
  const { convert, output } = await job.prepare()
  let items = opened.batches(job.rowsPerBatch)
  try {
    if (output.done.offset > 0) {
      await items.return(undefined)
      items = batchesOf(job.chunksFrom(output.done.offset), format, output.done, job.rowsPerBatch)
    } else {
      await output.append(prologue, '', { ...nothingDone, ...opened.start })
    }
    job.progress.begin(output.done)
    const finished = await inOrder({
      items,
      work: batch => convertCells(batch, convert),
      deliver: async (batch, replacements) => {
        await append(output, format, batch, replacements)
        job.progress.advance(output.done)
      },
      atOnce: job.batchesAtOnce,
      stop: job.stop,
    })
    await (finished ? output.finish() : output.save())
    return { finished, done: output.done }
  } catch (error) {
    // What was done is kept. If even that fails, the checkpoint before it still holds, and the first error counts.
    await output.save().catch(() => undefined)
    throw error
  } finally {
    job.progress.end()
    await output.close()
  }
}

async function convertCells({ rows }: Batch, convert: Convert): Promise<readonly (string | Rejection)[]> {
  const values: string[] = []
  for (const row of rows) if (row.kind === 'cell') values.push(row.value)
  return values.length === 0 ? [] : convert(values)
}

async function append(
  output: Output,
  format: Format,
  { rows, end }: Batch,
  replacements: readonly (string | Rejection)[],
): Promise<void> {
  let text = ''
  let aside = ''
  let counted = 0
  let cell = 0
  const rejected = { ...output.done.rejected }
  for (const row of rows) {
    if (row.kind === 'blank') {
      text += row.raw
      continue
    }
    counted++
    const made = row.kind === 'cell' ? replacements[cell++]! : row.rejection
    if (row.kind === 'cell' && typeof made === 'string') text += format.replace(row, made)
    else if (typeof made !== 'string') {
      aside += format.rejected(row, made)
      rejected[made.code] = (rejected[made.code] ?? 0) + 1
    }
  }
  const isFirst = aside !== '' && Object.keys(output.done.rejected).length === 0
  const header = isFirst ? format.rejectedHeader : ''
  await output.append(text, header + aside, { ...end, rows: output.done.rows + counted, rejected })
}
