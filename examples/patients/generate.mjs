// Makes the synthetic data set in this folder. Nobody in it exists.
//   node generate.mjs          writes the files beside this script
//   node generate.mjs --check  makes them again in memory and compares
// No dependencies, no clock, no randomness but the seed: the same bytes every time.
import { readFileSync, writeFileSync } from 'node:fs'

const SEED = 0x11771eb0
const PATIENTS = 10_000
const PRESCRIPTIONS = 30_000
const CENTURY_PAIRS = 20 // two people whose first nine digits are equal, born 100 years apart
const NAMESAKES = 50 // pairs with the same name and the same birth date
// people per combination of sources; each source adds up to 5,000
const OVERLAP = {
  hospital: 1900,
  insurer: 2000,
  employer: 2200,
  'hospital+insurer': 900,
  'employer+hospital': 700,
  'employer+insurer': 600,
  'employer+hospital+insurer': 1500,
}

// ---- chance, from the seed (mulberry32)
let state = SEED
const u32 = () => {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return (t ^ (t >>> 14)) >>> 0
}
const below = n => Math.floor((u32() / 2 ** 32) * n)
const pick = list => list[below(list.length)]
const chance = percent => below(100) < percent
const shuffled = list => {
  const a = [...list]
  for (let i = a.length - 1; i > 0; i--) {
    const j = below(i + 1)
    ;[a[i], a[j]] = [a[j], a[i]]
  }
  return a
}

// ---- small lists; names are everyday first names with family names put together from parts
const FIRST = {
  nl: {
    m: ['Jef', 'Wout', 'Bram', 'Lander', 'Senne', 'Kobe', 'Tijl', 'Rune', 'Stijn', 'Joren'],
    f: ['Fien', 'Lotte', 'Noor', 'Hanne', 'Jolien', 'Silke', 'Tine', 'Ans', 'Marijke', 'Roos'],
  },
  fr: {
    m: ['Rémi', 'Loïc', 'Hugo', 'Bastien', 'Cédric', 'Théo', 'Gaël', 'Jérôme', 'Noé', 'Yvan'],
    f: ['Chloé', 'Inès', 'Élise', 'Anaïs', 'Manon', 'Zoé', 'Maëlle', 'Odile', 'Clémence', 'Agnès'],
  },
  de: {
    m: ['Jörg', 'Günter', 'Felix', 'Lukas', 'Anton', 'Björn', 'Karl', 'Emil'],
    f: ['Käthe', 'Anke', 'Greta', 'Lena', 'Ilse', 'Heike', 'Mia', 'Ute'],
  },
}
const FAMILY = {
  nl: [
    ['Van den ', 'Ver', 'De ', 'Op de ', 'Van '],
    [
      'voorbeeld',
      'proefveld',
      'testerik',
      'nergenshuis',
      'schijnbeek',
      'fictermans',
      'dummelaer',
      'nepstraeten',
      "droom'hof",
      'niemandt',
    ],
  ],
  fr: [
    ['Du', 'De la ', "D'", 'Le', 'Saint-'],
    [
      'exemplaire',
      'fictif',
      'essaimont',
      'inventère',
      'nullepart',
      'modèlois',
      'factice',
      'échantillon',
      'songeval',
      'imaginier',
    ],
  ],
  de: [
    ['Muster', 'Schein', 'Probe', 'Test', 'Nirgend'],
    ['mann', 'bach', 'hofer', 'stein', 'müller', 'berger', 'strauß', 'eck', 'wald', 'huber'],
  ],
}
const POSTCODES = {
  nl: ['1000', '1030', '2000', '2800', '3000', '3500', '8000', '8500', '9000', '9300'],
  fr: ['1000', '1050', '1070', '1300', '4000', '4800', '5000', '6000', '6700', '7000'],
  de: ['4700', '4710', '4720', '4730', '4750', '4760', '4780'],
}
const PRODUCTS = [
  'Exemplamol',
  'Fictipril',
  'Samplostatine',
  'Dummycilline',
  'Proefolol',
  'Nihilazepam',
  'Mockformine',
  'Testosartan',
  'Essaiprazol',
  'Placebidine',
  'Imaginoxaban',
  'Musterthyrox',
  'Factisone',
  'Simulopram',
  'Voorbeeldine',
  'Invenolac',
]
const STRENGTHS = ['5 mg', '10 mg', '20 mg', '50 mg', '100 mg', '500 mg', '1 g']
const DOSES = ['1-0-0', '0-0-1', '1-0-1', '1-1-1', '2-0-2', '1/week', '0,5-0-0', 'max 4/24h']
const NOTES = {
  nl: [
    '',
    '',
    'Innemen bij de maaltijd.',
    'Niet combineren met alcohol, controle over 2 weken.',
    'Patiënt is bang voor bijwerkingen; "liever half" gevraagd.',
    'Bloeddruk 15/9, opvolgen.',
    'Allergie gemeld: zie dossier.',
  ],
  fr: [
    '',
    '',
    'À prendre pendant le repas.',
    "Pas d'alcool, contrôle dans 2 semaines.",
    'Le patient craint les effets secondaires ; demande « une demi-dose ».',
    'Tension 15/9, à suivre.',
    'Allergie signalée : voir dossier.',
  ],
  de: [
    '',
    '',
    'Während der Mahlzeit einnehmen.',
    'Kein Alkohol, Kontrolle in 2 Wochen.',
    'Patient fürchtet Nebenwirkungen; „lieber die Hälfte“.',
    'Blutdruck 15/9, weiter beobachten.',
    'Allergie gemeldet: siehe Akte.',
  ],
}
// notes that name the person: what a sealed field must hide
const TELLING = {
  nl: p => `Gebeld met ${p.name} (${p.ssn}), komt vrijdag langs.`,
  fr: p => `Appelé ${p.name} (${p.ssn}), passe vendredi.`,
  de: p => `Mit ${p.name} (${p.ssn}) telefoniert, kommt Freitag.`,
}

