/** Looks for values in what a party has, in every encoding. */
import { encodingsOf, type Value } from './encodings.ts'
import { type Piece, type Recording, unpacked } from './recording.ts'

export interface Search {
  /** The places where the value stands; empty when the party does not have it. */
  find(value: Value): string[]
}

/** Only in places that begin with `within`, when given. */
export function searchOf({ pieces }: Pick<Recording, 'pieces'>, within = ''): Search {
  const all = unpacked(pieces.filter(({ place }) => place.startsWith(within)))
  const written = {
    bytes: all.map(({ bytes }) => bytes),
    lower: all.map(({ bytes }) => bytes.toLowerCase()),
    base64: all.map(({ bytes }) => bytes.replaceAll('-', '+').replaceAll('_', '/')),
  }
  return {
    find(value) {
      const places = new Set<string>()
      for (const { text, among } of encodingsOf(value))
        written[among].forEach((content, i) => {
          if (content.includes(text)) places.add((all[i] as Piece).place)
        })
      return [...places]
    },
  }
}
