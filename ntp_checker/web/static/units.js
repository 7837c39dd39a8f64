// How figures look: the same words and digits as the server's own tables.
// As on the server: a figure and its unit are never torn apart.
const SPACE = "\u202f";
const UNITS = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];

/** The unit in which a chart whose largest value is `size_ns` is drawn: [ns per unit, name]. */
export function chartUnit(size_ns) {
  return UNITS.find(([scale]) => size_ns >= scale) ?? UNITS[UNITS.length - 1];
}

/** An offset in ns as text with sign, three digits and unit. */
export function offsetText(value_ns) {
  if (value_ns === null) return "—";
  const size = Math.abs(value_ns);
  if (size === 0) return `0${SPACE}ns`;
  const [scale, unit] = UNITS.find(([each]) => size >= each * 0.9995) ?? UNITS[3];
  const value = size / scale;
  const digits = scale === 1 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value_ns < 0 ? "−" : "+"}${value.toFixed(digits)}${SPACE}${unit}`;
}

/** An age in one unit, rounded down. */
export function ageText(age_s) {
  const whole = Math.max(0, Math.floor(age_s));
  if (whole >= 86400) return `${Math.floor(whole / 86400)}${SPACE}d`;
  if (whole >= 3600) return `${Math.floor(whole / 3600)}${SPACE}h`;
  if (whole >= 120) return `${Math.floor(whole / 60)}${SPACE}min`;
  return `${whole}${SPACE}s`;
}

/** A moment in UTC to the minute. */
export function utcText(epoch_s) {
  return new Date(epoch_s * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";
}