// ---- dates and register numbers
const two = n => String(n).padStart(2, '0')
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const leap = y => (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0
const dayIn = y => {
  const m = below(12)
  return `${y}-${two(m + 1)}-${two(1 + below(DAYS[m] + (m === 1 && leap(y) ? 1 : 0)))}`
}
// YYMMDD, serial (odd: man, even: woman), 97 minus the nine digits mod 97; born in 2000 or later: a 2 goes before the nine digits
const registerNumber = (birth, serial) => {
  const nine = birth.slice(2, 4) + birth.slice(5, 7) + birth.slice(8, 10) + String(serial).padStart(3, '0')
  return nine + two(97 - (Number((birth >= '2000' ? '2' : '') + nine) % 97))
}

// ---- people
const family = l => {
  const [a, b] = FAMILY[l]
  const n = pick(a) + pick(b)
  return n.replace(/(^|[ '-])(\p{L})/gu, (_, s, c) => s + c.toUpperCase())
}
const GPS = Array.from({ length: 120 }, (_, i) => ({
  id: `GP-${String(i + 1).padStart(4, '0')}`,
  name: `dr. ${family(pick(['nl', 'nl', 'fr', 'de']))}`,
}))
const taken = new Set()
const person = (birth, serial, from) => {
  const language = from?.language ?? (chance(57) ? 'nl' : chance(95) ? 'fr' : 'de')
  const name = from?.name ?? `${pick(FIRST[language][serial % 2 ? 'm' : 'f'])} ${family(language)}`
  const gp = pick(GPS)
  const ssn = registerNumber(birth, serial)
  taken.add(ssn)
  return { ssn, name, birth, postcode: pick(POSTCODES[language]), language, gp }
}
// serials 900 to 998 only, never on 1 January or 1 July (dates given to people with an unknown birthday): far from the numbers a real day uses up
const freeSerial = (birth, parity) => {
  for (;;) {
    const s = 900 + below(99)
    if ((parity === undefined || s % 2 === parity) && !taken.has(registerNumber(birth, s))) return s
  }
}
const birthday = year => {
  for (;;) {
    const d = dayIn(year)
    if (!/-0[17]-01$/.test(d)) return d
  }
}
const people = []
for (let i = 0; i < CENTURY_PAIRS; i++) {
  // 1916 to 1924 and 2016 to 2024
  const old = birthday(1916 + below(9)),
    young = String(Number(old.slice(0, 4)) + 100) + old.slice(4)
  let serial
  do serial = freeSerial(old)
  while (taken.has(registerNumber(young, serial)))
  people.push(person(old, serial), person(young, serial))
}
for (let i = 0; i < NAMESAKES; i++) {
  const birth = birthday(1940 + below(80)),
    a = person(birth, freeSerial(birth))
  people.push(a, person(birth, freeSerial(birth, Number(a.ssn.slice(6, 9)) % 2), a))
}
while (people.length < PATIENTS) {
  const year = chance(62) ? 1962 + below(46) : chance(50) ? 1926 + below(36) : 2008 + below(17)
  const birth = birthday(year)
  people.push(person(birth, freeSerial(birth)))
}
const patients = shuffled(people)

// ---- prescriptions
// seven digits like a CNK code: 99, four digits, a Luhn digit
const luhn = s => {
  let t = 0
  ;[...s].reverse().forEach((c, i) => {
    let d = +c
    if (i % 2 === 0) {
      d *= 2
      if (d > 9) d -= 9
    }
    t += d
  })
  return s + ((10 - (t % 10)) % 10)
}
const catalogue = PRODUCTS.flatMap((p, i) =>
  STRENGTHS.map((s, j) => ({ name: `${p} ${s}`, code: luhn(`99${String(i * 100 + j * 7 + 11).padStart(4, '0')}`) })),
)
const prescribers = [...GPS, ...Array.from({ length: 60 }, (_, i) => ({ id: `SP-${String(i + 1).padStart(4, '0')}` }))]
let telling = 0
const prescriptions = Array.from({ length: PRESCRIPTIONS }, (_, i) => {
  const p = pick(patients),
    product = pick(catalogue)
  const tells = chance(2)
  if (tells) telling++
  const note = tells ? TELLING[p.language](p) : pick(NOTES[p.language])
  const day = dayIn(2025 + below(2))
    .replace(/^2026-1[12]/, '2026-10')
    .replace('2026-10-31', '2026-10-30')
  return [
    `RX${String(i + 1).padStart(6, '0')}`,
    p.ssn,
    product.name,
    product.code,
    pick(DOSES),
    note,
    (chance(70) ? p.gp : pick(prescribers)).id,
    day,
  ]
})

// ---- three sources that share people; the employer's are of working age
const working = p => p.birth >= '1962' && p.birth < '2008'
const grown = shuffled(patients.filter(working))
const inEmployer = Object.entries(OVERLAP).filter(([k]) => k.includes('employer'))
const members = {}
for (const [k, n] of inEmployer) {
  members[k] = grown.splice(0, n)
  if (members[k].length !== n) throw new Error('too few people of working age')
}
const rest = shuffled([...grown, ...patients.filter(p => !working(p))])
for (const [k, n] of Object.entries(OVERLAP).filter(([key]) => !key.includes('employer'))) {
  members[k] = rest.splice(0, n)
  if (members[k].length !== n) throw new Error('too few people')
}
const source = (name, row) =>
  shuffled(
    Object.entries(members)
      .filter(([k]) => k.split('+').includes(name))
      .flatMap(([, ps]) => ps),
  ).map(p => [p.ssn, ...row(p)])
const hospital = source('hospital', () => [
  dayIn(2025),
  pick(['cardio', 'ortho', 'onco', 'paed', 'neuro', 'intern', 'day']),
  `X${two(below(100))}.${below(10)}`,
  1 + below(20),
])
const insurer = source('insurer', p => [
  `F${pick(['100', '200', '300', '400', '500'])}`,
  String(Math.max(1990 + below(30), Number(p.birth.slice(0, 4)))),
  chance(18) ? 'yes' : 'no',
  (below(400_000) / 100).toFixed(2),
])
const employer = source('employer', () => [
  `E${String(1 + below(400)).padStart(4, '0')}`,
  pick(['care', 'build', 'food', 'office', 'school', 'transport']),
  pick(['0-30k', '30-50k', '50-80k', '80k+']),
  chance(12) ? 'yes' : 'no',
])

// ---- count the overlaps from what is written, not from what was planned
const sets = { hospital, insurer, employer }
const ids = Object.fromEntries(Object.entries(sets).map(([k, rows]) => [k, new Set(rows.map(r => r[0]))]))
const and = (...names) => [...ids[names[0]]].filter(x => names.every(n => ids[n].has(x))).length
const only = {}
for (const x of new Set(Object.values(ids).flatMap(s => [...s]))) {
  const k = Object.keys(ids)
    .filter(n => ids[n].has(x))
    .sort()
    .join('+')
  only[k] = (only[k] ?? 0) + 1
}
const overlap = {
  about:
    'Synthetic. How many people the sources share; every source holds a person at most once; everyone stands in patients.csv.',
  rows: Object.fromEntries(Object.entries(sets).map(([k, r]) => [k, r.length])),
  distinct: Object.fromEntries(Object.entries(ids).map(([k, s]) => [k, s.size])),
  intersection: {
    'hospital+insurer': and('hospital', 'insurer'),
    'employer+hospital': and('employer', 'hospital'),
    'employer+insurer': and('employer', 'insurer'),
    'employer+hospital+insurer': and('employer', 'hospital', 'insurer'),
  },
  exactlyIn: Object.fromEntries(Object.keys(OVERLAP).map(k => [k, only[k] ?? 0])),
  union: new Set(Object.values(ids).flatMap(s => [...s])).size,
  inNone: patients.filter(p => !Object.values(ids).some(s => s.has(p.ssn))).length,
}
for (const [k, n] of Object.entries(OVERLAP))
  if (overlap.exactlyIn[k] !== n) throw new Error(`overlap ${k}: ${overlap.exactlyIn[k]}, planned ${n}`)

// ---- out
const cell = v => (/[",\n]/.test(String(v)) ? `"${String(v).replaceAll('"', '""')}"` : String(v))
const csv = (head, rows) => `${[head, ...rows].map(r => r.map(cell).join(',')).join('\n')}\n`
const files = {
  'patients.csv': csv(
    ['ssn', 'name', 'birth_date', 'postcode', 'language', 'gp_id', 'gp_name'],
    patients.map(p => [p.ssn, p.name, p.birth, p.postcode, p.language, p.gp.id, p.gp.name]),
  ),
  'prescriptions.csv': csv(['id', 'ssn', 'product', 'cnk', 'dose', 'note', 'prescriber', 'date'], prescriptions),
  'hospital.csv': csv(['ssn', 'admitted', 'ward', 'code', 'nights'], hospital),
  'insurer.csv': csv(['ssn', 'fund', 'member_since', 'raised_refund', 'refunded_eur'], insurer),
  'employer.csv': csv(['ssn', 'employer', 'sector', 'salary_band', 'self_employed_too'], employer),
  'overlap.json': `${JSON.stringify(overlap, null, 2)}\n`,
}
if (taken.size !== PATIENTS) throw new Error('a register number came out twice')
const here = new URL('./', import.meta.url)
if (process.argv.includes('--check')) {
  const wrong = Object.entries(files)
    .filter(([f, text]) => readFileSync(new URL(f, here), 'utf8') !== text)
    .map(([f]) => f)
  if (wrong.length) {
    console.error(`differs: ${wrong.join(', ')}`)
    process.exitCode = 1
  } else console.log('all files are as generated')
} else {
  for (const [f, text] of Object.entries(files)) writeFileSync(new URL(f, here), text)
  console.log(
    `written; ${telling} notes name the person; born in 2000 or later: ${patients.filter(p => p.birth >= '2000').length}; ${patients.filter(p => p.ssn[0] === '0').length} numbers start with 0`,
  )
}
