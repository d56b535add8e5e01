/**
 * Reads a file as batches of rows, each with the byte offset behind it: where a resumed run goes on. Holds one batch, one
 * chunk and one unfinished record in memory.
 */
import type { Format, Open, Opening, Row } from './row.ts'

export type Chunks = AsyncIterable<Buffer>

export interface Batch {
  readonly rows: readonly Row[]
  readonly end: Position
}

/** Between two records of the input. */
export interface Position {
  /** Bytes of the input before it. */
  readonly offset: number
  /** The number of the line that begins here. */
  readonly line: number
}

export interface Opened extends Opening {
  readonly start: Position
  batches(rowsPerBatch: number): AsyncGenerator<Batch>
}

export async function openRows(chunks: Chunks, open: Open): Promise<Opened> {
  const iterator = chunks[Symbol.asyncIterator]()
  let text = ''
  for (;;) {
    const { value, done } = await iterator.next()
    if (!done) text += value.toString('latin1')
    const opening = open(text, done === true)
    if (!opening) continue
    const { prologue, format } = opening
    const start = { offset: prologue.length, line: 1 + newlines(prologue) }
    const rest = text.slice(prologue.length)
    return { ...opening, start, batches: rowsPerBatch => batchesFrom(iterator, format, start, rowsPerBatch, rest) }
  }
}

/** Batches of `chunks`, which begin at `start`. */
export function batchesOf(
  chunks: Chunks,
  format: Format,
  start: Position,
  rowsPerBatch: number,
): AsyncGenerator<Batch> {
  return batchesFrom(chunks[Symbol.asyncIterator](), format, start, rowsPerBatch, '')
}

async function* batchesFrom(
  chunks: AsyncIterator<Buffer>,
  format: Format,
  start: Position,
  rowsPerBatch: number,
  text: string,
): AsyncGenerator<Batch> {
  let waiting: Row[] = []
  let parsed = start.line
  let end = start
  try {
    for (let final = false; !final; ) {
      const { value, done } = await chunks.next()
      final = done === true
      if (!done) text += value.toString('latin1')
      const rows = format.split(text, parsed, final)
      let used = 0
      for (const row of rows) {
        used += row.raw.length
        parsed += row.lines
      }
      text = text.slice(used)
      waiting = waiting.concat(rows)
      let taken = 0
      for (; waiting.length - taken >= rowsPerBatch; taken += rowsPerBatch) {
        const batch = batchAfter(end, waiting.slice(taken, taken + rowsPerBatch))
        end = batch.end
        yield batch
      }
      waiting = waiting.slice(taken)
    }
    if (waiting.length > 0) yield batchAfter(end, waiting)
  } finally {
    await chunks.return?.()
  }
}

function batchAfter({ offset, line }: Position, rows: readonly Row[]): Batch {
  for (const row of rows) {
    offset += row.raw.length
    line += row.lines
  }
  return { rows, end: { offset, line } }
}

function newlines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}
