/**
 * What a party has received, sent, stored and written down: bytes, each with the place where they stand. A search looks
 * through them as they are and with everything unpacked that looks like base64 or hex, to two levels, so that a value
 * inside a token inside a database row is still found.
 */

export interface Recording {
  /** `place` is for people: `log`, `database journal`, `traffic POST /pseudo/…`. */
  add(place: string, content: string | Uint8Array): void
  readonly pieces: readonly Piece[]
}

export interface Piece {
  readonly place: string
  /** One character a byte. */
  readonly bytes: string
}

export function recording(from: readonly Piece[] = []): Recording {
  const pieces = [...from]
  return {
    pieces,
    add(place, content) {
      pieces.push({ place, bytes: Buffer.from(content).toString('latin1') })
    },
  }
}

/** The pieces, and what they unpack to. */
export function unpacked(pieces: readonly Piece[], levels = 2): Piece[] {
  if (levels === 0) return [...pieces]
  const inside = pieces.flatMap(({ place, bytes }) => {
    const opened = [...base64In(bytes), ...hexIn(bytes)]
    return opened.length === 0 ? [] : [{ place: `${place}, unpacked`, bytes: opened.join('\n') }]
  })
  return [...pieces, ...unpacked(inside, levels - 1)]
}

/** From each of four characters on: what stands before it may look like base64 too. */
function base64In(text: string): string[] {
  const runs = new Set(text.match(/[\w+/-]{16,}/g) ?? [])
  return [...runs].flatMap(run => [0, 1, 2, 3].map(from => Buffer.from(run.slice(from), 'base64').toString('latin1')))
}

function hexIn(text: string): string[] {
  const runs = new Set(text.match(/(?:[\da-f]{2}){8,}/gi) ?? [])
  return [...runs].map(run => Buffer.from(run, 'hex').toString('latin1'))
}
