/** What was measured of one promise. */
export interface Result {
  readonly what: string;
  readonly goal: string;
  /** In words, with the floor's figure beside ours where there is one. */
  readonly found: string;
  readonly isMet: boolean;
  /** The same in numbers; times in milliseconds, memory in bytes. */
  readonly figures: Readonly<Record<string, number>>;
}

/** How something grows: drawn as a line for each series. */
export interface Curve {
  /** The file that it is drawn in. */
  readonly name: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

/** What a scene has found. */
export interface Findings {
  readonly results: readonly Result[];
  readonly curves?: readonly Curve[];
  /** What the time of each program goes to, by part, in milliseconds of its main thread for each question. */
  readonly traces?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The results as a table in Markdown. */
export const tableOf = (results: readonly Result[]): string =>
  [
    '| what | goal | found | met |',
    '|---|---|---|---|',
    ...results.map(({ what, goal, found, isMet }) => `| ${what} | ${goal} | ${found} | ${isMet ? 'yes' : 'no'} |`),
  ].join('\n');

/** A page with each table in its place, between `<!-- name -->` and `<!-- /name -->`. */
export const withTables = (page: string, tables: Readonly<Record<string, string>>): string =>
  Object.entries(tables).reduce(
    (text, [name, table]) =>
      text.replace(
        new RegExp(`(<!-- ${name} -->)[^]*?(<!-- /${name} -->)`),
        (_, begin, end) => `${begin}\n${table}\n${end}`,
      ),
    page,
  );

/** The value below which a share of all values lies. NaN where there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
export const p99 = (values: readonly number[]): number => quantile(values, 0.99);

export const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
export const times = (ratio: number): string => `${ratio.toFixed(2)} ×`;
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
