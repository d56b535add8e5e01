import { describe, expect, it } from 'vitest'
import { nothingDone } from './output.ts'
import { duration, grouped, lines } from './progress.ts'

describe('progress without a terminal', () => {
  it('is a line every five seconds: rows, share, rate and time left from the bytes read', () => {
    const written: string[] = []
    let now = 0
    const view = { name: 'in.csv', total: 1000, terminal: process.stderr }
    const progress = lines(
      view,
      line => written.push(line),
      () => now,
    )
    progress.begin({ ...nothingDone, rows: 50, offset: 100 })
    for (now = 1000; now <= 10_000; now += 1000)
      progress.advance({ ...nothingDone, rows: 50 + now, offset: 100 + now / 50 })
    expect(written).toEqual([
      'in.csv: 5,050 rows (20 %), 1,000 rows/s, about 40 s left',
      'in.csv: 10,050 rows (30 %), 1,000 rows/s, about 35 s left',
    ])
  })

  it('says no share and no time left of a stream', () => {
    const written: string[] = []
    let now = 0
    const progress = lines(
      { name: 'stdin', total: undefined, terminal: process.stderr },
      line => written.push(line),
      () => now,
    )
    progress.begin(nothingDone)
    now = 6000
    progress.advance({ ...nothingDone, rows: 1200, offset: 9 })
    expect(written).toEqual(['stdin: 1,200 rows, 200 rows/s'])
  })
})

describe('numbers', () => {
  it('are grouped', () => {
    expect([0, 999, 1000, 1234567].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567'])
  })

  it('of seconds are told in the largest two units', () => {
    expect([0, 59, 60, 3599, 3600, 90_061].map(duration)).toEqual([
      '0 s',
      '59 s',
      '1 min 0 s',
      '59 min 59 s',
      '1 h 0 min',
      '25 h 1 min',
    ])
  })
})
