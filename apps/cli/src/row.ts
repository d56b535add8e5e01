/**
 * A record of the user's file, as it stands there. Text is carried as Latin-1 characters, one a byte, so that lengths are
 * byte offsets and whatever the command doesn't touch goes out as the bytes that came in; only the one column is decoded.
 */
export type Row = Place & (Cell | Blank | Fault)

interface Place {
  /** The line on which the record begins; the file's first is 1. */
  readonly line: number
  /** Lines that it takes, as quoted fields may have line breaks. */
  readonly lines: number
  /** The whole record with its line break. */
  readonly raw: string
}

/** The column stands in `raw` from `start` up to `stop`, and `value` is what it says. */
interface Cell {
  readonly kind: 'cell'
  readonly start: number
  readonly stop: number
  readonly value: string
}

/** An empty line: copied. */
interface Blank {
  readonly kind: 'blank'
}

/** A record in which the column can't be found for certain. */
interface Fault {
  readonly kind: 'fault'
  readonly rejection: Rejection
}

/** Why a row is not in the output. The reason never repeats the value. */
export interface Rejection {
  readonly code: string
  readonly reason: string
}

/** A file format, opened: the column is known to be there. */
export interface Format {
  /** The complete records at the beginning of `text`; `final` when nothing follows it. CliError `record-unreadable`. */
  split(text: string, line: number, final: boolean): Row[]
  /** The row with another value in the column. */
  replace(row: Row & Cell, value: string): string
  /** The side file's first line. */
  readonly rejectedHeader: string
  rejected(row: Row, rejection: Rejection): string
}

/** What stands before the first record (byte order mark, header), and the format it tells of. */
export interface Opening {
  readonly prologue: string
  readonly format: Format
}

/** Opens a format from the beginning of a file; `undefined` when it has to see more. */
export type Open = (text: string, final: boolean) => Opening | undefined

export const byteOrderMark = '\u00ef\u00bb\u00bf'

/** A record may not be longer: a quote that is never closed must not read a whole file into memory. */
export const longestRecord = 1 << 20

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text that Latin-1 characters spell as UTF-8 bytes; `undefined` when they don't. */
export function decoded(bytes: string): string | undefined {
  if (isAscii(bytes)) return bytes
  try {
    return strictUtf8.decode(Buffer.from(bytes, 'latin1'))
  } catch {
    return undefined
  }
}

/** Text as Latin-1 characters, one for each byte of its UTF-8. */
export function encoded(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}
