/** Random choices that a printed seed repeats. `SEED=… ./run test …` runs a test with a given one. */

export interface SeededRandom {
  readonly seed: number
  /** Uniform in [0, 1). */
  next(): number
}

/** Prints its seed. */
export function seededRandom(about: string): SeededRandom {
  const seed = Number(process.env.SEED ?? crypto.getRandomValues(new Uint32Array(1))[0])
  console.info(`${about}: SEED=${seed}`)
  let state = seed >>> 0
  return {
    seed,
    // mulberry32
    next() {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
    },
  }
}
