export type Series = {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
};

const SIZE = { width: 720, height: 400, left: 70, right: 20, top: 40, bottom: 50 } as const;
const style =
  '<style>text{font:13px system-ui,sans-serif;fill:#555}.grid{stroke:#8884;stroke-width:1}.rule{stroke:#c33;stroke-dasharray:6 4}</style>';

const svg = (title: string, parts: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-label="${title}">${style}` +
  `<rect width="100%" height="100%" fill="#fff"/><text x="${SIZE.left}" y="22" font-weight="bold">${title}</text>${parts.join('')}</svg>\n`;

const label = (x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${text}</text>`;

/** 1, 2 and 5 times the powers of ten within the bounds. */
const ticks = (low: number, high: number): number[] => {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const step of [1, 2, 5]) found.push(step * 10 ** power);
  }
  return found.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
};

const scale = (low: number, high: number, from: number, to: number) => (value: number) =>
  from +
  ((Math.log10(Math.min(high, Math.max(low, value))) - Math.log10(low)) /
    (Math.log10(high) - Math.log10(low))) *
    (to - from);

/** Lines on two logarithmic axes. `rule` is a horizontal line that must not be passed. */
export const linePlot = (options: {
  title: string;
  x: string;
  y: string;
  rule: number;
  series: readonly Series[];
}): string => {
  const all = options.series.flatMap(({ points }) => points);
  const [xs, ys] = [all.map(([x]) => x), all.map(([, y]) => y)];
  const [lowX, highX] = [Math.min(...xs) / 1.2, Math.max(...xs) * 1.2];
  const [lowY, highY] = [Math.min(...ys, options.rule) / 1.5, Math.max(...ys, options.rule) * 1.5];
  const [bottom, right] = [SIZE.height - SIZE.bottom, SIZE.width - SIZE.right];
  const x = scale(lowX, highX, SIZE.left, right);
  const y = scale(lowY, highY, bottom, SIZE.top);
  const across = (at: number, kind: string) =>
    `<line class="${kind}" x1="${SIZE.left}" x2="${right}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/>`;
  return svg(options.title, [
    ...ticks(lowY, highY).flatMap((tick) => [
      across(y(tick), 'grid'),
      label(SIZE.left - 8, y(tick) + 4, String(tick), 'end'),
    ]),
    ...ticks(lowX, highX).map((tick) => label(x(tick), bottom + 20, tick.toLocaleString('en-US'), 'middle')),
    across(y(options.rule), 'rule'),
    ...options.series.map(({ colour, points }) => {
      const path = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`);
      const dots = path.map(
        (at) => `<circle cx="${at.split(',')[0]}" cy="${at.split(',')[1]}" r="3" fill="${colour}"/>`,
      );
      return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`;
    }),
    ...options.series.map(
      ({ name, colour }, i) =>
        `<g fill="${colour}"><rect x="${SIZE.left + 12 + i * 130}" y="${SIZE.top + 6}" width="12" height="12"/></g>${label(SIZE.left + 30 + i * 130, SIZE.top + 17, name, 'start')}`,
    ),
    label((SIZE.left + right) / 2, SIZE.height - 10, options.x, 'middle'),
    label(10, SIZE.top - 6, options.y, 'start'),
  ]);
};

/** Bars from 0 to 1 and beyond. */
export const barPlot = (title: string, bars: readonly (readonly [name: string, value: number])[]): string => {
  const highest = Math.max(1, ...bars.map(([, value]) => value));
  const right = SIZE.width - SIZE.right - 60;
  const length = (value: number) => ((right - 160) * value) / highest;
  const one = 160 + length(1);
  return svg(title, [
    `<line class="rule" x1="${one.toFixed(1)}" x2="${one.toFixed(1)}" y1="${SIZE.top}" y2="${SIZE.top + bars.length * 50}"/>`,
    ...bars.map(([name, value], i) => {
      const y = SIZE.top + 12 + i * 50;
      return `<rect x="160" y="${y}" width="${length(value).toFixed(1)}" height="28" fill="#36c"/>${label(150, y + 19, name, 'end')}${label(168 + length(value), y + 19, value.toFixed(2), 'start')}`;
    }),
  ]);
};
